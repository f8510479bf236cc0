"""One lock per companion, on the workstation: a kernel lock held by this process.

The lock's file is never unlinked and never judged by its age; a process that dies frees it. Who holds it stands in a
sidecar that is for people alone.
"""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from operator_tool.api.errors import BuildLockHeldError, ConfigError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.files import replaced_file
from operator_tool.failpoints import failpoint

if TYPE_CHECKING:
    from filelock import BaseFileLock


_log = logging.getLogger(__name__)
_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "afs"}
_MOUNTS = Path("/proc/self/mountinfo")


class LockHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock, as its sidecar says; advisory."""

    pid: int
    host: str
    operator: str
    since: str
    run_id: str
    companion: str

    def __str__(self) -> str:
        return f"{self.operator}, process {self.pid}, since {self.since}, run {self.run_id}"


class CompanionLock:
    """A held lock."""

    def __init__(self, path: Path, inode: tuple[int, int]) -> None:
        self._path = path
        self._inode = inode

    def confirm(self) -> None:
        """Raise ``BuildLockHeldError`` when the lock's file was replaced: another build may hold its successor."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            raise BuildLockHeldError(
                f"the lock file {self._path} was removed or replaced while this build held it",
                hint="Leave the tool's lock files alone. Run the build again.",
            )


@contextmanager
def companion_lock(
    locks_dir: Path, companion: str, *, timeout_s: float, operator: str, run_id: str
) -> Iterator[CompanionLock]:
    """Hold the lock of one companion while the block runs.

    Raises ``BuildLockHeldError`` when another process holds it for ``timeout_s``, and ``ConfigError`` when it can't be
    had at all: it fails closed and never falls back to a lock of another kind.
    """
    from filelock import FileLock, Timeout

    if not locks_dir.is_dir():
        raise ConfigError(f"the folder of the locks, {locks_dir}, can't be locked in: it is not there")
    if (kind := network_file_system(locks_dir)) is not None:
        _log.warning("%s lies on %s: a lock there does not keep other workstations out", locks_dir, kind)
    path = locks_dir / f"{hashlib.sha256(companion.encode()).hexdigest()[:16]}.lock"
    sidecar = path.with_suffix(".holder.json")
    inode: list[tuple[int, int]] = []

    def note_inode(descriptor: int) -> None:
        found = os.fstat(descriptor)
        inode.append((found.st_dev, found.st_ino))

    lock = FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=note_inode)
    try:
        lock.acquire(timeout=max(0.0, timeout_s), poll_interval=0.1)
    except Timeout:
        holder = _read_holder(sidecar)
        raise BuildLockHeldError(
            f"another build for {companion} is running: {holder or 'its holder is not known'}",
            holder=str(holder) if holder else None,
        ) from None
    except (OSError, NotImplementedError) as error:
        raise ConfigError(
            f"the lock file {path} can't be locked: {getattr(error, 'strerror', None) or error}",
            hint="Give --data-dir a folder on a local disk that is yours alone.",
        ) from error
    with _released(lock, sidecar):
        try:
            failpoint("lock.after_acquire")
            _write_holder(sidecar, companion, operator, run_id)
        except OSError as error:
            _log.warning("who holds the lock can't be noted in %s: %s", sidecar, error.strerror)
        failpoint("lock.after_holder")
        yield CompanionLock(path, inode[-1])


MAX_OPERATOR = 200
"""Characters: it is noted beside every lock, here and on companions."""


def operator_name() -> str:
    """Return who works here, ``user@workstation``, for whoever finds the lock held."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a process without an account, as in some containers
        user = "unknown"
    # The account's name may come from the environment, where it can be anything.
    name = f"{user}@{socket.gethostname()}".encode("utf-8", "backslashreplace").decode("utf-8")
    return escape_controls(name, limit=MAX_OPERATOR)


def network_file_system(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of network file system that a folder lies on; None for a local one, or where it can't be told.

    ``mounts`` is in the form of Linux's /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    where = folder.resolve()
    best, kind = -1, None
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        if (where == point or point in where.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


@contextmanager
def _released(lock: BaseFileLock, sidecar: Path) -> Iterator[None]:
    try:
        yield
    finally:
        # The note is for people alone: that it can't be removed keeps nobody out.
        with suppress(OSError):
            sidecar.unlink()
        lock.release()


def _write_holder(sidecar: Path, companion: str, operator: str, run_id: str) -> None:
    holder = LockHolder(
        pid=os.getpid(),
        host=socket.gethostname(),
        operator=operator,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run_id,
        companion=companion,
    )
    with replaced_file(sidecar) as file:
        file.write(msgspec.json.encode(holder))


def _read_holder(sidecar: Path) -> LockHolder | None:
    try:
        with sidecar.open("rb") as file:
            return msgspec.json.decode(file.read(4096), type=LockHolder)
    except (OSError, msgspec.MsgspecError):
        return None
