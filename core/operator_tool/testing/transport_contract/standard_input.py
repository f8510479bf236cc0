"""The iterable that is streamed to the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from operator_tool.api import CompanionSession

from .over_sessions import PATIENT, SHORT, OverSessions
from .spoken import Endless, Spoken

MEGABYTE = 1024 * 1024


class _OddError(Exception):
    """Nobody else's."""


class InputChecks(OverSessions):
    """What goes in: streamed while lines come out, never far ahead of what the program takes."""

    ahead_bytes: ClassVar[int] = 16 * MEGABYTE
    """The most that may be pulled from standard input while the program reads nothing: what the link itself holds."""

    def test_ten_megabytes_come_back_whole(self, session: CompanionSession) -> None:
        """A stream larger than every buffer on the way goes in while it comes out."""
        pieces = [bytes([65 + i % 26]) * 65_535 + b"\n" for i in range(160)]
        with session.run(["cat"], stdin=iter(pieces), limits=PATIENT) as run:
            assert [line + b"\n" for line in run] == pieces
            assert run.exit_status == 0

    def test_one_large_piece_is_cut_as_the_link_needs(self, session: CompanionSession) -> None:
        """A piece of any size is sent whole."""
        with session.run(["wc", "-c"], stdin=[bytes(5 * MEGABYTE), b"tail", b""], limits=PATIENT) as run:
            assert [int(line) for line in run] == [5 * MEGABYTE + 4]

    def test_a_dialogue(self, session: CompanionSession) -> None:
        """The iterable may wait for what the caller learns from a line."""
        with Spoken() as spoken, session.run(["cat"], stdin=spoken, limits=PATIENT) as run:
            lines = iter(run)
            for number in range(20):
                spoken.say(b"%d\n" % number)
                assert next(lines) == b"%d" % number
            spoken.end()
            assert list(lines) == []

    def test_what_the_iterable_raises_is_raised_again(self, session: CompanionSession) -> None:
        """The caller gets the very exception, at once, and the program sees the end of its input."""

        def failing() -> Iterator[bytes]:
            yield b"one\n"
            raise _OddError("the supply failed")

        with (
            session.run(["sh", "-c", "cat; sleep 5"], stdin=failing(), limits=SHORT) as run,
            pytest.raises(_OddError, match="supply"),
        ):
            list(run)

    def test_a_program_that_stops_reading_tells_why_itself(self, session: CompanionSession) -> None:
        """A broken pipe is no error of its own: the exit status and the last lines are what counts."""
        endless = Endless(b"x" * 65_536)
        pieces = iter(endless)  # held here, so that nobody but the transport closes it
        script = "dd bs=1 count=5 >/dev/null 2>&1; echo enough; exit 7"
        with session.run(["sh", "-c", script], stdin=pieces, limits=PATIENT) as run:
            assert list(run) == [b"enough"]
            assert run.exit_status == 7
        assert endless.closed.wait(self.soon_s), "the generator was not closed"

    def test_a_blocked_iterable_doesn_t_hold_the_caller(self, session: CompanionSession) -> None:
        """Leaving the run is possible while the iterable waits for something that never comes."""
        wake = threading.Event()

        def blocked() -> Iterator[bytes]:
            wake.wait(60)
            yield b""

        began_s = time.monotonic()
        with session.run(["echo", "line"], stdin=blocked(), limits=SHORT) as run:
            assert list(run) == [b"line"]
        took_s = time.monotonic() - began_s
        wake.set()
        assert took_s < 2 * self.soon_s, f"it took {took_s:.1f} s"

    def test_a_program_that_doesn_t_read_holds_the_iterable(self, session: CompanionSession) -> None:
        """No more is pulled than the link holds: the supply may be gigabytes, and the memory is not."""
        endless = Endless(b"x" * 65_536, at_most_bytes=4 * self.ahead_bytes)
        with session.run(["sh", "-c", "echo up; sleep 20"], stdin=endless, limits=SHORT) as run:
            assert next(iter(run)) == b"up"
            pulled_bytes = endless.settled_bytes(quiet_s=0.4)
        assert pulled_bytes <= self.ahead_bytes, (
            f"{self.plugin} pulled {pulled_bytes:,} bytes for a program that reads nothing, and may pull "
            f"{self.ahead_bytes:,}: pull the next piece when the last one was written"
        )
