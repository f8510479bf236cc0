"""Lines under caps, and errors that can be printed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import LinkError, escape_bytes
from operator_tool.api.programs.lines import LineSplitter, Tail

STREAMS = st.binary(max_size=60).map(lambda data: data.translate(bytes.maketrans(b"\x00\x01\x02", b"\n\n\n")))


def split(pieces: list[bytes], *, line_bytes: int, total_bytes: int) -> tuple[list[bytes], bool]:
    """Return the lines, and whether a cap was passed."""
    splitter = LineSplitter(line_bytes=line_bytes, total_bytes=total_bytes)
    lines: list[bytes] = []
    try:
        for piece in pieces:
            lines.extend(splitter.feed(piece))
        lines.extend(splitter.last())
    except LinkError:
        return lines, True
    return lines, False


def reference(data: bytes, *, line_bytes: int, total_bytes: int) -> tuple[list[bytes], bool]:
    """Do the same the slow way, byte by byte."""
    lines: list[bytes] = []
    line = b""
    for count, byte in enumerate(data):
        if count == total_bytes:
            return lines, True
        if byte == 0x0A:
            lines.append(line)
            line = b""
        else:
            line += bytes([byte])
            if len(line) > line_bytes:
                return lines, True
    return lines + [line] * bool(line), False


@given(
    data=STREAMS,
    cuts=st.lists(st.integers(0, 60)),
    line_bytes=st.integers(0, 70),
    total_bytes=st.integers(0, 70),
)
def test_lines_do_not_depend_on_the_pieces(data: bytes, cuts: list[int], line_bytes: int, total_bytes: int) -> None:
    """However a stream is cut, the lines and the cap that is passed are the same as of a byte-wise reading."""
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    pieces = pieces if b"".join(pieces) == data else [data]
    expected = reference(data, line_bytes=line_bytes, total_bytes=total_bytes)
    assert split(pieces, line_bytes=line_bytes, total_bytes=total_bytes) == expected


def test_case_086_no_more_than_a_line_is_held() -> None:
    """The splitter refuses a long line at the piece that passes the cap, not at its end."""
    splitter = LineSplitter(line_bytes=100, total_bytes=10**9)
    assert list(splitter.feed(b"x" * 100)) == []
    with pytest.raises(LinkError, match="more than 100 bytes"):
        list(splitter.feed(b"x"))


def test_a_tail_keeps_the_last_bytes() -> None:
    """Whatever the pieces, the tail is the last of the stream; a size of 0 keeps nothing."""
    tail, nothing = Tail(5), Tail(0)
    for piece in (b"abc", b"defg", b"", b"h"):
        tail.add(piece)
        nothing.add(piece)
    assert (tail.text, nothing.text) == ("defgh", "")


@given(st.binary())
def test_case_090_whatever_was_printable_is_all_that_is_printed(data: bytes) -> None:
    """No control, override or undecodable byte is left."""
    assert all(c.isprintable() or c in "\n\t" for c in escape_bytes(data, keep="\n\t"))
