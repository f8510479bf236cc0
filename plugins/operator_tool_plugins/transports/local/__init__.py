"""Transport ``local``: this machine stands in for the companion, for a first try, a rig and tests."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from operator_tool.api import (
    CompanionIdentity,
    CompanionSession,
    CompanionTransport,
    LinkError,
    ProgramSession,
    RunContext,
    hookimpl,
    replaced_file,
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


class LocalSession(ProgramSession):
    """Runs programs as subprocesses, each in a process group of its own, which ends with the run.

    A relative path is relative to the working folder.
    """

    def __init__(self, context: RunContext) -> None:
        super().__init__(
            CompanionIdentity(address=LocalTransport.address),
            context,
            start=lambda argv, _stall_s: start_process(argv),
            close_link=lambda: None,
        )

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
    with replaced_file(path) as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
