"""A running program, as a transport has it: bounded reads and writes, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

PROGRAM_TICK_S = 0.1
"""The longest that a wait for a program goes on without looking round."""


class Program(Protocol):
    """A running program as its transport has it. Every method may be called from any thread, and returns in time."""

    def read_stdout(self, timeout_s: float, /) -> bytes | None:
        """Return what is there, None when nothing came in time, ``b""`` at the end. Raises ``LinkError``."""
        ...

    def read_stderr(self, timeout_s: float, /) -> bytes | None:
        """Return what is there, None when nothing came in time, ``b""`` at the end or when the link is lost."""
        ...

    def write_stdin(self, data: memoryview, timeout_s: float, /) -> int:
        """Write a part of ``data`` and return its length, 0 when nothing was taken in time.

        Raises ``BrokenPipeError`` when the program takes no more, ``LinkError`` when the link is lost.
        """
        ...

    def close_stdin(self) -> None:
        """Let the program see the end of its standard input; again is harmless."""
        ...

    def wait(self, timeout_s: float, /) -> bool:
        """Return whether the program has ended, within that time. Raises ``LinkError`` when that can't be known."""
        ...

    @property
    def exit_status(self) -> int | None:
        """The exit status, None while it runs and when it ended without one."""
        ...

    def end(self) -> None:
        """End the program if it still runs, and let go of all that was open; again is harmless."""
        ...


def check_argv(argv: Sequence[str]) -> None:
    """Raise ``ValueError`` for an argument list that no program can be started with."""
    if not argv or not argv[0]:
        raise ValueError("an argument list needs a program")
    if any("\0" in argument for argument in argv):
        raise ValueError("an argument can't hold a NUL character")
