"""A recording made of strace's own text: the calls that changed a folder, become operations on it.

Nothing is told from what the program is believed to do. A call on the folder that is not known here is an error, and
so is a recording whose operations do not lead to exactly what lies on the disk afterwards.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from .live_tree import LiveTree
from .operations import (
    FILE,
    FOLDER,
    LINK,
    DataOperation,
    Enter,
    NameOperation,
    Operation,
    Permit,
    Recording,
    Remove,
    Rename,
    Resize,
    Say,
    Sync,
    Write,
)
from .strace_text import Begun, Call, calls_of, descriptor_of, hexed, string_of

TRACE = ("-f", "-y", "-xx", "-s", "16000000", "--seccomp-bpf", "-e", "trace=%file,%desc", "-e", "signal=none")
"""Whatever takes a name or a descriptor is traced; a program can change a folder in no other way."""
_CHANGING_NOTHING = """
    access faccessat faccessat2 stat lstat fstat newfstatat statx statfs fstatfs readlink readlinkat getdents64 pread64
    preadv preadv2 close close_range fcntl ioctl flock fadvise64 readahead sync_file_range utimensat getcwd chdir fchdir
    execve poll ppoll select pselect6 inotify_add_watch getxattr lgetxattr fgetxattr dup dup2 dup3
    chown lchown fchown fchownat
"""
"""Nothing that this model knows: times and owners are none of it, and ``sync_file_range`` promises nothing."""
_HARMLESS = frozenset(_CHANGING_NOTHING.split())
_MAPPED_FOR_WRITING = re.compile(r"MAP_SHARED")
_SIZE = re.compile(r"\[(\d+)\]")


class RecordingError(Exception):
    """What strace saw can't be understood, and so nothing can be told from it."""


def read_recording(trace: Path, before: LiveTree, pipe: int) -> Recording:
    """Return what was done to the folder of ``before``; ``pipe`` is the inode of the program's standard output."""
    top, modes, names = before.top, dict(before.modes), dict(before.names)
    reader = _Reader(before, f"pipe:[{pipe}]")
    about = [hexed(os.fsencode(before.folder)), hexed(reader.pipe.encode())]
    with trace.open(encoding="ascii") as lines:
        for call in calls_of(lines, about):
            reader.take(call)
    after = LiveTree(before.folder).tree()
    if before.tree() != after:
        differing = sorted(set(before.tree().items()) ^ set(after.items()))
        raise RecordingError(f"the operations do not lead to what lies there: {[path for path, _ in differing][:10]}")
    return Recording(top, tuple(before.inodes), modes, names, tuple(reader.operations))


class _Reader:
    """Turns calls into operations, and does each to the live tree, so that paths mean what they meant then."""

    def __init__(self, tree: LiveTree, pipe: str) -> None:
        self.operations: list[Operation] = []
        self.pipe = pipe
        self._tree = tree
        self._positions: dict[tuple[int, int], int] = {}
        self._appends: set[tuple[int, int]] = set()
        self._done_at: list[int] = []
        """For each call that returned, how many operations there were then."""
        self._calls: dict[str, Callable[[Call], None]] = {
            "open": lambda call: self._open(call, self._path(call, 0), call.arguments[1]),
            "openat": lambda call: self._open(call, self._path(call, 1, 0), call.arguments[2]),
            "creat": lambda call: self._open(call, self._path(call, 0), "O_WRONLY|O_CREAT|O_TRUNC"),
            "mkdir": lambda call: self._make(FOLDER, self._path(call, 0), call.arguments[1]),
            "mkdirat": lambda call: self._make(FOLDER, self._path(call, 1, 0), call.arguments[2]),
            "symlink": lambda call: self._link(call, self._path(call, 1)),
            "symlinkat": lambda call: self._link(call, self._path(call, 2, 1)),
            "rmdir": lambda call: self._remove(self._path(call, 0)),
            "unlink": lambda call: self._remove(self._path(call, 0)),
            "unlinkat": lambda call: self._remove(self._path(call, 1, 0)),
            "rename": lambda call: self._rename(self._path(call, 0), self._path(call, 1), ""),
            "renameat": lambda call: self._rename(self._path(call, 1, 0), self._path(call, 3, 2), ""),
            "renameat2": lambda call: self._rename(self._path(call, 1, 0), self._path(call, 3, 2), call.arguments[4]),
            "chmod": lambda call: self._permit(self._tree.find(self._path(call, 0)), call.arguments[1]),
            "fchmod": lambda call: self._permit(self._file(call, 0), call.arguments[1]),
            "fchmodat": lambda call: self._permit(self._tree.find(self._path(call, 1, 0)), call.arguments[2]),
            "write": self._write,
            "pwrite64": lambda call: self._put(call, 0, int(call.arguments[3]), _written(call)),
            "ftruncate": lambda call: self._resize(self._file(call, 0), int(call.arguments[1])),
            "truncate": lambda call: self._resize(self._tree.find(self._path(call, 0)), int(call.arguments[1])),
            "fallocate": self._allocate,
            "copy_file_range": lambda call: self._copy(call, 0, 2, call.arguments[1], call.arguments[3]),
            "sendfile": lambda call: self._copy(call, 1, 0, call.arguments[2], "NULL"),
            "read": lambda call: self._move(call, call.result),
            "readv": lambda call: self._move(call, call.result),
            "lseek": lambda call: self._seek(call),
            "mmap": self._map,
            "fsync": self._sync,
            "fdatasync": self._sync,
        }

    def take(self, call: Begun | Call) -> None:
        """Take in one call that mentions the folder, or the pipe."""
        if isinstance(call, Begun):
            if call.name == "write" and descriptor_of(call.arguments[0]).path == self.pipe:
                self.operations.append(Say(string_of(call.arguments[1]).decode().rstrip("\n")))
            return
        self._done_at.append(len(self.operations))
        if call.result >= 0 and call.name not in _HARMLESS and not self._is_elsewhere(call):
            if call.name not in self._calls:
                raise RecordingError(f"{call.name} was called on the folder, and is not known here: {call.arguments}")
            self._calls[call.name](call)
        self._done_at[-1] = len(self.operations)

    def _is_elsewhere(self, call: Call) -> bool:
        """Tell whether a call only mentions the folder: its bytes do, or the place that it was called from."""
        if call.name in ("write", "read", "readv", "pwrite64", "lseek"):
            return not self._tree.is_within(descriptor_of(call.arguments[0]).path)
        return False

    def _path(self, call: Call, place: int, base: int | None = None) -> str:
        path = os.fsdecode(string_of(call.arguments[place]))
        return path if base is None else os.path.join(descriptor_of(call.arguments[base]).path, path)

    def _file(self, call: Call, place: int) -> int:
        descriptor = descriptor_of(call.arguments[place])
        inode = self._tree.find(descriptor.path)
        if descriptor.is_deleted or inode is None:
            raise RecordingError(f"{call.name} on {descriptor.path}, which has no name any more")
        return inode

    def _open(self, call: Call, path: str, flags: str) -> None:
        words = flags.split("|")
        if not self._tree.is_within(path):
            return
        if "O_TMPFILE" in words:
            raise RecordingError("files without a name are not known here")
        if "O_CREAT" in words and self._tree.find(path) is None:
            self._make(FILE, path, call.arguments[-1])
        inode = self._tree.find(path)
        if inode is None:
            raise RecordingError(f"{path} was opened, and nothing is known of it")
        if "O_TRUNC" in words and self._tree.contents[inode]:
            self._resize(inode, 0)
        key = (call.result, inode)
        self._positions[key] = 0
        (self._appends.add if "O_APPEND" in words else self._appends.discard)(key)

    def _make(self, kind: str, path: str, mode: str, content: bytes = b"") -> None:
        if (place := self._tree.place_of(path)) is None:
            return
        inode = self._tree.make(kind, content)
        self._names(Enter(*place, inode))
        if kind != LINK:
            # The umask of whoever runs this took its part; the disk tells, unless it is gone by now.
            self._permit(inode, oct(int(mode, 8) & ~0o022))

    def _link(self, call: Call, path: str) -> None:
        self._make(LINK, path, "0777", string_of(call.arguments[0]))

    def _remove(self, path: str) -> None:
        if (place := self._tree.place_of(path)) is not None:
            self._names(Remove(*place, self._tree.names[place]))

    def _rename(self, path: str, to_path: str, flags: str) -> None:
        place, to_place = self._tree.place_of(path), self._tree.place_of(to_path)
        if place is None and to_place is None:
            return
        if place is None or to_place is None or flags not in ("", "0", "RENAME_NOREPLACE"):
            raise RecordingError(f"a rename that is not known here: {path} to {to_path} {flags}")
        self._names(Rename(*place, *to_place, self._tree.names[place]))

    def _permit(self, inode: int | None, mode: str) -> None:
        if inode is not None:
            self.operations.append(Permit(inode, int(mode, 8)))

    def _resize(self, inode: int | None, size: int) -> None:
        if inode is not None and size != len(self._tree.contents[inode]):
            self._data(Resize(inode, size))

    def _allocate(self, call: Call) -> None:
        if call.arguments[1] != "0":
            raise RecordingError(f"fallocate with {call.arguments[1]} is not known here")
        inode = self._file(call, 0)
        self._resize(inode, max(len(self._tree.contents[inode]), int(call.arguments[2]) + int(call.arguments[3])))

    def _write(self, call: Call) -> None:
        key = self._key(call, 0)
        position = len(self._tree.contents[key[1]]) if key in self._appends else self._position(key)
        self._put(call, 0, position, _written(call))
        self._positions[key] = position + call.result

    def _put(self, call: Call, place: int, offset: int, data: bytes) -> None:
        self._data(Write(self._file(call, place), offset, data))

    def _copy(self, call: Call, source: int, target: int, source_place: str, target_place: str) -> None:
        if descriptor_of(call.arguments[target]).path == self.pipe:
            raise RecordingError(f"{call.name} into the protocol is not known here")
        found = _SIZE.match(source_place)
        start = int(found[1]) if found else self._position(self._key(call, source))
        data = bytes(self._tree.contents[self._file(call, source)][start : start + call.result])
        found = _SIZE.match(target_place)
        key = self._key(call, target)
        offset = int(found[1]) if found else self._position(key)
        self._put(call, target, offset, data)
        if not found:
            self._positions[key] = offset + call.result

    def _move(self, call: Call, by: int) -> None:
        key = self._key(call, 0, may_be_gone=True)
        if key in self._positions:
            self._positions[key] += by

    def _seek(self, call: Call) -> None:
        key = self._key(call, 0, may_be_gone=True)
        if key in self._positions:
            self._positions[key] = call.result

    def _map(self, call: Call) -> None:
        if "PROT_WRITE" in call.arguments[2] and _MAPPED_FOR_WRITING.search(call.arguments[3]):
            raise RecordingError("a file of the folder was mapped for writing, which no recording can show")

    def _sync(self, call: Call) -> None:
        descriptor = descriptor_of(call.arguments[0])
        inode = self._tree.find(descriptor.path)
        if not descriptor.is_deleted and inode is not None:
            covers = self._done_at[call.began - 1] if call.began else 0
            self.operations.append(Sync(inode, covers))

    def _key(self, call: Call, place: int, *, may_be_gone: bool = False) -> tuple[int, int]:
        descriptor = descriptor_of(call.arguments[place])
        inode = self._tree.find(descriptor.path)
        if inode is None or descriptor.is_deleted:
            if may_be_gone:
                return descriptor.number, -1
            raise RecordingError(f"{call.name} on {descriptor.path}, which has no name any more")
        return descriptor.number, inode

    def _position(self, key: tuple[int, int]) -> int:
        if key not in self._positions:
            raise RecordingError(f"nobody saw how the file number {key[1]} was opened")
        return self._positions[key]

    def _names(self, operation: NameOperation) -> None:
        self.operations.append(operation)
        self._tree.do(operation)

    def _data(self, operation: DataOperation) -> None:
        self.operations.append(operation)
        self._tree.do(operation)


def _written(call: Call) -> bytes:
    data = string_of(call.arguments[1])
    if len(data) < call.result:
        raise RecordingError("strace left out bytes that were written")
    return data[: call.result]
