"""Who may write: the companion's one lock; and the dead man's switch that ends an agent nobody talks to."""

from __future__ import annotations

import fcntl
import json
import os
import select
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Optional, Type

from .ending import end_now
from .faults import AgentError
from .layout import Layout, read_small, write_whole
from .whence import whence
from .wire import EXIT_UNHEARD, Inlet, Outlet

if TYPE_CHECKING:
    from .call import Call

EXIT_STDIN_CLOSED = 75
UNHEARD_S = 20.0
"""The workstation says something every 5 s."""
UNREAD_S = 120.0
"""How long nothing of what the agent says may be read."""
_POLL_S = 0.05
_TELL_AFTER_S = 1.0
_WATCH_S = 0.2


class DeadMan:
    """Ends the process at once when nobody is there any more; what was committed stays.

    While armed, the end of standard input is that sign. Disarmed while frames are read, where the end of the input is
    seen in its place, between calls, and once the switch is decided. A workstation that was cut off closes nothing,
    so an agent that may expect to hear something also ends after ``UNHEARD_S`` without. One whose input has ended is
    given as long to read what is left, or to finish its switch: it may be hanging, and holds the lock.
    """

    def __init__(self, inlet: Inlet, outlet: Outlet) -> None:
        self._inlet = inlet
        self._outlet = outlet
        self._armed = False
        self._grace_s = 0.0
        self._listens = False
        threading.Thread(target=self._watch, name="dead-man", daemon=True).start()

    def arm(self, grace_s: float = 0.0) -> None:
        """From now on the end of standard input ends the process, after so many seconds."""
        self._grace_s = grace_s
        self._armed = True

    def disarm(self) -> None:
        """From now on the caller looks for the end of standard input itself."""
        self._armed = False

    def expect_to_hear(self) -> None:
        """From now on silence on standard input ends the process, too."""
        self._listens = True

    def let_finish(self) -> None:
        """From now on nothing ends the process soon: what it does is quicker finished than taken back."""
        self._armed = self._listens = False

    def _watch(self) -> None:
        poller = select.poll()
        # Hang-ups are told without reading; a socket (sshd's) tells its peer's half-close by POLLRDHUP only.
        poller.register(self._inlet.fd, select.POLLRDHUP)
        heard_s, heard = time.monotonic(), self._inlet.heard()
        was_gone = False
        gone_s = unread_s = 0.0
        writing = 0
        while True:
            time.sleep(_WATCH_S)
            written = self._outlet.writing()
            # Who doesn't read what we say holds every thread that says something, and the lock with them.
            unread_s, writing = (unread_s + _WATCH_S if written and written == writing else 0.0), written
            if unread_s > UNREAD_S:
                end_now(EXIT_UNHEARD)
            is_gone = bool(poller.poll(0))
            # Counted, since a stopped machine's clock runs on.
            gone_s = gone_s + _WATCH_S if is_gone else 0.0
            if self._armed and gone_s > self._grace_s and self._armed:
                end_now(EXIT_STDIN_CLOSED)
            now = self._inlet.heard()
            # A stopped machine's clock runs on: what may have come meanwhile is looked at once more.
            if now != heard or is_gone != was_gone or (self._inlet.is_behind() and not is_gone):
                heard_s, heard, was_gone = time.monotonic(), now, is_gone
            elif (self._listens or is_gone) and time.monotonic() - heard_s > UNHEARD_S:
                end_now(EXIT_STDIN_CLOSED)


class Patience(NamedTuple):
    """How long to wait for the lock, and whom to tell."""

    wait_s: float
    operator: str
    """Who asks: where the holder is this same operator it is a process that was cut off, which ends by itself."""
    orphan_wait_s: float
    tell: Callable[[Dict[str, object]], None]

    def wait(self, layout: Layout, attempt: Callable[[], bool]) -> bool:
        """Attempt until it succeeds, or until the time that its holder is worth is over."""
        begun_s = time.monotonic()
        told = False
        while not attempt():
            waited_s = time.monotonic() - begun_s
            held_by = holder(layout)
            ours = bool(self.operator) and held_by.get("operator") == self.operator
            if waited_s >= (max(self.wait_s, self.orphan_wait_s) if ours else self.wait_s):
                return False
            if waited_s > _TELL_AFTER_S and not told:
                told = True
                self.tell(held_by)
            time.sleep(_POLL_S)
        return True


def patience_of(call: "Call", default_wait_s: float) -> Patience:
    """Return what the request says of waiting for the lock."""
    request = call.request
    return Patience(
        request.seconds("lock_wait_s", default_wait_s),
        request.text("operator", ""),
        request.seconds("orphan_wait_s", 0.0),
        lambda held_by: call.outlet.event("waiting", holder=held_by),
    )


class BuildLock:
    """The flock on ``<root>/lock``: the kernel frees it with the process. The file is never unlinked."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fd = -1

    def acquire(self, patience: Patience, note: Dict[str, object]) -> "BuildLock":
        """Take the lock, or raise ``busy`` with what is known of its holder."""
        self._fd = os.open(self._layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        if not patience.wait(self._layout, lambda: _locked(self._fd, fcntl.LOCK_EX)):
            os.close(self._fd)
            raise busy(self._layout)
        self.check()
        write_whole(
            self._layout.lock_holder,
            json.dumps({**note, **whence(), "since": time.time()}).encode("ascii"),
            durable=False,
        )
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


def is_held(layout: Layout, patience: Patience) -> bool:
    """Tell whether the lock is still held after waiting for it; writes nothing."""
    try:
        fd = os.open(layout.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not patience.wait(layout, lambda: _locked(fd, fcntl.LOCK_SH))
    finally:
        os.close(fd)


def _locked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
