"""The listener that ``plugins new`` writes: it ends while the host still waits for it, and counts what got lost."""

from __future__ import annotations

import importlib.util
import logging
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from operator_tool import api
from operator_tool.plugin_host.listening import HANG_S
from operator_tool.scaffold import NewProject

ACME_EVENTS = Path(__file__).parents[2] / "distributions" / "acme-events" / "src" / "acme_events" / "__init__.py"


def imported(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import one file, for one test."""
    spec = importlib.util.spec_from_file_location("listener_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of a new project."""
    project = NewProject(role="listener", name="acme", description="", tool_version="1.0", contract="1.0")
    path = tmp_path / "plugin.py"
    path.write_text(project.files()[f"src/{project.module}/__init__.py"], encoding="utf-8")
    return imported(path, monkeypatch)


def ranges(settings: type[api.PluginSettings]) -> dict[str, tuple[Any, ...]]:
    """Return default and bounds of each number."""
    described = msgspec.inspect.type_info(settings)
    assert isinstance(described, msgspec.inspect.StructType)
    found = {}
    for field in described.fields:
        kind = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
        if isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            found[field.name] = (field.default, kind.gt, kind.ge, kind.le)
    return found


def test_its_end_is_shorter_than_the_host_waits_for_it(template: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is set, and with the same ranges as the page that goes through such a listener."""
    own = ranges(template.Settings)
    assert own["flush_s"][-1] + own["timeout_s"][-1] < HANG_S
    assert own == ranges(imported(ACME_EVENTS, monkeypatch).Settings)


def test_it_counts_each_event_that_did_not_arrive(
    template: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The one under way, those in the queue and those that found it full, and not the end that it puts there itself."""
    for told, waiting in ((8, 5), (3, 5)):
        caplog.clear()
        with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.WARNING):
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            settings = template.Settings(url=url, waiting=waiting, timeout_s=0.2, flush_s=0.0)
            poster = template._Poster(settings, api.RunContext(run_id="run", state_dir=tmp_path))
            for _ in range(told):
                poster.tell(api.Notice(text="x"))
            poster.stop()
            poster._thread.join(30)
        assert not poster._thread.is_alive()
        assert f"acme: {told} of {told} events did not arrive" in caplog.messages
