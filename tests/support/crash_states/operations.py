"""What a program did to a folder, as operations on inodes and on the names in folders, in the order of completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

FOLDER, FILE, LINK = "folder", "file", "link"


class Inode(msgspec.Struct, frozen=True):
    """A folder, a file or a symbolic link, as it was before the recording, or as it was made during it."""

    kind: str
    content: bytes = b""
    """A file's bytes before the recording; a link's target."""


class Enter(msgspec.Struct, frozen=True):
    """A name was put into a folder: of a new file, folder or symbolic link."""

    folder: int
    name: str
    inode: int


class Remove(msgspec.Struct, frozen=True):
    """A name was taken out of a folder."""

    folder: int
    name: str
    inode: int


class Rename(msgspec.Struct, frozen=True):
    """A name was moved, over another one perhaps."""

    folder: int
    name: str
    to_folder: int
    to_name: str
    inode: int


class Write(msgspec.Struct, frozen=True):
    """Bytes were written to a file."""

    inode: int
    offset: int
    data: bytes


class Resize(msgspec.Struct, frozen=True):
    """A file was cut, or made longer by zeros."""

    inode: int
    size: int


class Permit(msgspec.Struct, frozen=True):
    """A file or folder was given other permissions."""

    inode: int
    mode: int


class Sync(msgspec.Struct, frozen=True):
    """A file or folder was synced, and whatever had been done to it before the call began is on the disk."""

    inode: int
    covers: int
    """So many operations were complete when it began."""


class Say(msgspec.Struct, frozen=True):
    """A line was given to the workstation. It counts from the moment at which the call began."""

    line: str


NameOperation = Enter | Remove | Rename
DataOperation = Write | Resize
Operation = NameOperation | DataOperation | Permit | Sync | Say
Names = Mapping[tuple[int, str], int]
"""The inode by its folder and its name there."""


class Recording(msgspec.Struct, frozen=True):
    """A folder as it was, and all that was done to it."""

    top: int
    """The inode of the folder itself."""
    inodes: Sequence[Inode]
    """By their numbers."""
    modes: Mapping[int, int]
    """The permissions before the recording; what was made then has those of ``Permit``."""
    before: Names
    operations: Sequence[Operation]


def folder_of(operation: NameOperation) -> int:
    """Return the folder that has to be synced for an operation to be on the disk."""
    return operation.to_folder if isinstance(operation, Rename) else operation.folder


def rename_into(names: dict[tuple[int, str], int], operation: NameOperation) -> None:
    """Do it to these names; a name that is another's by now is let be, and what is renamed has one name afterwards."""
    if isinstance(operation, Enter):
        names[operation.folder, operation.name] = operation.inode
    elif isinstance(operation, Rename):
        for place in [place for place, inode in names.items() if inode == operation.inode]:
            del names[place]
        names[operation.to_folder, operation.to_name] = operation.inode
    elif names.get((operation.folder, operation.name)) == operation.inode:
        del names[operation.folder, operation.name]


def write_into(content: bytearray, operation: DataOperation) -> None:
    """Do it to these bytes."""
    if isinstance(operation, Resize):
        del content[operation.size :]
        content.extend(bytes(operation.size - len(content)))
        return
    end = operation.offset + len(operation.data)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.offset : end] = operation.data
