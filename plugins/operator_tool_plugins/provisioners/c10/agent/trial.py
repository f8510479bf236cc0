"""What the build and its switch will need of the volume, tried in a folder of its own before a byte is sent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import Callable, NamedTuple, Optional, Tuple

from .faults import DISK_ERRNOS
from .layout import remove, sync_folder

PREFIX = ".new-trial-"
"""As all names are that an interrupted agent leaves behind: the next tidying removes it."""
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))
_FAILS = (DISK_ERRNOS - _NO_ROOM) | frozenset((errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV))
_TRIES = 2


class Unfit(NamedTuple):
    """What a volume can't do."""

    what: str
    """Such as ``hold symbolic links``; empty where nothing can be written at all."""
    why: str
    disk: bool
    """It is the disk that fails, and not the file system that has no such thing."""


def try_volume(folder: str) -> Optional[Unfit]:
    """Return what can't be done in a folder, None where all can; leaves nothing there.

    A full volume is none that can't: how much room is needed is another question.
    """
    found = None
    for _ in range(_TRIES):
        # Another agent's tidying may have taken the first one away.
        found = _try(folder)
        if found is None:
            break
    return found


def _try(folder: str) -> Optional[Unfit]:
    place = os.path.join(folder, PREFIX + os.urandom(6).hex())
    what = ""
    try:
        os.mkdir(place, 0o700)
        for step in _STEPS:
            what = step[0]
            step[1](place)
    except OSError as error:
        if error.errno in _NO_ROOM:
            return None
        return Unfit(what, error.strerror or str(error), error.errno in _FAILS)
    finally:
        with contextlib.suppress(OSError):
            remove(place)
    return None


def _file(place: str) -> None:
    fd = os.open(os.path.join(place, "file"), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"c10")
        os.fsync(fd)
    finally:
        os.close(fd)


def _modes(place: str) -> None:
    path = os.path.join(place, "file")
    for mode in (0o600, 0o444, 0o644):
        os.chmod(path, mode)
        found = stat.S_IMODE(os.lstat(path).st_mode)
        if found != mode:
            raise OSError(errno.ENOTSUP, "mode %04o became %04o" % (mode, found))


def _lock(place: str) -> None:
    path = os.path.join(place, "file")
    first = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    second = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        raise OSError(errno.ENOLCK, "two hold the same lock")
    finally:
        os.close(second)
        os.close(first)


def _record_lock(place: str) -> None:
    # SQLite's.
    fd = os.open(os.path.join(place, "file"), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(fd)


def _link(place: str) -> None:
    os.symlink("folder/one", os.path.join(place, "link"))


def _switch(place: str) -> None:
    link, new = os.path.join(place, "link"), os.path.join(place, "new")
    os.symlink("folder/two", new)
    os.replace(new, link)
    if os.readlink(link) != "folder/two" or os.path.lexists(new):
        raise OSError(errno.EIO, "the link is not what was renamed over it")


def _rename_folder(place: str) -> None:
    os.mkdir(os.path.join(place, "folder"))
    os.rename(os.path.join(place, "folder"), os.path.join(place, "renamed"))


def _sync_folder(place: str) -> None:
    sync_folder(place)


_STEPS: Tuple[Tuple[str, Callable[[str], None]], ...] = (
    ("write a file and sync it", _file),
    ("keep a file's mode", _modes),
    ("hold a lock (flock)", _lock),
    ("hold a lock (fcntl)", _record_lock),
    ("hold symbolic links", _link),
    ("rename a link over another", _switch),
    ("rename a folder", _rename_folder),
    ("sync a folder", _sync_folder),
)
