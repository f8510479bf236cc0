"""Sizes have bounds on both sides: lines, orders, names, reports; each call ends in one report all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    AreaRequest,
    CompanionSession,
    GroundPolygon,
    Notice,
    OperatorToolError,
    PhaseProgress,
    PlanError,
)
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.wire import MAX_REPORT_BYTES, Outlet
from operator_tool_plugins.provisioners.c10.conversation import Progress, request_line
from operator_tool_plugins.provisioners.c10.fields import MAX_NUMBER, parse_strictly
from operator_tool_plugins.provisioners.c10.wire import MAX_LINE_BYTES
from tests.support.c10_rig import Told, ask, context_of, order_of, provisioner_of, supply_of

TOO_LONG = b'{"verb":"hello","x":"' + b"a" * MAX_LINE_BYTES + b'"}'


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("verb", ["serve", "hello"])
def test_a_line_that_is_too_long_is_reported(file: Path, verb: str, ended: bool) -> None:
    """One report with the code ``protocol`` whether the line ends or not, and no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(file), verb], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=-1
    )
    assert process.stdin is not None
    process.stdin.write(TOO_LONG + (b"\n" if ended else b""))
    said, complained = process.communicate(timeout=60)
    reports = [json.loads(line) for line in said.splitlines() if b'"report"' in line]
    assert [(one["ok"], one["error"]["code"]) for one in reports] == [(False, "protocol")]
    assert (process.returncode, complained) == (1, b"")


def test_a_report_on_a_line_that_could_not_be_read_is_this_calls(
    session: CompanionSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workstation tells the agent's own words, and does not take it for an agent that isn't there."""
    from operator_tool_plugins.provisioners.c10 import conversation

    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path))
    provisioner.install(session)
    monkeypatch.setattr(conversation, "request_line", lambda _verb, _request: TOO_LONG + b"\n")
    with pytest.raises(OperatorToolError, match="protocol: a line on standard input is longer"):
        provisioner.status(session)


def test_no_request_beyond_what_an_agent_takes_is_sent() -> None:
    """It is refused here, with its size."""
    with pytest.raises(PlanError, match=r"16\.8 MB"):
        request_line("build", {"manifest": "x" * MAX_LINE_BYTES})


def test_an_order_that_is_too_large_is_refused_before_anything_is_fetched(
    session: CompanionSession, tmp_path: Path
) -> None:
    """When the companion is asked, also where nothing is to be written."""
    ring = tuple((11.0 + number / 1e7, 49.123456789) for number in range(700_000))
    order = order_of(5)
    inputs = msgspec.structs.replace(order.inputs, area=AreaRequest(polygons=(GroundPolygon(outer=ring),)))
    for dry_run in (True, False):
        large = msgspec.structs.replace(order, inputs=inputs, dry_run=dry_run)
        with pytest.raises(PlanError):
            provisioner_of(tmp_path / "cache", context_of(tmp_path)).prepare(session, large)


def test_a_large_order_is_built(session: CompanionSession, tmp_path: Path) -> None:
    """Of a size that its manifest, written to be read, would be beyond the agent's line."""
    supply = supply_of(5)
    ring = tuple((11.0 + number / 1e7, 49.123456789) for number in range(250_000))
    order = order_of(5)
    inputs = msgspec.structs.replace(order.inputs, area=AreaRequest(polygons=(GroundPolygon(outer=ring),)))
    large = msgspec.structs.replace(order, inputs=inputs)
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path))
    provisioner.prepare(session, large)
    summary = provisioner.transfer(session, large, supply)
    assert provisioner.build(session, large, summary).tiles == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("operator", "x" * 257),
        ("operator", "\u202e" * 2_000_000),
        ("operator", "\ud800"),
        ("run_id", "r" * 129),
        ("mount_point", "/" + "x" * 4096),
        ("required_files", ["/" + "x" * 4096]),
    ],
)
def test_a_text_beyond_its_bounds_is_refused(file: Path, tmp_path: Path, field: str, value: object) -> None:
    """Before it is written anywhere; the lock's holder is not noted."""
    root = tmp_path / "cache"
    report = ask(file, "hello", root, order_of(1), **{field: value})
    assert (report["ok"], report["error"]["code"]) == (False, "request")
    assert len(json.dumps(report)) < 2000
    assert not root.exists()


def test_texts_of_this_side_are_bounded_before_they_are_sent(session: CompanionSession, tmp_path: Path) -> None:
    """A name of megabytes, half a character: the cache is built, and its manifest and log hold little of them."""
    supply, order = supply_of(5), order_of(5)
    flight = msgspec.structs.replace(order.flight, id="i" * 10**6, name="\ud800" * 10**5, source="s" * 10**6)
    odd = msgspec.structs.replace(order, operator="\udcff" + "o" * 10**6, attribution="a" * 10**6, flight=flight)
    root = tmp_path / "cache"
    provisioner = provisioner_of(root, context_of(tmp_path))
    provisioner.prepare(session, odd)
    provisioner.build(session, odd, provisioner.transfer(session, odd, supply))
    assert (root / "current" / "manifest.json").stat().st_size < 100_000
    assert (root / "audit.jsonl").stat().st_size < 2000


class _Said:
    """An agent's standard output."""

    def __init__(self) -> None:
        self.there, here = os.pipe()
        self.outlet = Outlet(here, serving=False)
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._here = here

    def _read(self) -> None:
        with open(self.there, "rb") as pipe:
            self.lines += pipe

    def ended(self) -> list[Any]:
        """Close it and return what was said."""
        os.close(self._here)
        self._reader.join(10)
        return [json.loads(line) for line in self.lines]


@pytest.mark.parametrize(
    ("fields", "is_cut"),
    [
        ({"problems": [{"problem": "x" * 200, "path": str(number)} for number in range(20_000)]}, True),
        ({"text": "x" * 2_000_000}, True),
        ({"n": float("nan")}, False),
        ({"n": {1, 2}}, False),
        ({"tree": [["x" * 900] * 100] * 100}, False),
    ],
)
def test_a_report_that_cannot_be_told_whole_is_still_one(fields: dict[str, object], is_cut: bool) -> None:
    """Cut where that helps, else replaced by a failure that says why: one line within a workstation's bounds."""
    said = _Said()
    said.outlet.report("verify", True, fields)
    (report,) = said.ended()
    assert len(said.lines[0]) <= MAX_REPORT_BYTES
    assert (report["report"], report["ok"]) == ("verify", is_cut)
    assert is_cut or report["error"]["code"] == "internal"


def test_an_event_that_no_line_can_hold_is_the_calls_failure() -> None:
    """As of a stage that made thousands of files with long names."""
    said = _Said()
    with pytest.raises(AgentError, match="made"):
        said.outlet.event("made", files=[{"path": "x" * 400}] * 4096)
    assert said.ended() == []


WAITING = """
request = ask()
for _ in range(100):
    os.write(1, (json.dumps({"event": "waiting", "holder": {"operator": "x" * 100}}) + "\\n").encode() * 200)
"""


def test_a_storm_of_waiting_is_told_a_few_times(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str]
) -> None:
    """However often it is said."""
    told = Told()
    python = player("serve", WAITING)
    with pytest.raises(OperatorToolError):
        provisioner_of(tmp_path / "cache", context_of(tmp_path, told), python=python).prepare(session, order_of(5))
    assert 1 <= len([event for event in told if isinstance(event, Notice)]) <= 5


def test_progress_that_claims_to_end_again_and_again_is_told_now_and_then(tmp_path: Path) -> None:
    """Its end is told at once the first time only."""
    told = Told()
    progress = Progress(context_of(tmp_path, told), "build")
    until = time.monotonic() + 0.25
    while time.monotonic() < until:
        progress.tell(5, 5)
    assert 1 <= len([event for event in told if isinstance(event, PhaseProgress)]) <= 5


def test_numbers_depth_and_halves_of_characters_stop_at_the_door() -> None:
    """What could break a report or a log is not parsed; a number that nobody means is one that no field takes."""
    for line in (b"[" * 20 + b"]" * 20, b'{"a":"\\ud800"}', b'{"\\udfff":1}', b'{"a":1e999}', b'{"a":-Infinity}'):
        with pytest.raises(ValueError, match=r"."):
            parse_strictly(line)
    for digits in (b"9" * 400, b"-" + b"9" * 400, b"9" * 5000):
        number = parse_strictly(digits)
        assert isinstance(number, int)
        assert MAX_NUMBER < abs(number) < 2**63
    assert parse_strictly(b'"\\ud83d\\ude00"') == "\U0001f600"
