"""A program on the companion whose streams ssh holds the other ends of."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Sequence
from select import POLLIN, POLLOUT

from operator_tool.api import LinkError, LinkStalledError, PipeEnd, shell_line

from .master import Master
from .mux import MuxSession

_OPEN_S = 15.0
_ALIVE_S = 5.0
_PIPE_BYTES = 1024 * 1024
"""What the kernel lets an unprivileged process have; with its 64 KiB both sides would wake each other all the time."""


def start(master: Master, argv: Sequence[str]) -> MuxProgram:
    """Start a program. Raises ``LinkError``."""
    # The account's shell, whichever it is, reads this line.
    # "exec": a login shell that stays in between would turn a killed program into status 137, and outlive it.
    command = os.fsencode(f"exec {shell_line(argv)}")
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        descriptors = []
        ends = []
        for event in (POLLOUT, POLLIN, POLLIN):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            near, far = (writing, reading) if event == POLLOUT else (reading, writing)
            theirs.callback(os.close, far)
            end = PipeEnd(os.fdopen(near, "wb" if event == POLLOUT else "rb", buffering=0), event)
            ours.callback(end.close)
            with contextlib.suppress(OSError):  # beyond what this user may have, the kernel's own size does
                fcntl.fcntl(near, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            descriptors.append(far)
            ends.append(end)
        try:
            session = MuxSession(master.control_path, _OPEN_S)
            ours.callback(session.close)
            session.start(command, descriptors)
        except LinkStalledError as error:
            raise master.give_up(str(error)) from error
        except LinkError as error:
            raise master.lost(error) from error
        ours.pop_all()
    return MuxProgram(master, session, *ends)


class MuxProgram:
    """The program; see ``Program`` for what each method gives."""

    def __init__(self, master: Master, session: MuxSession, stdin: PipeEnd, stdout: PipeEnd, stderr: PipeEnd) -> None:
        self._master = master
        self._session = session
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._lock = threading.Lock()
        self._exit_status: int | None = None
        self._ended = False
        self._end_is_known = False
        self._left = False
        self._lost: LinkError | None = None

    @property
    def exit_status(self) -> int | None:
        return self._exit_status

    def read_stdout(self, timeout_s: float, /) -> bytes | None:
        data = self._stdout.read(timeout_s)
        if data == b"" and self._look(0.0):
            self._check_whole()
        return data

    def read_stderr(self, timeout_s: float, /) -> bytes | None:
        return self._stderr.read(timeout_s)

    def write_stdin(self, data: memoryview, timeout_s: float, /) -> int:
        try:
            return self._stdin.write(data, timeout_s)
        except BrokenPipeError:
            if self._look(0.0) and self._lost is not None:
                raise self._lost from None
            raise

    def close_stdin(self) -> None:
        self._stdin.close()

    def wait(self, timeout_s: float, /) -> bool:
        if not self._look(timeout_s):
            return False
        if self._lost is not None:
            raise self._lost
        return True

    def end(self) -> None:
        self._stdin.close()
        with self._lock:
            self._ended = self._left = True
            self._session.close()
        self._stdout.close()
        self._stderr.close()

    def _look(self, timeout_s: float) -> bool:
        """Tell whether the program has ended, or can't be known any more, within that time."""
        with self._lock:
            if self._ended:
                return True
            try:
                status = self._session.exit_status(timeout_s)
            except (EOFError, LinkError, OSError) as error:
                self._ended = True
                if not self._still_linked():
                    self._lost = self._master.lost(error)
                return True
            if status is None:
                return False
            self._exit_status, self._ended = status, True
            return True

    def _check_whole(self) -> None:
        """Raise ``LinkError`` when the link was lost before the end of the output: an exit may be told sooner."""
        with self._lock:
            if not self._end_is_known and not self._left:
                self._end_is_known = True
                if self._lost is None and self._exit_status is not None and not self._still_linked():
                    self._lost = self._master.lost(EOFError())
        if self._lost is not None:
            raise self._lost

    def _still_linked(self) -> bool:
        """Ask ssh itself: a program that was killed and a link that was lost end alike."""
        try:
            asking = MuxSession(self._master.control_path, _ALIVE_S)
        except LinkError:
            return False
        try:
            return asking.is_alive()
        finally:
            asking.close()
