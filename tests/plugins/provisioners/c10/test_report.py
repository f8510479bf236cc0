"""The judging of a report: exit status, report, run id and verb must agree, and the worse wins (catalogue G)."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import BuildError, LinkError, Meta
from operator_tool_plugins.provisioners.c10.escaping import printable, printable_line
from operator_tool_plugins.provisioners.c10.fields import parse_strictly
from operator_tool_plugins.provisioners.c10.report import (
    MAX_IDLE_BEATS,
    AgentFailureError,
    Transcript,
)
from operator_tool_plugins.provisioners.c10.wire import PROTOCOL

BEGIN = b'{"event":"begin","verb":"build","protocol":%d,"run_id":"r"}' % PROTOCOL


class Fields(msgspec.Struct, frozen=True):
    """What a report must hold here."""

    tiles: Annotated[int, Meta(ge=0, le=2**53 - 1)]


def report(**fields: Any) -> bytes:
    """Return a report that is as it must be, but for ``fields``."""
    return json.dumps({"report": "build", "run_id": "r", "ok": True, "tiles": 5, **fields}).encode()


def judge(*lines: bytes, exit_status: int | None = 0, link: LinkError | None = None, stderr: str = "") -> Fields:
    """Judge a call that said these lines."""
    transcript = Transcript("build", "r")
    for line in lines:
        transcript.feed(line)
    transcript.ended, transcript.link_error = link is None, link
    return transcript.judge(Fields, BuildError, exit_status=exit_status, stderr_tail=stderr)


def refused(*lines: bytes, exit_status: int | None = 0, link: LinkError | None = None, stderr: str = "") -> str:
    """Return the message that these lines are refused with."""
    with pytest.raises(BuildError) as caught:
        judge(*lines, exit_status=exit_status, link=link, stderr=stderr)
    assert caught.value.message.isprintable()
    return caught.value.message


def test_a_good_report_is_taken() -> None:
    """All agrees: the fields come out."""
    assert judge(BEGIN, b'{"event":"heartbeat"}', report()) == Fields(5)


def test_a_report_that_was_lost_on_its_way_is_not_waited_for() -> None:
    """An agent that beats as between calls has answered; one that says what it does, or says anything else, has not."""
    idle, works = b'{"event":"heartbeat"}', b'{"event":"heartbeat","doing":"hello","for_s":5}'
    garbled = report().replace(b"{", b"\xff")
    with pytest.raises(LinkError, match="is done with build, and what it answered was garbled") as caught:
        judge(BEGIN, garbled, *[idle] * MAX_IDLE_BEATS)
    assert caught.value.retryable
    with pytest.raises(LinkError, match="garbled"):
        judge(b"the first line, garbled, too", garbled, *[idle] * MAX_IDLE_BEATS)
    almost = [idle] * (MAX_IDLE_BEATS - 1)
    assert judge(BEGIN, *almost, works, *almost, report()) == Fields(5)


def test_case_079_a_reported_failure_shows_its_code() -> None:
    """The agent's own code and words come out, with what it added."""
    with pytest.raises(AgentFailureError) as caught:
        judge(BEGIN, report(ok=False, error={"code": "verify", "message": "\x1b[1mno", "n": 1}), exit_status=1)
    assert (caught.value.code, caught.value.message, caught.value.details["n"]) == ("verify", "\\x1b[1mno", 1)


def test_case_080_killed() -> None:
    """No exit status is never success, whatever was reported."""
    assert "ended without exit status (killed?)" in refused(BEGIN, report(), exit_status=None)
    assert "ended without exit status (killed?)" in refused(BEGIN, b'{"repo', exit_status=None)


@pytest.mark.parametrize("status", [126, 127])
def test_case_081_not_installed(status: int) -> None:
    """What a shell says of a program that it can't start comes with the hint which setting names it."""
    with pytest.raises(BuildError, match="not installed or not executable") as caught:
        judge(exit_status=status, stderr="sh: python3: not found\n")
    assert "c10.python" in caught.value.hint
    assert "python3: not found" in caught.value.message


def test_case_101_no_report() -> None:
    """Exit 0 without a report is no success."""
    assert "no report" in refused()
    assert "not a report" in refused(BEGIN, b'{"event":"heartbeat"}')
    assert "not a report" in refused(BEGIN, b"done")


def test_case_102_garbage_after_the_report() -> None:
    """There is no search backwards; the last five lines are shown, escaped."""
    message = refused(BEGIN, b"1", b"2", b"3", report(), b"\x1b]52;c;evil\x07")
    assert "not the last line" in message
    assert "\\x1b]52;c;evil\\x07" in message
    assert "begin" not in message
    assert "not the last line" in refused(BEGIN, report(), b"")


@pytest.mark.parametrize(
    "last",
    [
        report().replace(b'"tiles"', b'"ok": true, "tiles"'),
        report(tiles=float("nan")),
        report(tiles=float("inf")),
        report(extra={"a": -float("inf")}),
    ],
)
def test_case_103_ambiguous_json(last: bytes) -> None:
    """What two parsers could read differently is no report."""
    refused(BEGIN, last)


def test_case_103_two_reports() -> None:
    """Two reports are none."""
    assert "two reports" in refused(BEGIN, report(), report())


def test_case_104_unknown_fields_and_versions() -> None:
    """Unknown fields are let be; an agent of another protocol is refused with both numbers."""
    assert judge(BEGIN, report(novelty=[1, {}])) == Fields(5)
    message = refused(BEGIN.replace(b'"protocol":%d' % PROTOCOL, b'"protocol":%d' % (PROTOCOL + 1)), report())
    assert f"protocol {PROTOCOL + 1}" in message
    assert f"speaks {PROTOCOL}" in message


@pytest.mark.parametrize(
    ("last", "place"),
    [
        (report(tiles="5"), "$.tiles"),
        (report(tiles=None), "$.tiles"),
        (report(tiles=5.5), "$.tiles"),
        (report(tiles=True), "$.tiles"),
        (report(tiles=-1), "$.tiles"),
        (report(tiles=10**30), "$.tiles"),
        (report(tiles=2**53), "$.tiles"),
        (report().replace(b'"tiles"', b'"tails"'), "tiles"),
        (report(ok="yes"), "ok"),
        (report(ok=1), "ok"),
        (report(report=None), "report"),
        (b'{"report":"build"}', "run_id"),
    ],
)
def test_case_105_a_wrong_field_is_named(last: bytes, place: str) -> None:
    """A missing field, another type, a negative or endless count: refused, naming the field."""
    assert place in refused(BEGIN, last)


def test_case_106_the_worse_wins() -> None:
    """Success with exit 3, or failure with exit 0, is failure."""
    assert "exit 3" in refused(BEGIN, report(), exit_status=3)
    with pytest.raises(AgentFailureError, match="exit 0"):
        judge(BEGIN, report(ok=False, error={"code": "x", "message": "y"}))
    with pytest.raises(AgentFailureError, match="no reason"):
        judge(BEGIN, report(ok=False, error="odd"))


@pytest.mark.parametrize("fields", [{"run_id": "r2"}, {"run_id": None}, {"report": "hello"}])
def test_case_107_a_report_of_another_run(fields: dict[str, Any]) -> None:
    """A stale or spoofed report is none."""
    assert "not" in refused(BEGIN, report(**fields))


def test_case_108_a_cut_report_and_a_lost_link() -> None:
    """The lost link is what is told, not the JSON that it cut."""
    message = refused(BEGIN, report()[:-9], exit_status=None, link=LinkError("the link broke"))
    assert message == "build: the link broke"
    assert "the link broke" in refused(BEGIN, report(), exit_status=0, link=LinkError("the link broke"))


def test_case_109_line_ends_and_marks() -> None:
    """A byte order mark and a carriage return are let be; UTF-16 is not."""
    assert judge(BEGIN, report() + b"\r") == Fields(5)
    assert judge(BEGIN, b"\xef\xbb\xbf" + report()) == Fields(5)
    refused(BEGIN, report().decode().encode("utf-16"))


def test_case_110_size_and_markup() -> None:
    """A report beyond its cap is refused; what looks like a format or markup is shown as it is."""
    assert "longer than" in refused(BEGIN, report(padding="x" * 2**20))
    assert "{0.__class__} %s %(x)d [red]" in refused(BEGIN, b"{0.__class__} %s %(x)d [red]")


def test_case_060_noise_before_the_first_line_of_ours() -> None:
    """A message of the day is let be, even one that looks like events; only endless noise is not."""
    transcript = Transcript("build", "r")
    assert transcript.feed(b"Welcome to drone 7") is None
    assert transcript.feed(b'{"event":"lacks","batch":0}') is None
    assert transcript.feed(b'{"event":"begin","run_id":"other"}') is None
    assert not transcript.begun
    transcript.feed(BEGIN)
    assert transcript.feed(b'{"event":"lacks","batch":0}') == {"event": "lacks", "batch": 0}
    noisy = Transcript("build", "r")
    for _line in range(1000):
        noisy.feed(b"noise")
    with pytest.raises(LinkError, match="not the agent's"):
        noisy.feed(b"noise")


JSON_LINES = st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())


@given(st.binary() | JSON_LINES)
def test_any_line_is_parsed_or_refused_by_value_error(line: bytes) -> None:
    """No line makes the parser raise anything else, and what it takes is what JSON says."""
    try:
        value = parse_strictly(line)
    except ValueError:
        return
    assert value == json.loads(line.removeprefix(b"\xef\xbb\xbf"))


@pytest.mark.parametrize("line", [b"[" * 200_000, b"1" * 5000, b'"\\ud800"', b'{"a":1,"a":2}'])
def test_hostile_json_is_a_value_error_at_most(line: bytes) -> None:
    """Depth, endless digits and half characters end in the one error, or in harmless text."""
    try:
        value = parse_strictly(line)
    except ValueError:
        return
    assert printable(str(value)).isprintable()


@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_case_090_whatever_came_is_printable(line: bytes) -> None:
    """Escaped text is printable in every character, and can be encoded."""
    shown = printable_line(line)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[2Jx", "\\x1b[2Jx"),
        (b"a\rb", "a\\rb"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\0b", "a\\x00b"),
        ("grün".encode(), "grün"),
    ],
)
def test_case_090_how_it_is_shown(raw: bytes, shown: str) -> None:
    """Controls, direction marks and bytes that are no text are shown as escapes; letters stay."""
    assert printable_line(raw) == shown


def test_a_long_line_is_cut_for_showing() -> None:
    """Nobody's screen is flooded by one line."""
    assert len(printable_line(b"x" * 100_000)) < 3000
