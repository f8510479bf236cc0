"""A subprocess, its group and its pipes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from select import POLLIN, POLLOUT
from typing import TYPE_CHECKING

from ..errors import LinkError
from .pipe_end import PipeEnd
from .program import Program

if TYPE_CHECKING:
    import subprocess

_TERMINATE_S = 1.0


def start_process(
    argv: Sequence[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Program:
    """Start a program of this machine, in a process group of its own that ends with it.

    It sees this process's environment without operator-tool's settings, with ``environment`` over it, and works in
    ``folder``. For one that can't be started this returns what a shell would show: status 126 or 127, and why.
    Raises ``LinkError`` for anything else that is in the way.
    """
    import subprocess

    # As over ssh, the companion's program sees none of the operator's settings: they may hold secrets.
    seen = {name: value for name, value in os.environ.items() if not name.startswith("OPERATOR_TOOL_")}
    try:
        process = subprocess.Popen(  # noqa: S603 - running the program that is asked for is this transport's task
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**seen, **(environment or {})},
            cwd=folder,
        )
    except FileNotFoundError:
        return _NotStarted(127, f"{argv[0]}: not found\n")
    except PermissionError:
        return _NotStarted(126, f"{argv[0]}: permission denied\n")
    except OSError as error:
        raise LinkError(f"{argv[0]} could not be started: {error.strerror}") from error
    return _Process(process)


class _Process:
    """A subprocess and its group. It isn't reaped before its end, so that its group's number can't be another's."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._stdin = PipeEnd(process.stdin, POLLOUT)
        self._stdout = PipeEnd(process.stdout, POLLIN)
        self._stderr = PipeEnd(process.stderr, POLLIN)
        self._lock = threading.Lock()
        self._exited = threading.Event()
        self._exit_status: int | None = None
        self._reaped = False

    @property
    def exit_status(self) -> int | None:
        return self._exit_status

    def read_stdout(self, timeout_s: float) -> bytes | None:
        return self._stdout.read(timeout_s)

    def read_stderr(self, timeout_s: float) -> bytes | None:
        return self._stderr.read(timeout_s)

    def write_stdin(self, data: memoryview, timeout_s: float) -> int:
        return self._stdin.write(data, timeout_s)

    def close_stdin(self) -> None:
        self._stdin.close()

    def wait(self, timeout_s: float) -> bool:
        pause = threading.Event()
        step_s = 0.001
        while not self._look() and timeout_s > 0:
            pause.wait(min(step_s, timeout_s))
            timeout_s -= step_s
            step_s *= 2
        return self._exited.is_set()

    def end(self) -> None:
        self._signal(signal.SIGTERM)
        self.wait(_TERMINATE_S)
        self._signal(signal.SIGKILL)
        self.wait(_TERMINATE_S)
        with self._lock:
            if not self._reaped:
                import subprocess

                with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: nobody can end it
                    self._process.wait(_TERMINATE_S)
                self._reaped = True
        for pipe in (self._stdin, self._stdout, self._stderr):
            pipe.close()

    def _look(self) -> bool:
        with self._lock:
            if not self._exited.is_set():
                ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
                if ended is not None:
                    self._exit_status = ended.si_status if ended.si_code == os.CLD_EXITED else None
                    self._exited.set()
            return self._exited.is_set()

    def _signal(self, number: signal.Signals) -> None:
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if not self._reaped:
                os.killpg(self._process.pid, number)


class _NotStarted:
    """What a shell would show of a program that it can't start."""

    def __init__(self, exit_status: int, message: str) -> None:
        self.exit_status: int | None = exit_status
        self._messages = [message.encode()]

    def read_stdout(self, _timeout_s: float, /) -> bytes | None:
        return b""

    def read_stderr(self, _timeout_s: float, /) -> bytes | None:
        return self._messages.pop() if self._messages else b""

    def write_stdin(self, _data: memoryview, _timeout_s: float, /) -> int:
        raise BrokenPipeError

    def close_stdin(self) -> None:
        """There is nothing to close."""

    def wait(self, _timeout_s: float, /) -> bool:
        return True

    def end(self) -> None:
        """There is nothing to end."""
