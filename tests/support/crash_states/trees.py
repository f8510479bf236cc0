"""A state as a tree of names and bytes, and its way onto the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from .operations import FILE, FOLDER, LINK, Recording


class Entry(msgspec.Struct, frozen=True):
    """What lies at one path."""

    kind: str
    inode: int
    content: bytes = b""


Tree = dict[str, Entry]
"""By path, each folder before what is in it."""


class Scope(msgspec.Struct, frozen=True):
    """Which part of a tree is looked at: below one folder, these names alone."""

    folder: str
    names: frozenset[str]

    def has(self, path: str) -> bool:
        """Tell whether the scope has this path, or leads to one that it has."""
        if path == self.folder:
            return True
        head, _slash, below = path.partition("/")
        return head == self.folder and below.partition("/")[0] in self.names


def tree_of(recording: Recording, names: Mapping[tuple[int, str], int], scope: Scope | None = None) -> Tree:
    """Return the tree that these names make, without the files' bytes."""
    children: dict[int, list[tuple[str, int]]] = {}
    for (folder, name), inode in sorted(names.items()):
        children.setdefault(folder, []).append((name, inode))
    tree: Tree = {}
    todo = [(recording.top, "")]
    while todo:
        folder, prefix = todo.pop()
        for name, inode in children.get(folder, ()):
            path = prefix + name
            if scope is None or scope.has(path):
                made = recording.inodes[inode]
                tree[path] = Entry(made.kind, inode, made.content if made.kind == LINK else b"")
                if made.kind == FOLDER:
                    todo.append((inode, path + "/"))
    return tree


class Pool:
    """Files by their bytes, each written once; a state's files are links to them, and nobody may write to those."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def lay_down(self, tree: Tree, folder: Path) -> None:
        """Make a new folder that holds the tree, for reading only."""
        folder.mkdir()
        for path, entry in tree.items():
            place = folder / path
            if entry.kind == FOLDER:
                place.mkdir()
            elif entry.kind == LINK:
                place.symlink_to(os.fsdecode(entry.content))
            else:
                place.hardlink_to(self._file(entry.content))

    def _file(self, content: bytes) -> Path:
        path = self._folder / hashlib.sha256(content).hexdigest()
        if not path.exists():
            path.write_bytes(content)
        return path


def write_down(tree: Tree, folder: Path) -> None:
    """Make a new folder that holds the tree, with files of its own."""
    folder.mkdir()
    for path, entry in tree.items():
        place = folder / path
        if entry.kind == FOLDER:
            place.mkdir()
        elif entry.kind == LINK:
            place.symlink_to(os.fsdecode(entry.content))
        elif entry.kind == FILE:
            place.write_bytes(entry.content)
