"""The companion's own log of what was done to its caches: ``audit.jsonl``, one JSON object a line, in ASCII.

It is for people, after the event: nothing is decided by it, and what can't be written there stops nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from typing import Callable, Dict, List, Optional, Tuple

from ..layout import Layout, boot_id, sync_folder
from ..whence import whence

NAME = "audit.jsonl"
_OLDER = ".1"
MAX_BYTES = 4 * 1024 * 1024
"""Beyond that the log becomes the older one, in place of the one before it."""
_MAX_TEXT = 300
_MAX_ITEMS = 20
_MAX_FIELDS = 32
_TAIL_BYTES = 64 * 1024
_TRIES = 20
_PAUSE_S = 0.05


def note(layout: Layout, event: str, **fields: object) -> None:
    """Append one line, durably; never raises, and makes no cache root."""
    # Without a root, or without a right to write there, there is nobody's cache to tell of.
    with contextlib.suppress(OSError, ValueError):
        line = line_of(event, fields)
        append_to(layout, NAME, MAX_BYTES, lambda _last: (line, False))


def line_of(event: str, fields: Dict[str, object]) -> bytes:
    """Return an event's line. The time is the companion's own clock's, which may be wrong: the lines' order counts."""
    said: Dict[str, object] = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": _bounded(event)}
    said["boot_id"] = boot_id()
    said.update(whence())
    for name in sorted(fields)[:_MAX_FIELDS]:
        said[name[:64]] = _bounded(fields[name])
    return json.dumps(said, ensure_ascii=True).encode("ascii") + b"\n"


def last_lines(layout: Layout, count: int, name: str = NAME) -> List[Dict[str, object]]:
    """Return the last events, the oldest first; lines that are none are passed over."""
    try:
        fd = os.open(os.path.join(layout.root, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        found = os.fstat(fd)
        data = os.pread(fd, _TAIL_BYTES, max(0, found.st_size - _TAIL_BYTES)) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(fd)
    events = [said for said in map(_event, data.split(b"\n")) if said is not None]
    return events[-count:]


def append_to(
    layout: Layout, name: str, max_bytes: int, line_after: Callable[[Optional[Dict[str, object]]], Tuple[bytes, bool]]
) -> None:
    """Append to a log what ``line_after`` makes of its last line, durably, or put it in that one's place.

    Beyond ``max_bytes`` the log becomes the older one. Raises ``OSError`` and ``ValueError``.
    """
    path = os.path.join(layout.root, name)
    fd = _opened(path)
    try:
        locked = _lock(fd)
        if locked and not _is_still(fd, path):
            # It was rotated while we waited.
            os.close(fd)
            fd = _opened(path)
            locked = _lock(fd) and _is_still(fd, path)
        if locked and os.fstat(fd).st_size >= max_bytes:
            os.rename(path, path + _OLDER)
            os.close(fd)
            fd = _opened(path)
        size = os.fstat(fd).st_size
        start, last = _last_line(fd, size) if locked else (size, None)
        line, in_its_place = line_after(last)
        if in_its_place:
            os.ftruncate(fd, start)
        elif size and os.pread(fd, 1, size - 1) != b"\n":
            # A power cut, or a full disk, left half a line: what follows must not be read as its end.
            line = b"\n" + line
        os.write(fd, line)
        os.fsync(fd)
        if not size:
            sync_folder(layout.root)
    finally:
        os.close(fd)


def _last_line(fd: int, size: int) -> Tuple[int, Optional[Dict[str, object]]]:
    """Return where the last line begins, and what it says; None where it is none of ours, or torn."""
    tail = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    line = tail[:-1].rpartition(b"\n")[2]
    return size - 1 - len(line), _event(line) if tail.endswith(b"\n") else None


def _event(line: bytes) -> Optional[Dict[str, object]]:
    try:
        said = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("event"), str) else None


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ValueError("%s is not a regular file" % path)
    return fd


def _lock(fd: int) -> bool:
    """Take the file's own lock; who can't have it in a second appends without, and never rotates."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return True
    return False


def _is_still(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def _bounded(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_bounded(item) for item in value[:_MAX_ITEMS]]
        return items + (["and %d more" % (len(value) - _MAX_ITEMS)] if len(value) > _MAX_ITEMS else [])
    text = str(value)
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."
