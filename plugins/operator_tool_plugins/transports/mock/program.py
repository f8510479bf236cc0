"""A program on the simulated companion, as far as the scripted link lets it be heard."""

from __future__ import annotations

import contextlib
import threading
import time

from operator_tool.api import PROGRAM_TICK_S, LinkError, Program

from .faults import Direction
from .link import Link
from .pace import Lane, Pace

_UNDER_WAY_BYTES = 256 * 1024
"""So much is under way at most: beyond it the sender waits."""
_SWALLOWED_BYTES = 256 * 1024
"""What a link that went silent still takes, as a socket's buffer does."""
_ORPHAN_S = 30.0
"""What a program gets to end by itself once nobody can reach it."""


class LinkedProgram:
    """A ``Program`` behind a link; the paces are those of its two directions."""

    def __init__(self, program: Program, link: Link, cancelled: threading.Event, *, up: Pace, down: Pace) -> None:
        """``cancelled`` is set when the run is over, and this workstation with it."""
        self._program = program
        self._cancelled = cancelled
        self._link = link
        self._down = Lane(down)
        self._over = threading.Event()
        self._at_end = False
        self._told_end = False
        self._swallowed = 0
        self._lost = False
        self._left = False
        self._uplink = None if up.is_instant else Uplink(program, Lane(up))

    @property
    def exit_status(self) -> int | None:
        """The exit status, unless the link was lost before it was told."""
        return self._program.exit_status

    def read_stdout(self, timeout_s: float, /) -> bytes | None:
        """Return what has come through."""
        until_s = time.monotonic() + timeout_s
        while True:
            self._link.check()
            if self._link.is_silent:
                self._over.wait(timeout_s)
                return b"" if self._over.is_set() else None
            now_s = time.monotonic()
            arrived = self._down.pop(now_s)
            if arrived:
                return self._let_through(arrived)
            if self._at_end and not self._down.size:
                self._told_end = True
                return b""
            if now_s >= until_s:
                return None
            self._fetch(until_s - now_s)

    def read_stderr(self, timeout_s: float, /) -> bytes | None:
        """Return its errors as they are; they don't count as bytes of the link."""
        with contextlib.suppress(LinkError):
            self._link.check()
            if not self._link.is_silent:
                return self._program.read_stderr(timeout_s)
            self._over.wait(timeout_s)
            return b"" if self._over.is_set() else None
        return b""

    def write_stdin(self, data: memoryview, timeout_s: float, /) -> int:
        """Send what gets through."""
        if self._over.is_set():
            raise BrokenPipeError
        self._link.check()
        if self._link.is_silent:
            return self._swallow(data, timeout_s)
        if self._uplink is None:
            return self._write_through(data, timeout_s)
        room = self._uplink.wait_for_room(timeout_s)
        if not room:
            return 0
        moving, _ = self._link.moving(Direction.UP, min(room, len(data)))
        self._uplink.send(bytes(data[:moving]))
        self._link.moved(Direction.UP, moving)
        return moving

    def close_stdin(self) -> None:
        """Let the program see the end of its input, after what is under way."""
        if self._link.is_silent:
            return
        if self._uplink is None:
            self._program.close_stdin()
        else:
            self._uplink.close()

    def wait(self, timeout_s: float, /) -> bool:
        """Tell whether it has ended and all that it said has come."""
        self._link.check()
        if self._link.is_silent:
            self._over.wait(timeout_s)
            return self._over.is_set()
        return self._program.wait(timeout_s) and (self._told_end or not self._down.size)

    def end(self) -> None:
        """End it; over a link that is lost nobody can, and it is left to see by itself that nobody is there."""
        left, self._left = self._left, True
        self._over.set()
        self._link.forget(self)
        if self._uplink is not None:
            self._uplink.end()
        if not (self._lost or self._link.is_silent):
            self._program.end()
        elif not left:
            threading.Thread(
                target=_await_end, args=(self._program, self._cancelled), name="mock-orphan", daemon=True
            ).start()

    def lose(self, *, kill: bool) -> None:
        """Let it go, the link being gone."""
        self._over.set()
        if self._uplink is not None:
            self._uplink.end()
        if kill:
            self._program.end()
        else:
            self._lost = True
            self._program.close_stdin()

    def _fetch(self, at_most_s: float) -> None:
        """Take from the program what may go on its way, for as long as nothing else is due."""
        due_in_s = self._down.due_in_s(time.monotonic())
        wait_s = at_most_s if due_in_s is None else min(at_most_s, due_in_s)
        if self._at_end or self._down.size >= _UNDER_WAY_BYTES:
            self._over.wait(wait_s)
            return
        data = self._program.read_stdout(wait_s)
        if data:
            self._down.push(data, time.monotonic())
        elif data == b"":
            self._at_end = True

    def _let_through(self, arrived: bytes) -> bytes | None:
        moving, garbage = self._link.moving(Direction.DOWN, len(arrived))
        if moving < len(arrived):
            self._down.put_back(arrived[moving:])
        self._link.moved(Direction.DOWN, moving)
        return garbage or arrived[:moving] or None

    def _write_through(self, data: memoryview, timeout_s: float) -> int:
        moving, _ = self._link.moving(Direction.UP, len(data))
        written = self._program.write_stdin(data[:moving], timeout_s) if moving else 0
        self._link.moved(Direction.UP, written)
        return written

    def _swallow(self, data: memoryview, timeout_s: float) -> int:
        taken = min(len(data), _SWALLOWED_BYTES - self._swallowed)
        self._swallowed += taken
        if not taken:
            self._over.wait(timeout_s)
        return taken


def _await_end(program: Program, cancelled: threading.Event) -> None:
    """Let a program end by itself, and end it when it doesn't; what it still says is lost."""
    # Nothing is read: those who did may still wait for it.
    until_s = time.monotonic() + _ORPHAN_S
    while not program.wait(PROGRAM_TICK_S) and time.monotonic() < until_s:
        if cancelled.is_set():
            # This process is about to end, and then the companion's side of the link ends, too.
            program.close_stdin()
    program.end()


class Uplink:
    """What is under way to the program, and the thread that hands it over when it arrives."""

    def __init__(self, program: Program, lane: Lane) -> None:
        self._program = program
        self._lane = lane
        self._changed = threading.Condition()
        self._closing = self._ended = False
        threading.Thread(target=self._hand_over, name="mock-uplink", daemon=True).start()

    def wait_for_room(self, timeout_s: float) -> int:
        """Return how many bytes may be sent now, within that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._lane.size < _UNDER_WAY_BYTES or self._ended, timeout_s)
            if self._ended:
                raise BrokenPipeError
            return max(0, _UNDER_WAY_BYTES - self._lane.size)

    def send(self, data: bytes) -> None:
        """Send bytes on their way."""
        with self._changed:
            self._lane.push(data, time.monotonic())
            self._changed.notify_all()

    def close(self) -> None:
        """Let the program see the end of its input once the rest has arrived."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def end(self) -> None:
        """Lose what is under way."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _hand_over(self) -> None:
        try:
            while (data := self._next()) is not None:
                rest = memoryview(data)
                while rest and not self._ended:
                    rest = rest[self._program.write_stdin(rest, PROGRAM_TICK_S) :]
        except (BrokenPipeError, LinkError):
            self.end()
        if not self._ended:
            self._program.close_stdin()

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._ended:
                now_s = time.monotonic()
                if data := self._lane.pop(now_s):
                    self._changed.notify_all()
                    return data
                due_in_s = self._lane.due_in_s(now_s)
                if self._closing and due_in_s is None:
                    return None
                self._changed.wait(due_in_s)
        return None
