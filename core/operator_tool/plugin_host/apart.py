"""Work on strangers' code, each piece in a process of its own: what hangs or ends there is told, and holds nothing.

The processes are forked from this one, so that none of them begins by importing what all of them need.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_LENGTH = struct.Struct(">I")
_TICK_S = 0.02


@dataclass(frozen=True)
class Outcome:
    """What came of one piece of work."""

    answer: bytes | None
    """What it gave; None where it gave nothing."""
    ending: str = ""
    """How its process ended without an answer."""


def each_apart(
    work: Callable[[_Item], bytes], items: Sequence[_Item], *, limit_s: float, at_once: int
) -> Iterator[tuple[_Item, Outcome]]:
    """Do the work on each item, and yield each with its outcome, in no order; what takes longer is ended.

    The calling process should have no other thread. The work sees neither a terminal nor standard output.
    """
    waiting = list(items)
    running: list[_Child[_Item]] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_Child(waiting.pop(0), work, limit_s))
            select.select([child.reading for child in running], [], [], _TICK_S)
            for child in list(running):
                outcome = child.outcome()
                if outcome is not None:
                    running.remove(child)
                    yield child.item, outcome
    finally:
        for child in running:
            child.end()


@dataclass
class _Child(Generic[_Item]):
    """One process, and what it has said so far."""

    item: _Item
    work: Callable[[_Item], bytes]
    limit_s: float
    reading: int = field(init=False)

    def __post_init__(self) -> None:
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        self._said = bytearray()
        self._until_s = time.monotonic() + self.limit_s
        with warnings.catch_warnings():
            # Newer Pythons warn of threads; one that nobody waits for does no harm.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = os.fork()
        if self._process == 0:
            _run(self.work, self.item, writing)
        os.close(writing)

    def outcome(self) -> Outcome | None:
        """Return what came of it; None while it is at work."""
        over, status = os.waitpid(self._process, os.WNOHANG)
        self._read()
        if len(self._said) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._said)
            if len(self._said) >= _LENGTH.size + length:
                self._let_go(reaped=bool(over))
                return Outcome(bytes(self._said[_LENGTH.size : _LENGTH.size + length]))
        if over:
            self._let_go(reaped=True)
            return Outcome(None, _ending(status))
        if time.monotonic() > self._until_s:
            self._let_go(reaped=False)
            return Outcome(None, f"did not come back within {self.limit_s:g} s, and was ended")
        return None

    def end(self) -> None:
        """End it, whatever it does."""
        self._let_go(reaped=False)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while chunk := os.read(self.reading, 65536):
                self._said += chunk

    def _let_go(self, *, reaped: bool) -> None:
        os.close(self.reading)
        with suppress(ProcessLookupError, PermissionError):  # its group: what it started ends with it
            os.killpg(self._process, signal.SIGKILL)
        if not reaped:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)


def _run(work: Callable[[_Item], bytes], item: _Item, writing: int, end: Callable[[int], None] = os._exit) -> None:
    """Do the work in the child, and end it: nothing of the parent's is done a second time."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        sys.stdout = sys.stderr = os.fdopen(nothing, "w")  # they may not be what these descriptors are
        answer = work(item)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(_LENGTH.pack(len(answer)) + answer)
    except BaseException:  # noqa: BLE001 - the parent tells that there was no answer
        end(1)
    end(0)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended the process by the signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended the process with exit status {os.WEXITSTATUS(status)}"
