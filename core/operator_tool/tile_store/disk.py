"""What a disk says of itself, the room that a download leaves on it, and folders that are there after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from operator_tool.api import DownloadError

_ESTIMATE_MARGIN = 1.1
_RESERVE_SHARE = 0.03
_LEAST_RESERVE_BYTES = 64 * 1024 * 1024
_MOST_RESERVE_BYTES = 2 * 1024 * 1024 * 1024


def free_bytes(folder: Path) -> int:
    """Return how much room we may use on the disk of a folder, or of its nearest parent that is there.

    Raises ``OSError``.
    """
    disk = _disk_of(folder)
    return disk.f_bavail * disk.f_frsize


def total_bytes(folder: Path) -> int:
    """Return how large the disk of a folder is, or of its nearest parent that is there. Raises ``OSError``."""
    disk = _disk_of(folder)
    return disk.f_blocks * disk.f_frsize


def check_room(folder: Path, needed_bytes: int) -> None:
    """Raise ``DownloadError`` when an estimate of ``needed_bytes`` and a tenth, and the reserve, find no room."""
    _check(folder, int(needed_bytes * _ESTIMATE_MARGIN))


def check_reserve(folder: Path) -> None:
    """Raise ``DownloadError`` when the disk has less room left than the reserve.

    One system call, so that every commit can ask: a download ends while its last batch still fits, and the disk that it
    shares with the operator's desktop is never filled to the last byte.
    """
    _check(folder, 0)


def free_text(folder: Path) -> str:
    """Return how much room the folder's disk has, for a message."""
    try:
        return f"{megabytes(free_bytes(folder))} are free on its disk"
    except OSError as error:
        return f"its disk can't be asked for its free room: {error.strerror}"


def megabytes(size_bytes: int) -> str:
    """Return a size for a message."""
    return f"{size_bytes / 1e6:,.1f} MB"


def make_durable_folder(folder: Path) -> None:
    """Make a folder and its missing parents, mode 0700 whatever the umask; each new name is on the disk when this
    returns. Raises ``OSError``."""
    if folder.is_dir():
        return
    make_durable_folder(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk. Raises ``OSError``."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _check(folder: Path, needed_bytes: int) -> None:
    try:
        disk = _disk_of(folder)
    except OSError as error:
        raise DownloadError(
            f"the disk of {folder} can't be asked for its free room: {error.strerror}",
            hint="Check the disk, or choose another with --data-dir.",
        ) from error
    free = disk.f_bavail * disk.f_frsize
    reserve_bytes = _reserve_bytes(disk.f_blocks * disk.f_frsize)
    if free >= needed_bytes + reserve_bytes:
        return
    wanted = f"{megabytes(needed_bytes)} are needed (the estimate and a tenth) beside" if needed_bytes else "below"
    raise DownloadError(
        f"the disk of {folder} has no room: {megabytes(free)} are free, {wanted}"
        f" the {megabytes(reserve_bytes)} that are kept free",
        hint="Make room on this disk (operator-tool store prune gives back what is no longer needed), or choose another"
        " with --data-dir; then run the same command again: tiles that were stored are kept.",
    )


def _reserve_bytes(disk_bytes: int) -> int:
    # 3 % keeps a small disk usable. Of a large one it would forbid tens of gigabytes that nothing else misses, so it
    # ends at what a system needs to go on working.
    return min(max(int(disk_bytes * _RESERVE_SHARE), _LEAST_RESERVE_BYTES), _MOST_RESERVE_BYTES)


def _disk_of(folder: Path) -> os.statvfs_result:
    folder = folder.absolute()
    for there in (folder, *folder.parents):
        try:
            return os.statvfs(there)
        except FileNotFoundError:
            continue
    return os.statvfs("/")
