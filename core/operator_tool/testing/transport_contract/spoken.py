"""Standard input for a program under test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Self


class Spoken:
    """What is said piece by piece, and ends with the block."""

    def __init__(self) -> None:
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def say(self, piece: bytes) -> None:
        """Let the program hear this."""
        self._pieces.put(piece)

    def end(self) -> None:
        """Let the program see the end of its input."""
        self._pieces.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces.get, None)


class Endless:
    """Pieces without end; how much was pulled is counted, and that nobody pulls any more is seen."""

    def __init__(self, piece: bytes, *, pause_s: float = 0.0, at_most_bytes: int = 256 * 1024 * 1024) -> None:
        self.pulled_bytes = 0
        self.closed = threading.Event()
        self._piece = piece
        self._pause_s = pause_s
        self._at_most_bytes = at_most_bytes

    def __iter__(self) -> Iterator[bytes]:
        try:
            while self.pulled_bytes < self._at_most_bytes:
                self.pulled_bytes += len(self._piece)
                yield self._piece
                time.sleep(self._pause_s)
        finally:
            self.closed.set()

    def settled_bytes(self, quiet_s: float) -> int:
        """Wait until nothing was pulled for so long, and return how much was pulled by then."""
        seen = -1
        while seen != self.pulled_bytes:
            seen = self.pulled_bytes
            time.sleep(quiet_s)
        return seen


def never(at_most_s: float = 30.0) -> Iterator[bytes]:
    """Yield nothing, but stay open for so long; ends soon after the run is left."""
    until_s = time.monotonic() + at_most_s
    while time.monotonic() < until_s:
        yield b""
        time.sleep(0.05)
