"""An agent that beats and gets no further: its heartbeats say so, and the workstation gives it up."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionSession, LinkStalledError, TransferError
from operator_tool_plugins.provisioners.c10.agent import wire
from tests.support.c10_rig import build_cache, supply_of

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
