"""The bytes of a flight's file, read once and safely."""

from __future__ import annotations

import os
import stat

from operator_tool.api import FlightFileError

from .._escaping import escaped

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_CHOOSE_FILE = "Choose the mission's own file."
_CHUNK_BYTES = 1024 * 1024


def read_flight_file(path: str, *, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most ``max_bytes``.

    Opened once, without waiting for a pipe's writer, and judged by what was opened, so that nothing can be swapped
    between check and read. Raises ``FlightFileError``.
    """
    shown = escaped(path, 200)
    # O_NONBLOCK: a named pipe without a writer opens at once. O_NOCTTY: a terminal doesn't become ours.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FlightFileError(f"the flight's file {shown} can't be opened: {reason}") from None
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            kind = next((name for test, name in _KINDS if test(before.st_mode)), "no regular file")
            raise FlightFileError(f"the flight's file {shown} is {kind}", hint=_CHOOSE_FILE)
        if before.st_size > max_bytes:
            raise _too_large(shown, before.st_size, max_bytes)
        data = _read_up_to(handle, max_bytes + 1)
        after = os.fstat(handle)
    except OSError as error:
        raise FlightFileError(f"the flight's file {shown} can't be read: {error.strerror}") from None
    finally:
        os.close(handle)
    if len(data) > max_bytes:
        raise _too_large(shown, len(data), max_bytes)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise FlightFileError(
            f"the flight's file {shown} changed while it was read",
            hint="Wait until the planner has saved it, and run the same command again.",
            retryable=True,
        )
    return data


def _read_up_to(handle: int, limit_bytes: int) -> bytes:
    data = bytearray()
    while len(data) < limit_bytes:
        chunk = os.read(handle, min(_CHUNK_BYTES, limit_bytes - len(data)))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _too_large(shown: str, size_bytes: int, max_bytes: int) -> FlightFileError:
    return FlightFileError(
        f"the flight's file {shown} has {size_bytes:,} bytes, at most {max_bytes:,} are read", hint=_CHOOSE_FILE
    )
