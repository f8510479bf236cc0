"""The folder as it is while a recording is read: which inode a path names, and what each file holds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .operations import FILE, FOLDER, LINK, DataOperation, Inode, NameOperation, rename_into, write_into


class LiveTree:
    """A folder's names and bytes, begun from the disk; operations are done to it one after the other."""

    top = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inodes: list[Inode] = []
        self.modes: dict[int, int] = {}
        self.names: dict[tuple[int, str], int] = {}
        self.contents: dict[int, bytearray] = {}
        self._read(folder)

    def make(self, kind: str, content: bytes = b"") -> int:
        """Return a new inode's number."""
        self.inodes.append(Inode(kind, content))
        if kind == FILE:
            self.contents[len(self.inodes) - 1] = bytearray(content)
        return len(self.inodes) - 1

    def find(self, path: str) -> int | None:
        """Return the inode of an absolute path, None where there is none. Links on the way are followed."""
        place = self.place_of(path)
        if place is None:
            return None
        return self.top if place == (self.top, "") else self.names.get(place)

    def place_of(self, path: str) -> tuple[int, str] | None:
        """Return the folder that an absolute path names an entry of, and the name; None where the folder is none."""
        if not self.is_within(path):
            return None
        words = os.path.normpath(path).removeprefix(str(self.folder)).strip("/").split("/")
        folder = self.top
        for depth, word in enumerate(words[:-1]):
            inode = self.names.get((folder, word))
            if inode is None or self.inodes[inode].kind == FILE:
                return None
            if self.inodes[inode].kind == LINK:
                target = os.path.join(self.folder, *words[:depth], os.fsdecode(self.inodes[inode].content))
                return self.place_of(os.path.join(target, *words[depth + 1 :]))
            folder = inode
        return folder, words[-1]

    def is_within(self, path: str) -> bool:
        """Tell whether a path is the folder's, or leads into it."""
        return path == str(self.folder) or path.startswith(f"{self.folder}/")

    def do(self, operation: NameOperation | DataOperation) -> None:
        """Do it."""
        if isinstance(operation, DataOperation):
            write_into(self.contents[operation.inode], operation)
        else:
            rename_into(self.names, operation)

    def tree(self) -> dict[str, tuple[str, bytes]]:
        """Return the kind and the bytes of all that lies in the folder, by path."""
        return dict(self._below(self.top, ""))

    def _below(self, folder: int, prefix: str) -> list[tuple[str, tuple[str, bytes]]]:
        found = []
        for (place, name), inode in self.names.items():
            if place == folder:
                kind = self.inodes[inode].kind
                content = bytes(self.contents[inode]) if kind == FILE else self.inodes[inode].content
                found.append((prefix + name, (kind, content)))
                found += self._below(inode, f"{prefix}{name}/") if kind == FOLDER else []
        return found

    def _read(self, path: Path) -> int:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            inode = self.make(LINK, os.fsencode(path.readlink()))
        elif stat.S_ISREG(status.st_mode):
            inode = self.make(FILE, path.read_bytes())
        else:
            inode = self.make(FOLDER)
            for child in sorted(path.iterdir()):
                self.names[inode, child.name] = self._read(child)
        self.modes[inode] = stat.S_IMODE(status.st_mode)
        return inode
