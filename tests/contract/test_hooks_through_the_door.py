"""Every hook, asked of a plugin that came in by an entry point, as a stranger's does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, Notice, RunContext, WantedTile
from operator_tool.api.tiles import TileId
from operator_tool.plugin_host.discovery import Discovery
from operator_tool.plugin_host.host import PluginHost
from operator_tool.settings import SettingsSources
from tests.support.distributions import write_distribution

PLUGIN = """
from typing import Annotated
from operator_tool.api import *
from operator_tool.api import Absent, Meta, PluginSettings, hookimpl

class Settings(PluginSettings, frozen=True, kw_only=True):
    label: Annotated[str, Meta(description="What it is called.")] = "plain"

class Everything:
    def __init__(self, settings, context):
        self.address = self.site = settings.label
        self.run_id = context.run_id
    def resolve(self, reference): return (self.address, reference)
    def describe(self): return self.address
    def fetch(self, wanted):
        for tile in wanted: yield Absent(tile.id)
    def connect(self): return self.run_id
    def prepare(self, session, order): return self.site
    def transfer(self, session, order, tiles): ...
    def build(self, session, order, transferred): ...
    def close(self): ...

@hookimpl
def plugin_settings(): return Settings
@hookimpl
def make_flight_source(settings, context): return Everything(settings, context)
@hookimpl
def make_tile_provider(settings, context): return Everything(settings, context)
@hookimpl
def make_companion_transport(settings, context): return Everything(settings, context)
@hookimpl
def make_provisioner(settings, context): return Everything(settings, context)
told = []
@hookimpl
def start_listening(settings, context): told.append(("start", settings.label, context.run_id))
@hookimpl
def stop_listening(): told.append("stop")
@hookimpl
def on_event(event): told.append(("event", event))
"""

OpenHost = Callable[..., PluginHost]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenHost:
    """Install one distribution with a plugin in each role, and return how to open a host over it."""
    site = tmp_path / "site"
    roles = ("flight_source", "tile_provider", "companion_transport", "provisioner")
    factories = {role: {f"acme-{role.partition('_')[0]}": f"acme_{role}"} for role in roles}
    listening = {"listener": {"acme-ear": "acme_ear"}}
    hooks = {"flight_source": "flight_source", "tile_provider": "tile_provider"}
    assert set(hooks) <= set(roles)
    write_distribution(
        site,
        "acme",
        entry_points=factories | listening,
        modules={f"acme_{role}": PLUGIN for role in roles} | {"acme_ear": _without_factories(PLUGIN)},
    )
    monkeypatch.syspath_prepend(site)

    def open_host(*options: str) -> PluginHost:
        sources = SettingsSources.read(
            config_file=tmp_path / "none.toml", explicit=False, env={}, options=options, profiles=()
        )
        return PluginHost(Discovery(), sources, lambda name: RunContext(run_id="run-1", state_dir=tmp_path / name))

    return open_host


def _without_factories(source: str) -> str:
    lines = source.splitlines()
    keep = [
        line
        for place, line in enumerate(lines)
        if "def make_" not in line and not (line == "@hookimpl" and "def make_" in lines[place + 1])
    ]
    return "\n".join(keep)


def test_hook_plugin_settings(host: OpenHost) -> None:
    """The class that the hook names is what the plugin's options are checked against."""
    assert host("acme-tile.label=blue").tile_providers(["acme-tile"])[0][1].describe() == "blue"  # type: ignore[comparison-overlap]
    with pytest.raises(ConfigError, match="lable"):
        host("acme-tile.lable=blue").tile_providers(["acme-tile"])


def test_hook_make_flight_source(host: OpenHost) -> None:
    """The factory's object resolves what the operator named."""
    assert host().flight_source("acme-flight").resolve("F-1") == ("plain", "F-1")  # type: ignore[comparison-overlap]


def test_hook_make_tile_provider(host: OpenHost) -> None:
    """The factory's object is asked for tiles."""
    ((name, provider),) = host().tile_providers(["acme-tile"])
    wanted = iter([WantedTile(TileId(1, 0, 0))])
    assert (name, [result.id for result in provider.fetch(wanted)]) == ("acme-tile", [TileId(1, 0, 0)])


def test_hook_make_companion_transport(host: OpenHost) -> None:
    """The factory's object says where it connects to before it does."""
    transport = host("acme-companion.label=there").companion_transport("acme-companion")
    assert transport.address == "there"
    assert transport.connect() == "run-1"  # type: ignore[comparison-overlap]


def test_hook_make_provisioner(host: OpenHost) -> None:
    """The factory's object says where on the companion the cache lies."""
    assert host("acme-provisioner.label=/cache").provisioner("acme-provisioner").site == "/cache"


def test_hook_start_listening(host: OpenHost) -> None:
    """A listener is given its settings before the first event."""
    import sys

    opened = host("acme-ear.label=left")
    opened.start_listeners(["acme-ear"])
    assert sys.modules["acme_ear"].told.pop() == ("start", "left", "run-1")


def test_hook_stop_listening(host: OpenHost) -> None:
    """A listener is told that no event will follow."""
    import sys

    opened = host()
    opened.start_listeners(["acme-ear"])
    opened.stop_listeners()
    assert sys.modules["acme_ear"].told.pop() == "stop"


def test_hook_on_event(host: OpenHost) -> None:
    """A listener is told of each event."""
    import sys

    opened = host()
    opened.start_listeners(["acme-ear"])
    opened.emit(Notice(text="hello"))
    assert sys.modules["acme_ear"].told.pop() == ("event", Notice(text="hello"))
