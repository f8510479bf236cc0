"""Transport ``local``: this machine stands in for the companion, for a first try, a rig and tests."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from select import POLLIN, POLLOUT, poll
from types import TracebackType
from typing import IO, Self

from operator_tool.api import (
    CompanionIdentity,
    CompanionSession,
    CompanionTransport,
    LinkError,
    RemoteRun,
    RunContext,
    RunLimits,
    hookimpl,
)

from ._run import Program, StreamedRun, check_argv

_READ_BYTES = 256 * 1024
_TERMINATE_S = 1.0


@hookimpl
def make_companion_transport(context: RunContext) -> CompanionTransport:
    """Return the transport to this machine."""
    return LocalTransport(context)


class LocalTransport:
    """Reaches this machine."""

    address = "local"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def connect(self) -> CompanionSession:
        """Open a session; there is nothing that could fail."""
        return LocalSession(self._context)


class LocalSession:
    """Runs programs as subprocesses; a relative path is relative to the working folder."""

    identity = CompanionIdentity(address=LocalTransport.address)

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._runs: set[StreamedRun] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program in a process group of its own, which ends with the run, background children included."""
        check_argv(argv)
        with self._lock:
            self._check_open()
            run = StreamedRun(
                _start(argv),
                stdin=stdin,
                limits=limits or RunLimits(),
                context=self._context,
                closed=self._forget,
            )
            self._runs.add(run)
        return run

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file, whole or not at all."""
        self._check_open()
        try:
            _replace(Path(path), data, mode)
        except OSError as error:
            raise LinkError(f"{path} could not be written: {error.strerror}", retryable=False) from error

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a regular file of at most ``max_bytes``."""
        self._check_open()
        try:
            data = _read_regular(path, max_bytes + 1)
        except OSError as error:
            raise LinkError(f"{path} could not be read: {error.strerror}", retryable=False) from error
        if len(data) > max_bytes:
            raise LinkError(f"{path} is larger than {max_bytes:,} bytes", retryable=False)
        return data

    def close(self) -> None:
        """End all that still runs."""
        with self._lock:
            self._closed = True
            runs = tuple(self._runs)
        for run in runs:
            run.abort()

    def _check_open(self) -> None:
        if self._closed:
            raise LinkError("the session with the companion is closed")

    def _forget(self, run: StreamedRun) -> None:
        with self._lock:
            self._runs.discard(run)


def _read_regular(path: str, most_bytes: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe would else be waited for
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise LinkError(f"{path} could not be read: it is not a file", retryable=False)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _start(argv: Sequence[str]) -> Program:
    # As over ssh, the companion's program sees none of the operator's settings: they may hold secrets.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPERATOR_TOOL_")}
    try:
        process = subprocess.Popen(  # noqa: S603 - running the program that is asked for is this transport's task
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env=environment,
        )
    except FileNotFoundError:
        return _NotStarted(127, f"{argv[0]}: not found\n")
    except PermissionError:
        return _NotStarted(126, f"{argv[0]}: permission denied\n")
    except OSError as error:
        raise LinkError(f"{argv[0]} could not be started: {error.strerror}") from error
    return _Process(process)


class _PipeEnd:
    """Our end of a pipe, never blocking, which any thread may close while another waits on it."""

    def __init__(self, file: IO[bytes] | None, event: int) -> None:
        assert file is not None
        self._file = file
        self._lock = threading.Lock()
        self._descriptor = file.fileno()
        self._ready = poll()
        self._ready.register(self._descriptor, event)
        os.set_blocking(self._descriptor, False)

    def wait(self, timeout_s: float) -> None:
        # A descriptor that another thread closes meanwhile wakes this too, or at the latest the timeout does; the
        # call that follows looks under the lock.
        self._ready.poll(timeout_s * 1000)

    def read(self, timeout_s: float) -> bytes | None:
        self.wait(timeout_s)
        with self._lock:
            if self._file.closed:
                return b""
            try:
                return os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return None

    def write(self, data: memoryview, timeout_s: float) -> int:
        self.wait(timeout_s)
        with self._lock:
            if self._file.closed:
                raise BrokenPipeError
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                return 0

    def close(self) -> None:
        with self._lock:
            self._file.close()


class _Process:
    """A subprocess and its group. It isn't reaped before its end, so that its group's number can't be another's."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._stdin = _PipeEnd(process.stdin, POLLOUT)
        self._stdout = _PipeEnd(process.stdout, POLLIN)
        self._stderr = _PipeEnd(process.stderr, POLLIN)
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
