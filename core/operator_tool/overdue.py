"""The last resort of a run whose deadline is over and that does not end by itself: first interrupted, then ended.

Every wait of the tool looks at the deadline. What hangs in a plugin, a file system or a bug does not, and must not keep
the lock of a drone for ever.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GRACE_S = 10.0
"""What a run gets after its deadline to end by itself."""
UNWIND_S = 15.0
"""What it gets to free what it holds, once it was interrupted."""
EXIT_CODE = 1
HINT = (
    "What had arrived is kept. Run the same command again: it looks first what the companion has. If it hangs again,"
    " report it with what -v shows."
)


class OverdueRun(BaseException):
    """Raised in the main thread, wherever that hangs; whatever holds something frees it on the way out."""

    def __init__(self, grace_s: float) -> None:
        super().__init__(f"the run's deadline passed {grace_s:g} s ago, and it had not ended")


@contextmanager
def ended_after(seconds: float | None) -> Iterator[None]:
    """Raise ``OverdueRun`` in a block that outlasts its time by ``GRACE_S``; where that doesn't help, end the process.

    Without ``seconds`` it may take as long as it will. For the main thread: threads that hang end with the process, and
    the kernel frees the locks.
    """
    if seconds is None:
        yield
        return
    over = threading.Event()
    before = signal.signal(signal.SIGALRM, _interrupt)
    threading.Thread(target=_watch, args=(seconds + GRACE_S, over), name="overdue", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGALRM, before)


def _watch(seconds: float, over: threading.Event) -> None:
    if over.wait(seconds):
        return
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGALRM)
    if not over.wait(UNWIND_S):
        text = (
            f"error: the run's deadline passed {GRACE_S + UNWIND_S:g} s ago, and it could not be ended\nnext: {HINT}\n"
        )
        os.write(2, text.encode())
        os._exit(EXIT_CODE)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise OverdueRun(GRACE_S)
