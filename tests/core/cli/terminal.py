"""The command at a terminal of its own: what it shows is read, and what an operator would type is typed."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence

_PATIENCE_S = 30.0
_COMMAND = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from operator_tool.cli import main
main()
"""


class Terminal:
    """One command that runs at a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.shown = ""
        self._descriptor = descriptor

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed now."""
        return bool(termios.tcgetattr(self._descriptor)[3] & termios.ECHO)

    def expect(self, text: str) -> None:
        """Wait until the text is shown."""
        until_s = time.monotonic() + _PATIENCE_S
        while text not in self.shown:
            assert time.monotonic() < until_s, f"{text!r} was not shown, but {self.shown!r}"
            assert self._read(0.1), f"the command ended without {text!r}, and showed {self.shown!r}"

    def type(self, text: str) -> None:
        """Type it."""
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        until_s = time.monotonic() + _PATIENCE_S
        while self._read(0.1):
            assert time.monotonic() < until_s, f"it does not end; it showed {self.shown!r}"
        return self.process.wait(_PATIENCE_S)

    def _read(self, wait_s: float) -> bool:
        """Read what is there; false once nothing will follow."""
        if not select.select([self._descriptor], [], [], wait_s)[0]:
            return True
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError:  # what a terminal says when nobody is at its other end
            return False
        self.shown += data.decode("utf-8", "backslashreplace")
        return bool(data)


@contextlib.contextmanager
def at_a_terminal(arguments: Sequence[str], env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run the command at a terminal of its own; it is ended with the block."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **env}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *arguments],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait(_PATIENCE_S)
        os.close(ours)
