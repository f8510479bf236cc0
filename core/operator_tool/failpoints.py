"""Places at which a test build of the workstation fails on purpose; in every other build they are one check.

Nothing that an operator can say or set switches them on: a test starts Python itself, and calls :func:`arm` before the
command line begins.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from typing import NamedTuple

ACTIONS = ("kill9", "raise", "hang", "enospc", "eio")
"""What may happen at a failpoint: the process is gone, a bug, no end, a full disk, a failing disk."""
_DISK = {"enospc": errno.ENOSPC, "eio": errno.EIO}


class Failpoint(NamedTuple):
    """One place, what was done when it is reached, and what was not begun yet."""

    name: str
    before: str
    after: str
    disk: bool = False
    """A disk's error can happen here in earnest, so it must be recognised as one."""


FAILPOINTS = (
    Failpoint("plan.after_resolve", "the flight is read", "its tiles are planned"),
    Failpoint("plan.after_plan", "the tiles are planned", "the lock is asked for"),
    Failpoint("lock.after_acquire", "the lock is held", "its holder is noted", disk=True),
    Failpoint("lock.after_holder", "the lock's holder is noted", "the companion is asked"),
    Failpoint("companion.after_ask", "the companion answered, and is ready", "the download is started"),
    Failpoint("download.after_open", "the tile store is open", "the provider is asked for the first tile"),
    Failpoint("download.before_commit", "tiles arrived", "any byte of their batch is durable"),
    Failpoint("download.after_commit", "a batch is durable", "it is counted and handed on to be sent"),
    Failpoint("store.after_pack_written", "a batch's pictures are written to their pack", "they are synced", disk=True),
    Failpoint("store.after_pack_synced", "a batch's pictures are synced", "the index names them"),
    Failpoint("store.inside_index", "the index's transaction holds the whole batch", "it is committed"),
    Failpoint("transfer.after_read", "a picture was read from the store", "it is sent"),
    Failpoint("transfer.after_transfer", "the companion has every tile", "the build is confirmed to be asked for"),
    Failpoint("build.after_build", "the companion reported its new cache", "the report is compared and written"),
    Failpoint("audit.before_write", "the run is over", "its line in the log is written", disk=True),
    Failpoint("audit.after_write", "the run stands in the log", "its report is written"),
    Failpoint("report.before_write", "the run is over", "its report's file is begun", disk=True),
    Failpoint("report.before_rename", "the report lies beside its place", "it is renamed to it", disk=True),
    Failpoint("report.after_write", "the report's file is there", "anything is printed"),
)


class _Armed:
    """One failpoint that acts, from its ``nth`` hit on; ``marker`` becomes a file when it does."""

    def __init__(self, name: str, action: str, marker: str, nth: int) -> None:
        self._name = name
        self._action = action
        self._marker = marker
        self._left = nth
        self._lock = threading.Lock()

    def reached(self, name: str) -> None:
        """Act where it is this failpoint's turn."""
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left > 0:
                return
        os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600))
        if self._action == "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._action == "hang":
            while True:
                threading.Event().wait(3600.0)
        if (number := _DISK.get(self._action)) is not None:
            raise OSError(number, os.strerror(number))
        raise RuntimeError(f"failpoint {name}")


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Fail here in a test build that was armed for this name; do nothing in any other."""
    if _armed is not None:
        _armed.reached(name)


def arm(name: str, action: str, marker: str, *, nth: int = 1) -> None:
    """Have this process fail at a failpoint, from its ``nth`` hit on; for test builds alone."""
    global _armed
    if name not in {one.name for one in FAILPOINTS} or action not in ACTIONS:
        raise ValueError(f"there is no failpoint {name} with the action {action}")
    _armed = _Armed(name, action, marker, nth)
