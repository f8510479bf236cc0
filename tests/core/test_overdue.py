"""A run that outlasts its deadline is interrupted where it hangs, and ended where that doesn't help."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from operator_tool import overdue
from operator_tool.overdue import OverdueRun, ended_after

NEVER_UNWINDS = """
import threading
from operator_tool import overdue
overdue.GRACE_S = overdue.UNWIND_S = 0.2
with overdue.ended_after(0.05):
    while True:
        try:
            threading.Event().wait(60)
        except BaseException:
            print("interrupted", flush=True)
"""


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait ten seconds."""
    monkeypatch.setattr(overdue, "GRACE_S", 0.1)


def test_case_030_a_block_that_hangs_is_interrupted() -> None:
    """The exception comes up where it hangs, so that what was held is freed on the way out."""
    freed = []
    begun_s = time.monotonic()

    def hang_with_the_lock() -> None:
        try:
            threading.Event().wait(60)
        finally:
            freed.append("lock")

    with pytest.raises(OverdueRun, match="deadline"), ended_after(0.05):
        hang_with_the_lock()
    assert freed == ["lock"]
    assert 0.15 <= time.monotonic() - begun_s < 30


@pytest.mark.parametrize("seconds", [None, 0.05])
def test_a_block_that_ends_is_let_be(seconds: float | None) -> None:
    """Neither in the block nor after it does anything come up, and the signal is whose it was before."""
    before = signal.getsignal(signal.SIGALRM)
    with ended_after(seconds):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert not threading.Event().wait(0.4)


def test_a_block_that_does_not_unwind_is_ended() -> None:
    """What swallows the exception ends with the process, and the operator reads what to do."""
    done = subprocess.run([sys.executable, "-c", NEVER_UNWINDS], capture_output=True, text=True, timeout=60)
    assert done.returncode == overdue.EXIT_CODE
    assert done.stdout == "interrupted\n"
    assert "error: the run's deadline passed" in done.stderr
    assert "next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_alarm_that_was_set_before_goes_off_in_time() -> None:
    """Within a block, to its own handler, and after it."""
    rung: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    before = signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with ended_after(60):
            assert _comes_true(lambda: rung == [signal.SIGALRM])
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with ended_after(60):
            pass
        assert _comes_true(lambda: len(rung) == 2)
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)


def _comes_true(condition: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 20
    while not condition() and time.monotonic() < until_s:
        threading.Event().wait(0.02)
    return condition()
