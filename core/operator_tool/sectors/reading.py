"""A file read whole, and only if it is one."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_file(path: Path, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """Return at most one byte more than ``max_bytes`` of a file, and what the system says of it.

    What is no file (a pipe, a device, a folder) is not waited for: its bytes are none. Raises ``OSError``.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        data = b""
        while stat.S_ISREG(found.st_mode) and len(data) <= max_bytes:
            part = os.read(fd, max_bytes + 1 - len(data))
            if not part:
                break
            data += part
    finally:
        os.close(fd)
    return data, found
