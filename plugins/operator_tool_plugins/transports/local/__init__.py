"""Transport ``local``: this machine stands in for the companion, for a first try, a rig and tests."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from operator_tool.api import (
    CompanionIdentity,
    CompanionSession,
    CompanionTransport,
    LinkError,
    RemoteRun,
    RunContext,
    RunLimits,
    StreamedRun,
    check_argv,
    hookimpl,
    start_process,
)


@hookimpl.make_companion_transport
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
                start_process(argv),
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
