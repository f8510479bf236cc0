"""What lies where under the cache root, and the file operations that must be whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import stat
from typing import List, NamedTuple, Optional

from .faults import AgentError

DATABASE = "tiles.mbtiles"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
ARTEFACTS = "artefacts"
STAGES = "stages"
BOOT_ID = "boot_id"
MAX_SMALL_BYTES = 16 * 1024 * 1024
_READ_BYTES = 64 * 1024
MAX_SEQ = 99_999_999
FOLDER_MODE, FILE_MODE, SEALED_MODE = 0o755, 0o644, 0o444
"""Of all that consumers may read, whatever account they run under; nothing is writable for others than its owner."""
PRIVATE_MODE = 0o700
"""Of folders in which something is still being made."""
_PERMISSIONS = 0o777
_NAME = re.compile(r"([0-9]{8})-([0-9a-f]{12})\Z")


class Generation(NamedTuple):
    """One folder below ``generations``."""

    name: str
    path: str
    seq: int
    key_prefix: str
    """The first 12 hex digits of its content key."""


class Layout:
    """The paths below one cache root; makes nothing by itself."""

    def __init__(self, root: str) -> None:
        if not root:
            raise AgentError("request", "root: expected a path")
        self.root = os.path.realpath(os.path.expanduser(root))
        self.generations = os.path.join(self.root, "generations")
        self.current_link = os.path.join(self.root, "current")
        self.stagings = os.path.join(self.root, "staging")
        self.state = os.path.join(self.root, "state")
        self.quarantine = os.path.join(self.root, "quarantine")
        self.pins = os.path.join(self.root, "pins")
        self.lock = os.path.join(self.root, "lock")
        self.lock_holder = os.path.join(self.root, "lock.holder")

    def staging(self, content_key: str) -> str:
        """Return the folder that this cache is filled in."""
        return os.path.join(self.stagings, content_key)

    def make(self) -> None:
        """Make the root and its folders; what stands there as anything but a folder is an error."""
        missing = [self.root]
        while not os.path.isdir(missing[-1]):
            missing.append(os.path.dirname(missing[-1]))
        for path in reversed(missing[:-1]):
            make_folder(path)
        for path in missing[1:]:
            sync_folder(path)
        made = [make_folder(self.stagings, PRIVATE_MODE), make_folder(self.generations), make_folder(self.state)]
        for path in (self.generations, self.state):
            # An agent of another umask may have made them.
            set_mode(path, FOLDER_MODE)
        if any(made) or not os.path.lexists(self.current_link):
            # What is renamed into them must not be lost with them; who made them may have been ended before this.
            sync_folder(self.root)

    def current(self) -> Optional[Generation]:
        """Return the generation that ``current`` points to; a missing, dangling or stray link is no cache."""
        try:
            target = os.readlink(self.current_link)
        except OSError:
            return None
        parent, _slash, name = target.partition("/")
        return self._generation(name) if parent == "generations" else None

    def all_generations(self) -> List[Generation]:
        """Return the generations there are, the newest first. Raises ``layout`` where they can't be listed."""
        try:
            names = os.listdir(self.generations)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AgentError("layout", "%s can't be read: %s" % (self.generations, error.strerror)) from None
        found = (self._generation(name) for name in sorted(names, reverse=True))
        return [generation for generation in found if generation]

    def _generation(self, name: str) -> Optional[Generation]:
        match = _NAME.match(name)
        path = os.path.join(self.generations, name)
        if match is None or not is_folder(path):
            return None
        return Generation(name, path, int(match.group(1)), match.group(2))


def generation_name(seq: int, content_key: str) -> str:
    """Return the folder's name of a generation."""
    return "%08d-%s" % (seq, content_key[:12])


def is_generation_name(name: str) -> bool:
    """Tell whether ``name`` is shaped as a generation's folder is."""
    return _NAME.match(name) is not None


def boot_id() -> str:
    """Return the id of this boot; empty where the kernel gives none."""
    try:
        return read_small("/proc/sys/kernel/random/boot_id").strip().decode("ascii", "replace")
    except OSError:
        return ""


def is_folder(path: str) -> bool:
    """Tell whether ``path`` itself is a folder; a link to one is not."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def is_plain_file(path: str) -> bool:
    """Tell whether ``path`` itself is a regular file; a link to one is not."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def make_folder(path: str, mode: int = FOLDER_MODE) -> bool:
    """Make one folder if there is none, and tell whether it was made; a link or a file in its place is refused.

    One that was there keeps its permissions, unless it is to be private.
    """
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not is_folder(path):
            raise AgentError("layout", "%s is not a folder" % path) from None
        if mode == PRIVATE_MODE:
            set_mode(path, mode)
        return False
    # Neither the umask nor an access control list of the folder above has a say.
    set_mode(path, mode)
    return True


def set_mode(path: str, mode: int) -> bool:
    """Give a file or folder these permissions where it has others, and tell whether they were changed.

    What belongs to another account stays as it is.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode) or found.st_mode & _PERMISSIONS == mode:
        return False
    try:
        os.chmod(path, stat.S_IMODE(found.st_mode) & ~_PERMISSIONS | mode)
    except PermissionError:
        return False
    return True


def remove(path: str) -> None:
    """Remove a file, a link, or a folder with all that is in it."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def read_small(path: str) -> bytes:
    """Return a small file's bytes; a link is refused, a file beyond the cap is an error."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    pieces: List[bytes] = []
    left = MAX_SMALL_BYTES
    try:
        # In pieces: the kernel's own files refuse a read of many megabytes.
        while left >= 0:
            piece = os.read(fd, _READ_BYTES)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(fd)
    raise AgentError("layout", "%s is larger than %d bytes" % (path, MAX_SMALL_BYTES))


def write_whole(path: str, data: bytes, durable: bool = True) -> None:
    """Write a file, whole or not at all; when durable it has reached the disk, its name included."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, ".new-" + name)
    if os.path.lexists(temporary):
        os.unlink(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, FILE_MODE)
        file.write(data)
        file.flush()
        if durable:
            os.fsync(fd)
    os.replace(temporary, path)
    if durable:
        sync_folder(folder)


def sync_folder(path: str) -> None:
    """Wait until the names in a folder have reached the disk."""
    sync_path(path, os.O_DIRECTORY)


def sync_path(path: str, flags: int = 0) -> None:
    """Wait until what was written to ``path`` has reached the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
