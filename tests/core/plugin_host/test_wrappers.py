"""Listeners that wrap a factory: in which order, what each sees of a failure, and who is to blame for what."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import ConfigError, OperatorToolError, PluginError, RunContext
from operator_tool.plugin_host.discovery import Discovery, load
from operator_tool.plugin_host.entry import Role
from operator_tool.plugin_host.hooks import Hooks
from operator_tool.plugin_host.host import PluginHost
from operator_tool.settings import SettingsSources
from tests.support.distributions import write_distribution

TRANSPORT = """
from typing import Annotated
from operator_tool import api

class Settings(api.PluginSettings, frozen=True, kw_only=True):
    fails: Annotated[str, api.Meta(description="How.")] = ""

class Transport:
    address = "there"
    simulation = "a rig"
    def connect(self): ...

@api.hookimpl.plugin_settings
def plugin_settings(): return Settings

@api.hookimpl.make_companion_transport
def make(settings):
    if settings.fails == "recognised": raise api.ConfigError("no such port")
    if settings.fails == "unknown": raise RuntimeError("wing fell off")
    if settings.fails == "stop": raise StopIteration("early")
    return "a string" if settings.fails == "wrong" else Transport()
"""

RIG = """
from operator_tool import api

LETTER = {letter!r}
seen = []

class Wrapped:
    def __init__(self, inner): self.inner, self.address = inner, LETTER + "(" + inner.address + ")"
    def __getattr__(self, name): return getattr(self.inner, name)
    def connect(self): return self.inner.connect()

@api.hookimpl.on_event
def on_event(event): ...

@api.hookimpl(wrapper=True)
def make_companion_transport(context):
{body}
"""

GOOD = """
try:
    inner = yield
except BaseException as error:
    seen.append(type(error).__name__)
    raise
seen.append(inner.address)
return Wrapped(inner)
"""

Make = Callable[..., Any]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Installs a transport and a rig for each body, and makes the transport with the rigs enabled in that order."""
    site = tmp_path / "site"
    write_distribution(
        site, "bravo-link", entry_points={"companion_transport": {"bravo": "bravo"}}, modules={"bravo": TRANSPORT}
    )
    monkeypatch.syspath_prepend(site)

    def make(*bodies: str, fails: str = "") -> Any:
        names = [f"rig-{letter}" for letter, _body in zip("abc", bodies, strict=False)]
        for name, body in zip(names, bodies, strict=True):
            module = name.replace("-", "_")
            source = RIG.format(letter=name[-1], body=textwrap.indent(body.strip("\n"), "    "))
            monkeypatch.delitem(sys.modules, module, raising=False)
            write_distribution(
                site,
                f"acme-{name}",
                version="3.1",
                entry_points={"listener": {name: module}},
                modules={module: source},
            )
        sources = SettingsSources.read(
            config_file=tmp_path / "none.toml", explicit=False, env={}, options=[f"bravo.fails={fails}"], profiles=()
        )
        host = PluginHost(Discovery(), sources, lambda name: RunContext(run_id="r", state_dir=tmp_path / name))
        host.start_listeners(names)
        return host.companion_transport("bravo")

    return make


def seen(letter: str) -> list[str]:
    """Return what a rig has seen at its yield."""
    found: list[str] = sys.modules[f"rig_{letter}"].seen
    return found


def test_the_listener_that_is_enabled_last_is_outermost(make: Make) -> None:
    """It is given what the one before it made, and its own is what the run works with."""
    made = make(GOOD, GOOD, GOOD)

    assert made.address == "c(b(a(there)))"
    assert (seen("a"), seen("b"), seen("c")) == (["there"], ["a(there)"], ["b(a(there))"])


@pytest.mark.parametrize(
    ("fails", "raised", "message"),
    [("recognised", ConfigError, "no such port"), ("unknown", PluginError, r"'bravo' \(bravo-link 1\.0\).*wing fell")],
)
def test_each_wrapper_sees_from_inside_out_what_the_selected_plugin_raised(
    make: Make, fails: str, raised: type[OperatorToolError], message: str
) -> None:
    """What they let pass is told as the failure of the plugin that raised it, and of no wrapper."""
    with pytest.raises(raised, match=message):
        make(GOOD, GOOD, fails=fails)

    assert seen("a") == seen("b") == [{"recognised": "ConfigError", "unknown": "RuntimeError"}[fails]]


def test_what_a_wrapper_makes_of_a_failure_stands(make: Make) -> None:
    """A rig may stand in for a transport that can't be made; who wraps it sees no failure."""
    stand_in = """
try:
    yield
except api.ConfigError:
    return Wrapped(type("Other", (), {"address": "other", "connect": lambda self: None})())
"""
    assert make(stand_in, GOOD, fails="recognised").address == "b(a(other))"
    assert seen("b") == ["a(other)"]


def test_a_wrapper_is_not_given_what_is_no_transport(make: Make) -> None:
    """The selected plugin is to blame, and what the wrapper opened is closed."""
    tidy = """
try:
    inner = yield
    seen.append("given")
finally:
    seen.append("closed")
return Wrapped(inner)
"""
    with pytest.raises(PluginError, match=r"'bravo' \(bravo-link 1\.0\): .* gave 'a string'"):
        make(tidy, fails="wrong")
    assert seen("a") == ["closed"]


WRONG = {
    "before": ("raise KeyError('x')\nyield", "failed: KeyError: 'x'"),
    "after": ("inner = yield\nraise KeyError('x')", "failed: KeyError: 'x'"),
    "exit": ("inner = yield\nraise SystemExit(0)", "failed: SystemExit: 0"),
    "no yield": ("if seen: yield\nreturn None", "returned before its yield"),
    "two yields": ("inner = yield\nyield\nreturn inner", "yielded twice"),
    "two yields that hold on": (
        "inner = yield\ntry:\n    yield\nexcept GeneratorExit:\n    yield",
        "failed: RuntimeError: generator ignored GeneratorExit",
    ),
    "nothing": ("inner = yield", "gave None, not a CompanionTransport"),
    "another thing": ("inner = yield\nreturn 'wrapped'", "gave 'wrapped', not a CompanionTransport"),
    "hiding": (
        "inner = yield\nreturn type('T', (), {'address': 'x', 'connect': lambda self: None})()",
        "hides that there is no drone behind the transport",
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrappers_mistake_is_told_as_its_own(make: Make, mistake: str) -> None:
    """The message names the wrapper's distribution and version, and a wrapper further out sees the same."""
    body, message = WRONG[mistake]

    with pytest.raises(PluginError) as raised:
        make(GOOD, body, GOOD)

    assert raised.value.exit_code == 12
    assert "listener 'rig-b' (acme-rig-b 3.1) wraps make_companion_transport and " + message in raised.value.message
    assert raised.value.hint == "Update or remove acme-rig-b, or select another listener."
    assert seen("c") == ["PluginError"]
    assert seen("a") == ([] if mistake in ("before", "no yield") else ["there"])


def test_a_wrapper_that_fails_over_a_failure_is_to_blame_for_its_own(make: Make) -> None:
    """The one that came first is its cause."""
    with pytest.raises(PluginError, match=r"acme-rig-a 3\.1\) wraps .* failed: NameError") as raised:
        make("try:\n    yield\nexcept RuntimeError:\n    undefined", fails="unknown")

    assert isinstance(raised.value.__cause__, NameError)
    assert str(raised.value.__cause__.__context__) == "wing fell off"


def test_a_stop_iteration_of_the_selected_plugin_is_no_wrappers_failure(make: Make) -> None:
    """Python makes another error of it on its way through a generator."""
    with pytest.raises(PluginError, match=r"'bravo' \(bravo-link 1\.0\): make_companion_transport failed"):
        make("inner = yield\nreturn Wrapped(inner)", fails="stop")


def test_pluggys_older_wrappers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one way to wrap, in which what is raised and what is returned are Python's own."""
    older = """
import pluggy

@pluggy.HookimplMarker("operator_tool")(hookwrapper=True)
def make_provisioner():
    yield
"""
    site = tmp_path / "site"
    write_distribution(site, "acme-old", entry_points={"listener": {"old": "acme_old"}}, modules={"acme_old": older})
    monkeypatch.syspath_prepend(site)
    hooks = Hooks()
    entry = Discovery().find(Role.LISTENER, "old")
    plugin = load(entry)
    for _ in range(2):
        with pytest.raises(PluginError, match=r"acme-old 1\.0\) wraps make_provisioner in pluggy's old way"):
            hooks.register(entry, plugin)
