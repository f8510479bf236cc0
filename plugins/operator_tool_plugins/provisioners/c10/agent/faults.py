"""The one error that the agent reports, and how the operating system's and SQLite's errors become one."""

from __future__ import annotations

import errno
import os
import sys
from typing import Dict, Optional

DISK_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS, errno.ENOMEM))


class AgentError(Exception):
    """A failure that the last line reports: ``code`` for a program, ``message`` for a person, ``details`` beside."""

    def __init__(self, code: str, message: str, details: Optional[Dict[str, object]] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}


def as_agent_error(error: Exception, place: str) -> AgentError:
    """Return what to report for ``error``; ``place`` is a path on the volume that was written to."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, OSError):
        code = "disk" if error.errno in DISK_ERRNOS else "system"
        return AgentError(code, _text(error), free_space(place) if code == "disk" else None)
    # Only a verb that imported sqlite3 can fail with its errors; hello stays quick without it.
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is not None and isinstance(error, sqlite3.OperationalError):
        return AgentError("disk", "SQLite: " + _text(error), free_space(place))
    if sqlite3 is not None and isinstance(error, sqlite3.Error):
        return AgentError("corrupt", "SQLite: " + _text(error))
    return AgentError("internal", type(error).__name__ + ": " + _text(error))


def free_space(place: str) -> Dict[str, object]:
    """Return the free bytes and inodes of the volume of ``place``, or of its nearest folder that exists."""
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    try:
        volume = os.statvfs(place)
    except OSError:
        return {}
    # A volume without a table of inodes (btrfs, vfat) says 0 of 0: there is nothing to run out of.
    inodes = volume.f_favail if volume.f_files else None
    return {"free_bytes": volume.f_bavail * volume.f_frsize, "free_inodes": inodes}


def _text(error: Exception) -> str:
    return str(error)[:1000]
