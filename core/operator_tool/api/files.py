"""Files that are written for the operator: whole or not at all, and never through a link of another user's."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of ``path`` when the block ends: on the disk, or not at all.

    It is made beside the target under a name that can't be foreseen, with mode 0600. Where ``path`` is a link of the
    operator's own, what it leads to is replaced. Raises ``OSError``, and for another user's link too.
    """
    target = _target_of(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".new", dir=target.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def replaced_path(path: Path) -> Iterator[Path]:
    """Give the path of a file to make, which takes the place of ``path`` when the block ends, as in ``replaced_file``.

    For what writes by a path and not into a file, such as SQLite. It lies in a folder that no other user can write to;
    what is made there gets mode 0600, and is synced by its maker.
    """
    target = _target_of(path)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", suffix=".new", dir=target.parent))
    new = folder / target.name
    try:
        yield new
        new.chmod(0o600)
        new.replace(target)
    finally:
        with contextlib.suppress(OSError):
            for left in folder.iterdir():
                left.unlink()
            folder.rmdir()
    _sync_folder(target.parent)


def appended_file(path: Path) -> BinaryIO:
    """Return a file that is open for appending, unbuffered; where it is new, with mode 0600.

    Raises ``OSError``, and for another user's link too.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for name in ("O_CLOEXEC", "O_NOCTTY"):
        flags |= getattr(os, name, 0)
    if _target_of(path) == path:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def _target_of(path: Path) -> Path:
    """Return the file that is meant by a path, which may be a link; another user's is refused."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if not stat.S_ISLNK(found.st_mode):
        return path
    # Root's are those of the system, such as /dev/stdout.
    if hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, f"it is a link of another user's (uid {found.st_uid})", str(path))
    return Path(os.path.realpath(path))


def _sync_folder(folder: Path) -> None:
    """Have a rename survive a power cut, where folders can be opened at all."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
