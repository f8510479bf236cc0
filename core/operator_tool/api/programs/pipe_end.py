"""Our end of a pipe to a program."""

from __future__ import annotations

import os
import threading
from select import poll
from typing import IO

_READ_BYTES = 256 * 1024


class PipeEnd:
    """Our end of a pipe, never blocking, which any thread may close while another waits on it."""

    def __init__(self, file: IO[bytes] | None, event: int) -> None:
        """``event`` is what to wait for: ``POLLIN`` at an end that is read, ``POLLOUT`` at one that is written."""
        assert file is not None
        self._file = file
        self._lock = threading.Lock()
        self._descriptor = file.fileno()
        self._ready = poll()
        self._ready.register(self._descriptor, event)
        os.set_blocking(self._descriptor, False)

    def wait(self, timeout_s: float) -> None:
        """Wait until there may be something to do, so long at most."""
        # A descriptor that another thread closes meanwhile wakes this too, or at the latest the timeout does; the
        # call that follows looks under the lock.
        self._ready.poll(timeout_s * 1000)

    def read(self, timeout_s: float) -> bytes | None:
        """Return what is there, None when nothing came in time, ``b""`` at the end and once it is closed."""
        self.wait(timeout_s)
        with self._lock:
            if self._file.closed:
                return b""
            try:
                return os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return None

    def write(self, data: memoryview, timeout_s: float) -> int:
        """Write a part of ``data`` and return its length, 0 when nothing was taken in time.

        Raises ``BrokenPipeError`` when nobody reads any more, and once it is closed.
        """
        self.wait(timeout_s)
        with self._lock:
            if self._file.closed:
                raise BrokenPipeError
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                return 0

    def close(self) -> None:
        """Close it; again is harmless."""
        with self._lock:
            self._file.close()
