"""A store's folder: how it is named, whose it must be, and the lock that keeps pruning and runs apart."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from operator_tool.api import ConfigError, DownloadError

INDEX_NAME = "index.sqlite"
PACKS_NAME = "packs"
_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_LOCK_TIMEOUT_S = 30.0
_LOCK_POLL_S = 0.05
_LOCKED_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES)


def store_folder(folder_of_stores: Path, *, provider: str, dataset: str) -> Path:
    """Return where the store of a data set lies, or will lie. Raises ``ConfigError`` for what can't name a folder."""
    if not _PROVIDER_NAME.fullmatch(provider):
        raise ConfigError(f"{provider!r} can't name a tile store's folder")
    return folder_of_stores / f"{provider}-{hashlib.sha256(dataset.encode()).hexdigest()[:12]}"


def store_folders(folder_of_stores: Path) -> Iterator[Path]:
    """Yield the folder of each store that is there, by name. Raises ``ConfigError`` when they can't be listed."""
    try:
        folders = sorted(folder_of_stores.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"the folder {folder_of_stores} can't be listed: {error.strerror}") from error
    for folder in folders:
        if not folder.name.startswith(".") and (folder / INDEX_NAME).is_file():
            yield folder


def check_owner(folder: Path) -> None:
    """Raise ``ConfigError`` when somebody else could change what lies in a store, which would then be flown with.

    A folder of root's is fine: who is root can change it in any case. One that isn't there is fine too.
    """
    for one in (folder, folder / PACKS_NAME):
        try:
            found = one.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(
                f"the tile store {folder} can't be used: {error.strerror}",
                hint="Give it back to your user, or choose another --data-dir.",
            ) from error
        if not stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{one} is not a folder", hint=f"Move {one} away, or choose another --data-dir.")
        if found.st_uid not in (os.geteuid(), 0):
            raise ConfigError(
                f"the tile store {folder} belongs to another user (uid {found.st_uid})",
                hint=f"chown -R {os.geteuid()} {folder}, if you trust what is in it; else choose another --data-dir.",
            )
        if found.st_mode & 0o022:
            mode = stat.S_IMODE(found.st_mode)
            raise ConfigError(
                f"others may write into the tile store's folder {one} (its mode is {mode:04o})",
                hint=f"chmod go-w {one}, if you trust what is in it.",
            )


class FolderLock:
    """A kernel lock on a store's folder: any number of runs share it, pruning has it alone.

    It is the folder itself that is locked, so that a store which is only read gets no new file.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def share(cls, folder: Path) -> FolderLock | None:
        """Hold off pruning for as long as the lock is open; None when there is no such folder.

        Waits for a pruning that is under way. Raises ``DownloadError`` when it doesn't end soon.
        """
        until_s = time.monotonic() + _LOCK_TIMEOUT_S
        while (fd := _open(folder)) is not None:
            try:
                _wait_for_share(fd, folder, until_s)
                if _is_still(fd, folder):
                    return cls(fd)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        return None

    @classmethod
    def alone(cls, folder: Path) -> FolderLock | None:
        """Keep every other process out of the store; None, at once, when one uses it or the store is gone.

        Raises ``ConfigError`` on a file system that has no such locks: there nobody could be kept out.
        """
        fd = _open(folder)
        if fd is None:
            return None
        try:
            if _try_lock(fd, fcntl.LOCK_EX) and _is_still(fd, folder):
                return cls(fd)
        except OSError as error:
            os.close(fd)
            raise ConfigError(
                f"the tile store {folder} can't be locked: {error.strerror}",
                hint="Its file system has no locks, so that a run could be using it. Move the store to a local disk.",
            ) from error
        os.close(fd)
        return None

    def release(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)


def _open(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"the tile store {folder} can't be opened: {error.strerror}",
            hint="Give it back to your user, or choose another --data-dir.",
        ) from error


def _wait_for_share(fd: int, folder: Path, until_s: float) -> None:
    while not _try_lock(fd, fcntl.LOCK_SH):
        if time.monotonic() > until_s:
            raise DownloadError(
                f"the tile store {folder} has been pruned by another process for {_LOCK_TIMEOUT_S:g} s",
                hint="Run the same command again when the pruning has ended.",
            )
        time.sleep(_LOCK_POLL_S)


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _LOCKED_BY_ANOTHER:
            return False
        if kind == fcntl.LOCK_SH:
            return True  # a file system without such locks: pruning refuses to work there, so nothing need be held off
        raise
    return True


def _is_still(fd: int, folder: Path) -> bool:
    """Say whether the locked folder is still the one of this name: pruning removes a store that it emptied."""
    try:
        there = folder.stat()
    except OSError:
        return False
    return os.path.samestat(os.fstat(fd), there)
