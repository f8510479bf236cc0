"""What is mounted where, by the kernel's own table: the volume that a path lies on, and what that is made of."""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple, Optional

TABLE = "/proc/self/mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_MAX_SHOWN = 100


class Mount(NamedTuple):
    """One line of the table."""

    number: int
    device: str
    """The device's numbers, as in ``179:2``; the major one is 0 where there is no single device."""
    point: str
    type: str
    source: str
    options: str

    def option(self, name: str) -> str:
        """Return a value of the file system's own options; empty where there is none."""
        for option in self.options.split(","):
            key, _equals, value = option.partition("=")
            if key == name:
                # A comma of its own is escaped once more.
                return unescaped(os.fsencode(value))
        return ""

    def told(self) -> str:
        """Return the file system and its place, short and printable."""
        return "%s at %s" % (ascii(self.type)[1:-1][:32], ascii(self.point)[1:-1][:_MAX_SHOWN])


class Mounts:
    """The table, read once."""

    def __init__(self, table: bytes, *, live: bool = False) -> None:
        found = (_mount(line) for line in table.splitlines())
        self.all: List[Mount] = [mount for mount in found if mount is not None]
        self._live = live

    def of(self, path: str) -> Optional[Mount]:
        """Return the mount that a real path lies on, None where that can't be told."""
        number = mount_number(path) if self._live else None
        for mount in self.all:
            if mount.number == number:
                return mount
        found: Optional[Mount] = None
        for mount in self.all:
            # What was mounted later over the same place hides what was there.
            if _is_below(path, mount.point) and (found is None or len(mount.point) >= len(found.point)):
                found = mount
        return found

    def is_point(self, path: str) -> bool:
        """Tell whether something is mounted at this very path."""
        return any(mount.point == path for mount in self.all)


def read_mounts() -> Optional[Mounts]:
    """Return what is mounted now, None where the kernel doesn't tell."""
    try:
        with open(TABLE, "rb") as file:
            return Mounts(file.read(), live=True)
    except OSError:
        return None


def mount_number(path: str) -> Optional[int]:
    """Return the number of the mount that a path lies on, also where another one hides its mount point."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        with open("/proc/self/fdinfo/%d" % fd, "rb") as file:
            for line in file:
                name, _colon, value = line.partition(b":")
                if name == b"mnt_id":
                    return int(value)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)
    return None


def unescaped(name: bytes) -> str:
    """Return a name of the table as it is: blanks and the like stand there in octal."""
    return os.fsdecode(_ESCAPED.sub(lambda found: bytes([int(found.group(1), 8) & 0xFF]), name))


def _mount(line: bytes) -> Optional[Mount]:
    words = line.split(b" ")
    try:
        dash = words.index(b"-", 6)
        kind, source, options = [*words[dash + 1 :], b"", b""][:3]
        number = int(words[0])
    except (ValueError, IndexError):
        return None
    return Mount(
        number, os.fsdecode(words[2]), unescaped(words[4]), os.fsdecode(kind), unescaped(source), os.fsdecode(options)
    )


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
