"""Files of the companion's own keeper, which decide over what operators may do: who could have written them counts."""

from __future__ import annotations

import os
import stat

MAX_BYTES = 64 * 1024
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_kept(path: str) -> bytes:
    """Return the bytes of a file that nobody but root and the agent's own user may write to, or put there.

    Raises ``ValueError`` saying why it can't be relied on, and ``OSError``.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is not a regular file")
        if may_be_others(found):
            raise ValueError("others than root and the agent's own user may write to it")
        if may_be_others(os.stat(os.path.dirname(path) or ".")):
            raise ValueError("others than root and the agent's own user may write to its folder")
        with open(fd, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > MAX_BYTES:
        raise ValueError("it is larger than %d bytes" % MAX_BYTES)
    return data


def may_be_others(found: os.stat_result) -> bool:
    """Tell whether somebody else than root and the agent's own user may write there."""
    return bool(found.st_mode & _OTHERS) or found.st_uid not in (0, os.geteuid())
