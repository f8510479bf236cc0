"""What a plugin has left open: threads, and descriptors of this process."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from pathlib import Path

_KIT = "operator-tool-"
"""What the names of the kit's own threads begin with, which are no plugin's."""
_DESCRIPTORS = Path("/proc/self/fd")


class LeftOpen:
    """Notes what is open when it is made, and tells later what has come since."""

    def __init__(self) -> None:
        gc.collect()
        self._threads = set(threading.enumerate())
        self._descriptors = _descriptors()

    def since(self, within_s: float = 2.0) -> list[str]:
        """Return what is still there after that time, in words; empty where all was closed."""
        until_s = time.monotonic() + within_s
        while (found := self._now()) and time.monotonic() < until_s:
            time.sleep(0.01)
            gc.collect()
        return found

    def _now(self) -> list[str]:
        threads = [
            f"the thread {one.name}"
            for one in threading.enumerate()
            if one not in self._threads and not one.name.startswith(_KIT)
        ]
        new = {number: opened for number, opened in _descriptors().items() if self._descriptors.get(number) != opened}
        return threads + [f"the descriptor {number}, {opened}" for number, opened in sorted(new.items())]


def _descriptors() -> dict[int, str]:
    """Return what is open by number, where the system tells; sockets with their own numbers, so that none is taken for
    another."""
    found = {}
    for link in list(_DESCRIPTORS.iterdir()) if _DESCRIPTORS.is_dir() else ():
        with contextlib.suppress(OSError):  # that of this very listing
            found[int(link.name)] = str(link.readlink())
    return found
