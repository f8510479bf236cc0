"""Who may write: the companion's one lock; and the dead man's switch that ends an agent nobody talks to."""

from __future__ import annotations

import fcntl
import json
import os
import select
import threading
import time
from types import TracebackType
from typing import Dict, Optional, Type

from .faults import AgentError
from .layout import Layout, read_small, write_whole

EXIT_STDIN_CLOSED = 75
_POLL_S = 0.05


class DeadMan:
    """Ends the process at once when standard input closes while armed; what was committed stays.

    Disarmed while frames are read, where the end of the input is seen in its place, and once the switch is decided.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._armed = threading.Event()
        threading.Thread(target=self._watch, name="dead-man", daemon=True).start()

    def arm(self) -> None:
        """From now on the end of standard input ends the process."""
        self._armed.set()

    def disarm(self) -> None:
        """From now on the caller looks for the end of standard input itself."""
        self._armed.clear()

    def _watch(self) -> None:
        poller = select.poll()
        # Hang-ups are told without reading; a socket (sshd's) tells its peer's half-close by POLLRDHUP only.
        poller.register(self._fd, select.POLLRDHUP)
        while self._armed.wait():
            if poller.poll(200) and self._armed.is_set():
                os._exit(EXIT_STDIN_CLOSED)


class BuildLock:
    """The flock on ``<root>/lock``: the kernel frees it with the process. The file is never unlinked."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fd = -1

    def acquire(self, wait_s: float, note: Dict[str, object]) -> "BuildLock":
        """Take the lock, or raise ``busy`` with what is known of its holder after ``wait_s``."""
        until_s = time.monotonic() + wait_s
        self._fd = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    os.close(self._fd)
                    raise busy(self._layout) from None
                time.sleep(_POLL_S)
        self.check()
        write_whole(self._layout.lock_holder, json.dumps({**note, "since": time.time()}).encode("ascii"), durable=False)
        return self

    def check(self) -> None:
        """Raise ``busy`` when the lock's file was replaced under us: another process may then hold "the" lock."""
        try:
            ours = os.path.samestat(os.fstat(self._fd), os.lstat(self._layout.lock))
        except FileNotFoundError:
            ours = False
        if not ours:
            raise AgentError("busy", "the file of the lock was replaced while it was held: %s" % self._layout.lock)

    def __enter__(self) -> "BuildLock":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        os.close(self._fd)


def busy(layout: Layout) -> AgentError:
    """Return the error that says that another agent holds the lock, and what it said of itself."""
    return AgentError("busy", "another build holds the lock on this companion", {"holder": holder(layout)})


def holder(layout: Layout) -> Dict[str, object]:
    """Return what the last holder of the lock said of itself; it may be gone."""
    try:
        said = json.loads(read_small(layout.lock_holder).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name)[:64]: str(value)[:200] for name, value in said.items()} if isinstance(said, dict) else {}


def is_held(layout: Layout, wait_s: float) -> bool:
    """Tell whether the lock is still held after waiting up to ``wait_s`` for it; writes nothing."""
    try:
        fd = os.open(layout.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        until_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    return True
                time.sleep(_POLL_S)
            else:
                return False
    finally:
        os.close(fd)
