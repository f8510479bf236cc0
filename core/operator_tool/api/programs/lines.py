"""Lines out of a stream of bytes under caps, and the last of a stream of errors."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LinkError
from ..escaping import escape_bytes


class LineSplitter:
    """Cuts a stream into lines, however it arrives in pieces; holds at most one line and never more than its cap."""

    def __init__(self, *, line_bytes: int, total_bytes: int) -> None:
        self._line_bytes = line_bytes
        self._total_bytes = total_bytes
        self._left_bytes = total_bytes
        self._open_line = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that ``data`` completes, without their line end; a carriage return is the line's own.

        Raises ``LinkError`` at the first byte beyond a cap; the lines before it were yielded.
        """
        *ended, rest = data[: self._left_bytes].split(b"\n")
        for piece in ended:
            self._extend(piece)
            line = bytes(self._open_line)
            self._open_line.clear()
            yield line
        self._extend(rest)
        if len(data) > self._left_bytes:
            raise LinkError(
                f"the companion's program wrote more than {self._total_bytes:,} bytes; its run was ended",
                retryable=False,
            )
        self._left_bytes -= len(data)

    def last(self) -> Iterator[bytes]:
        """Yield the line that the stream's end cut short, if there is one."""
        if self._open_line:
            yield bytes(self._open_line)
            self._open_line.clear()

    def _extend(self, piece: bytes) -> None:
        if len(self._open_line) + len(piece) > self._line_bytes:
            raise LinkError(
                f"the companion's program wrote a line of more than {self._line_bytes:,} bytes; its run was ended",
                retryable=False,
            )
        self._open_line += piece


class Tail:
    """The last bytes of a stream. One thread adds to it, any thread reads it."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._bytes = b""

    def add(self, data: bytes) -> None:
        """Add what came, and forget what is beyond the size."""
        self._bytes = (self._bytes + data)[-self._size_bytes :] if self._size_bytes else b""

    @property
    def text(self) -> str:
        """What is kept, decoded, and harmless to print."""
        return escape_bytes(self._bytes, keep="\n\t")
