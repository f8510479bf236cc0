"""The last resort against what does not end by itself: first interrupted, then ended.

Every wait of the tool looks at the deadline. What hangs in a plugin, a file system or a bug does not, and must not keep
the lock of a drone for ever. Limits may lie within each other, as that of a plugin's call within that of the run.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

GRACE_S = 10.0
"""What a run gets after its deadline to end by itself."""
UNWIND_S = 15.0
"""What it gets to free what it holds, once it was interrupted."""
EXIT_CODE = 1
HINT = (
    "What had arrived is kept. Run the same command again: it looks first what the companion has. If it hangs again,"
    " report it with what -v shows."
)
_DUMP_AFTER_S = 5.0
_EARLY_S = 0.005
"""The kernel's timer and Python's clock may differ by so much."""
_end_process = os._exit
"""The real one, which plugins don't have."""


class OverdueRun(BaseException):
    """Raised in the main thread, wherever that hangs; whatever holds something frees it on the way out."""

    def __init__(self, grace_s: float) -> None:
        super().__init__(f"the run's deadline passed {grace_s:g} s ago, and it had not ended")


@dataclass(eq=False)
class _Limit:
    """One block that may take so long."""

    at_s: float
    unwind_s: float
    raised: Callable[[], BaseException]
    exit_code: int
    last_words: Callable[[], str]
    was_raised: bool = False

    @property
    def last_s(self) -> float:
        """When nothing but the end of the process is left."""
        return self.at_s + self.unwind_s


_limits: list[_Limit] = []
"""Those at hand, the outermost first; changed by the main thread alone, with ``_changed`` held."""
_changed = threading.Condition()
_watcher: threading.Thread | None = None
_before: Any = None
"""Who handled the signal before there was a limit."""
_before_at_s: float | None = None
"""When that one's alarm is due, where one was set: it goes off in time."""
_owns_process = False


def own_process() -> None:
    """Say that this process is a command's alone: what can't be interrupted at all ends it with a dump of its stack."""
    global _owns_process
    _owns_process = True


@contextmanager
def ended_after(seconds: float | None) -> Iterator[None]:
    """Raise ``OverdueRun`` in a block that outlasts its time by ``GRACE_S``; where that doesn't help, end the process.

    Without ``seconds`` it may take as long as it will. For the main thread: threads that hang end with the process, and
    the kernel frees the locks.
    """
    if seconds is None:
        yield
        return
    grace_s, unwind_s = GRACE_S, UNWIND_S
    text = f"error: the run's deadline passed {grace_s + unwind_s:g} s ago, and it could not be ended\nnext: {HINT}"
    with interrupted_after(
        seconds + grace_s,
        lambda: OverdueRun(grace_s),
        exit_code=EXIT_CODE,
        last_words=lambda: text,
        unwind_s=unwind_s,
    ):
        yield


@contextmanager
def interrupted_after(
    seconds: float,
    raised: Callable[[], BaseException],
    *,
    exit_code: int,
    last_words: Callable[[], str],
    unwind_s: float,
) -> Iterator[None]:
    """Raise what ``raised`` gives in a block that takes longer; ``unwind_s`` later end the process with ``exit_code``.

    For the main thread. The kernel's timer interrupts it wherever it looks at signals, even while it lets no other
    thread run. Only C code can do neither; in a process that is a command's own, that ends ``_DUMP_AFTER_S`` later with
    code 1 and a dump of where it hung. Where the system has no such timer, the block may take as long as it will.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return
    limit = _Limit(time.monotonic() + seconds, unwind_s, raised, exit_code, last_words)
    try:
        _begin(limit)
        yield
    finally:
        _end(limit)


def _begin(limit: _Limit) -> None:
    global _before, _before_at_s, _watcher
    if not _limits:
        left_s, _interval_s = signal.getitimer(signal.ITIMER_REAL)
        _before_at_s = time.monotonic() + left_s if left_s else None
        _before = signal.signal(signal.SIGALRM, _interrupt)
    with _changed:
        _limits.append(limit)
        _changed.notify()
    if _watcher is None:
        _watcher = threading.Thread(target=_watch, name="overdue", daemon=True)
        _watcher.start()
    _arm()


def _end(limit: _Limit) -> None:
    with _changed:
        # Where an outer limit came up in the middle of this one's end, this one is still there for the outer to remove.
        del _limits[_limits.index(limit) if limit in _limits else len(_limits) :]
    _arm()
    signal.signal(signal.SIGALRM, _interrupt if _limits else signal.SIG_DFL if _before is None else _before)


def _arm() -> None:
    """Set the timer to what is due next, or off; what a plugin did to it is over."""
    waiting = [limit.at_s for limit in _limits if not limit.was_raised]
    waiting += [] if _before_at_s is None else [_before_at_s]
    signal.setitimer(signal.ITIMER_REAL, max(0.001, min(waiting) - time.monotonic()) if waiting else 0.0)
    if not _owns_process:
        return
    if not _limits:
        faulthandler.cancel_dump_traceback_later()
        return
    left_s = min(limit.last_s for limit in _limits) + _DUMP_AFTER_S - time.monotonic()
    faulthandler.dump_traceback_later(max(0.001, left_s), exit=True, file=2)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _before_at_s
    now_s = time.monotonic() + _EARLY_S
    due = next((limit for limit in _limits if limit.at_s <= now_s and not limit.was_raised), None)
    if due is not None:
        due.was_raised = True
    before_is_due = _before_at_s is not None and _before_at_s <= now_s
    if before_is_due:
        _before_at_s = None
    _arm()
    if before_is_due and callable(_before):
        _before(number, frame)
    if due is not None:
        raise due.raised()


def _watch() -> None:
    """End the process when the time to unwind is over, too; in a thread of its own, as long as the process lives."""
    while True:
        with _changed:
            first = min(_limits, key=lambda limit: limit.last_s, default=None)
            left_s = first.last_s - time.monotonic() if first is not None else None
            if first is None or left_s is None or left_s > 0:
                _changed.wait(left_s)
                continue
        os.write(2, f"{first.last_words()}\n".encode("utf-8", "backslashreplace"))
        _end_process(first.exit_code)


def _forget() -> None:
    """In a child of this process nothing is limited: it has neither the timer nor the thread."""
    global _changed, _watcher
    _limits.clear()
    _changed = threading.Condition()
    _watcher = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
