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
from typing import TYPE_CHECKING, Dict, List

from ..faults import AgentError
from ..layout import Layout, boot_id, sync_folder

if TYPE_CHECKING:
    from ..call import Request

NAME = "audit.jsonl"
OLDER = "audit.jsonl.1"
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
        _append(layout, line_of(event, fields))


def note_failure(verb: str, request: "Request", fault: AgentError) -> None:
    """Append that a call which would have changed something did not, and why; one that only met another is nothing."""
    if fault.code in ("busy", "request"):
        return
    try:
        layout = Layout(request.text("root"))
        who = {name: request.text(name, "") for name in ("run_id", "operator")}
    except AgentError:
        return
    note(layout, verb, **who, outcome=fault.code, problem=fault.message)


def line_of(event: str, fields: Dict[str, object]) -> bytes:
    """Return an event's line. The time is the companion's own clock's, which may be wrong: the lines' order counts."""
    said: Dict[str, object] = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": _bounded(event)}
    said["boot_id"] = boot_id()
    for name in sorted(fields)[:_MAX_FIELDS]:
        said[name[:64]] = _bounded(fields[name])
    return json.dumps(said, ensure_ascii=True).encode("ascii") + b"\n"


def last_lines(layout: Layout, count: int) -> List[Dict[str, object]]:
    """Return the last events, the oldest first; lines that are none are passed over."""
    try:
        fd = os.open(os.path.join(layout.root, NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        found = os.fstat(fd)
        data = os.pread(fd, _TAIL_BYTES, max(0, found.st_size - _TAIL_BYTES)) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(fd)
    events = []
    for line in data.split(b"\n"):
        try:
            said = json.loads(line.decode("ascii"))
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and isinstance(said.get("event"), str):
            events.append(said)
    return events[-count:]


def _append(layout: Layout, line: bytes) -> None:
    path = os.path.join(layout.root, NAME)
    fd = _opened(path)
    try:
        locked = _lock(fd)
        if locked and not _is_still(fd, path):
            # It was rotated while we waited.
            os.close(fd)
            fd = _opened(path)
            locked = _lock(fd) and _is_still(fd, path)
        if locked and os.fstat(fd).st_size >= MAX_BYTES:
            os.rename(path, os.path.join(layout.root, OLDER))
            os.close(fd)
            fd = _opened(path)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            # A power cut, or a full disk, left half a line: what follows must not be read as its end.
            line = b"\n" + line
        os.write(fd, line)
        os.fsync(fd)
        if not size:
            sync_folder(layout.root)
    finally:
        os.close(fd)


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
