"""An agent that beats and gets no further: its heartbeats say so, and the workstation gives it up."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionSession, LinkStalledError, TransferError
from operator_tool_plugins.provisioners.c10.agent import wire
from operator_tool_plugins.provisioners.c10.agent.guard import EXIT_STDIN_CLOSED
from operator_tool_plugins.provisioners.c10.wire import data_frame, offer_frame
from tests.support.c10_rig import (
    Agent,
    agent_file,
    ask,
    build_cache,
    final_line,
    manifest_of,
    order_of,
    receive_once,
    request_of,
    supply_of,
)
from tests.support.failpoint_runs import Fault, armed_agent, is_held

STANDS_STILL = """
ask()
say({{"event": "heartbeat", "doing": "taking in \\x1b[2J tiles", "for_s": {for_s!r}}})
sys.stdin.buffer.read()
"""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[wire.Outlet, Callable[[str], dict[str, Any]]]]:
    """An outlet that beats quickly, and what gives the next of its lines of one kind."""
    monkeypatch.setattr(wire, "HEARTBEAT_S", 0.02)
    out, into = os.pipe()
    outlet = wire.Outlet(into, serving=True)
    with os.fdopen(out, "rb") as lines:

        def next_of(event: str) -> dict[str, Any]:
            return next(line for line in map(json.loads, lines) if line.get("event") == event)

        yield outlet, next_of
        outlet.close()
    os.close(into)


def test_a_heartbeat_says_what_is_done_and_for_how_long_it_stood_still(
    said: tuple[wire.Outlet, Callable[[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time counts from the last step; between calls nothing is to move, and nothing is said of it."""
    outlet, next_of = said
    outlet.begin("build", 2, "run-1")
    assert next_of("heartbeat") == {"event": "heartbeat", "doing": "build", "for_s": 0}
    outlet.moved("verifying")
    begun_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: begun_s + 77.5)
    while (beat := next_of("heartbeat"))["for_s"] == 0:
        continue
    assert beat == {"event": "heartbeat", "doing": "verifying", "for_s": 77}
    outlet.event("progress", done=1)
    while next_of("heartbeat")["for_s"] != 0:
        continue
    outlet.report("build", True, {})
    while (beat := next_of("heartbeat")) != {"event": "heartbeat"}:
        assert beat["for_s"] == 0


@pytest.mark.parametrize("verb", ["hello", "receive", "build"])
def test_an_agent_that_beats_and_stands_still_is_given_up(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], verb: str
) -> None:
    """It says where it hung, with nothing in it that a terminal would obey; another attempt would meet the same."""
    python = player(verb, STANDS_STILL.format(for_s=900))
    with pytest.raises(LinkStalledError, match=r"hangs: taking in .* tiles, without progress for 900 s") as caught:
        build_cache(session, tmp_path / "cache", supply_of(300), python=python)
    assert caught.value.message.isprintable()
    assert "c10.stuck_s" in caught.value.hint


@pytest.mark.parametrize("for_s", [899, "900", None, True, -1])
def test_an_agent_that_may_still_move_is_not_given_up(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], for_s: object
) -> None:
    """Below the limit, or where the field is no number of seconds, the other limits decide."""
    script = STANDS_STILL.format(for_s=for_s).replace("sys.stdin.buffer.read()", "sys.exit(1)")
    with pytest.raises(TransferError, match="not a report"):
        build_cache(session, tmp_path / "cache", supply_of(300), python=player("receive", script))


@pytest.mark.parametrize("name", ["receive.before_commit", "publish.after_switch"])
def test_an_agent_that_hangs_and_talks_to_nobody_ends(tmp_path: Path, name: str) -> None:
    """Also where it reads its input to the end, or finishes its switch: it holds the lock, and nobody else can end it.

    What it had committed is kept, and ``current`` shows one whole cache.
    """
    root, order, supply = tmp_path / "cache", order_of(50), supply_of(50)
    real = agent_file(tmp_path)
    hanging = impatient(armed_agent(Fault("companion", name, "hang"), tmp_path / "hit"), tmp_path / "hanging.pyz")
    if name.startswith("receive"):
        with Agent(hanging, "receive", request_of(root, order)) as agent:
            agent.say(offer_frame(0, supply.records))
            assert agent.until("lacks")
            agent.say(data_frame(0, [supply.pictures[record.sha256] for record in supply.records]))
            agent.hang_up()
            assert agent.process.wait(timeout=30) == EXIT_STDIN_CLOSED
    else:
        receive_once(real, root, order, supply)
        with Agent(hanging, "hello", request_of(root, order)) as agent:
            greeting = agent.report()
        ordered = manifest_of(order, supply, seq=1, companion_id=greeting["companion_id"])
        with Agent(hanging, "build", request_of(root, order, manifest=ordered)) as agent:
            made = agent.until("made")
            assert made is not None
            agent.say(final_line(ordered, made["files"]) + b"commit\n")
            assert agent.until("ready")
            agent.hang_up()
            assert agent.process.wait(timeout=30) == EXIT_STDIN_CLOSED
        assert ask(real, "verify", root, order)["ok"]
    assert (tmp_path / "hit").exists()
    assert not is_held(root / "lock")


def impatient(agent: bytes, path: Path) -> Path:
    """Write an agent that differs in how long it waits to hear something, and return its path."""
    with zipfile.ZipFile(io.BytesIO(agent)) as real, zipfile.ZipFile(path, "w") as changed:
        for entry in real.infolist():
            data = real.read(entry)
            if entry.filename == "c10_agent/guard.py":
                assert data.count(b"UNHEARD_S = 20.0") == 1
                data = data.replace(b"UNHEARD_S = 20.0", b"UNHEARD_S = 0.5")
            changed.writestr(entry, data)
    return path
