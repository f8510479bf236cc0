"""A stream that stands in for one that strangers write to: whole lines, begun ones, characters, bytes."""

from __future__ import annotations

import io

import pytest

from operator_tool.api import Secret
from operator_tool.redaction import LINE_WITHHELD, RedactingText, Redactor

KEY = "canary-9f31-stream"


@pytest.fixture
def target() -> io.StringIO:
    """Where it comes out."""
    return io.StringIO()


@pytest.fixture
def stream(target: io.StringIO) -> RedactingText:
    """The stream, which knows one secret."""
    redactor = Redactor()
    redactor.add(Secret(KEY))
    return RedactingText(target, redactor)


def test_without_a_secret_everything_goes_through_as_it_comes(target: io.StringIO) -> None:
    """No buffering, so that a bar that is drawn is seen."""
    stream = RedactingText(target, Redactor())
    stream.write("half a ")
    assert target.getvalue() == "half a "
    stream.write("line\nnext")
    assert target.getvalue() == "half a line\nnext"


@pytest.mark.parametrize("pieces", [[KEY], list(KEY), [KEY[:1], KEY[1:]], [KEY[:9], KEY[9:]]])
@pytest.mark.parametrize("flushed", [True, False])
def test_case_129_a_secret_is_covered_however_it_is_written(
    stream: RedactingText, target: io.StringIO, pieces: list[str], *, flushed: bool
) -> None:
    """In one piece, character by character, with and without a flush after each."""
    for piece in ["key=", *pieces, " end", "\n"]:
        stream.write(piece)
        if flushed:
            stream.flush()
    assert target.getvalue() == "key=*** end\n"


def test_case_129_a_secret_over_two_lines_is_withheld(stream: RedactingText, target: io.StringIO) -> None:
    """Each half alone is none."""
    stream.write(f"{KEY[:9]}\n{KEY[9:]}\nfine\n")
    stream.finish()
    assert target.getvalue() == f"{LINE_WITHHELD}\n{LINE_WITHHELD}\nfine\n"


def test_case_129_bytes_are_redacted_too(stream: RedactingText, target: io.StringIO) -> None:
    """Also where a character comes in two writes, or is none."""
    raw = f"ü{KEY}\n".encode()
    for byte in (*raw, 0xFF, 0x0A):
        stream.buffer.write(bytes([byte]))
    assert target.getvalue() == "ü***\n\\xff\n"


def test_a_frame_without_a_line_end_is_seen_when_it_is_flushed(stream: RedactingText, target: io.StringIO) -> None:
    """A display draws the same row again and again."""
    for percent in (1, 2):
        stream.write(f"\r\x1b[2Kdownload {percent} %")
        stream.flush()
        assert target.getvalue().endswith(f"download {percent} %")


def test_what_may_begin_a_secret_waits_until_it_goes_on(stream: RedactingText, target: io.StringIO) -> None:
    """And comes at the end of all, if it doesn't."""
    stream.write(f"tail {KEY[:1]}")
    stream.flush()
    assert target.getvalue() == "tail "
    stream.finish()
    assert target.getvalue() == f"tail {KEY[:1]}"
