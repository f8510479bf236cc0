"""What a stage's program prints, passed on in bounds: so long a line, so many a second, so much in all."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Callable, Deque, List

MAX_LINE_BYTES = 4096
MAX_LINES_A_SECOND = 50
MAX_BYTES = 1024 * 1024
TAIL_LINES = 20
_READ_BYTES = 64 * 1024


class Lines:
    """Reads a pipe in a thread of its own until it ends; a workstation that reads slowly holds up nobody else.

    ``say`` is given each line that is passed on. ``left_out`` counts those that were not, and what is beyond a line's
    cap is left out of it.
    """

    def __init__(self, fd: int, say: Callable[[str], None]) -> None:
        self.left_out = 0
        self._tail: Deque[str] = deque(maxlen=TAIL_LINES)
        self._fd = fd
        self._say = say
        self._second = 0
        self._in_second = self._bytes = 0
        self._thread = threading.Thread(target=self._run, name="stage-lines", daemon=True)
        self._thread.start()

    def wait(self, at_most_s: float) -> None:
        """Wait until nobody can print any more."""
        self._thread.join(at_most_s)

    def tail(self) -> List[str]:
        """Return the last lines, also of those that were left out."""
        return list(self._tail)

    def _run(self) -> None:
        line = b""
        while True:
            piece = os.read(self._fd, _READ_BYTES)
            if not piece:
                break
            *ended, rest = piece.split(b"\n")
            for more in ended:
                self._take(line + more)
                line = b""
            line = (line + rest)[: MAX_LINE_BYTES + 1]
        os.close(self._fd)
        if line:
            self._take(line)

    def _take(self, line: bytes) -> None:
        text = line[:MAX_LINE_BYTES].decode("utf-8", "backslashreplace")
        text += " [...]" if len(line) > MAX_LINE_BYTES else ""
        self._tail.append(text)
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        self._bytes += len(line)
        if self._in_second > MAX_LINES_A_SECOND or self._bytes > MAX_BYTES:
            self.left_out += 1
        else:
            self._say(text)
