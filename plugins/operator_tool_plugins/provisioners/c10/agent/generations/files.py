"""The files of a generation: their names as the manifest spells them, their sizes and their hashes."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Callable, Dict, List, NamedTuple, Optional

from ..faults import AgentError

MAX_FILES = 4096
MAX_DEPTH = 6
MAX_TOLD = 100
_READ_BYTES = 1024 * 1024
_TICK_BYTES = 64 * 1024 * 1024


class FileEntry(NamedTuple):
    """One file of a generation."""

    path: str
    """Below the generation's folder, with slashes."""
    sha256: str
    bytes: int


class FileProblem(NamedTuple):
    """What is wrong with one file of a generation."""

    path: str
    problem: str


def list_files(folder: str) -> Dict[str, int]:
    """Return the size of each regular file below ``folder`` by its path there.

    Raises ``verify`` on whatever else lies there but folders: a generation has no links, and no link is followed.
    """
    found: Dict[str, int] = {}
    _list(folder, "", 0, found)
    return found


def hash_file(path: str, tick: Callable[[int], None] = lambda _bytes: None) -> str:
    """Return the SHA-256 of a file's bytes, in hex. ``tick`` is told of the bytes read so far, now and then."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_READ_BYTES))
    done = told = 0
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while True:
            got = os.readv(fd, [buffer])
            if not got:
                return digest.hexdigest()
            digest.update(buffer[:got])
            done += got
            if done - told >= _TICK_BYTES:
                told = done
                tick(done)
    finally:
        os.close(fd)


def entry_of(folder: str, path: str) -> FileEntry:
    """Return a file of a generation as it is now."""
    whole = os.path.join(folder, path)
    return FileEntry(path, hash_file(whole), os.lstat(whole).st_size)


def listing_problems(found: Dict[str, int], wanted: Dict[str, Optional[int]]) -> List[FileProblem]:
    """Return how the files there differ from those that are wanted; a size of None will be any."""
    problems = []
    for path in sorted(wanted):
        size = wanted[path]
        if path not in found:
            problems.append(FileProblem(path, "%s is missing" % path))
        elif size is not None and found[path] != size:
            problems.append(FileProblem(path, "%s has %d bytes, the manifest says %d" % (path, found[path], size)))
    strange = [path for path in sorted(found) if path not in wanted]
    return problems + [
        FileProblem(ascii(path), "%s is there, and the manifest does not know it" % ascii(path)) for path in strange
    ]


def check_listing(found: Dict[str, int], wanted: Dict[str, Optional[int]]) -> None:
    """Raise ``verify`` where the files there are not those that are wanted."""
    raise_problems(listing_problems(found, wanted))


def raise_problems(problems: List[FileProblem]) -> None:
    """Raise ``verify`` with all of them, unless there are none."""
    if problems:
        more = " (and %d more)" % (len(problems) - 1) if len(problems) > 1 else ""
        told: Dict[str, object] = {"problems": [problem._asdict() for problem in problems[:MAX_TOLD]]}
        raise AgentError("verify", problems[0].problem + more, told)


def is_path_below(path: object) -> bool:
    """Tell whether ``path`` names a file below a generation's folder and nothing else."""
    if not isinstance(path, str) or not path.isascii() or not path.isprintable() or len(path) > 512:
        return False
    parts = path.split("/")
    return len(parts) <= MAX_DEPTH and all(part and not part.startswith(".") for part in parts)


def _list(folder: str, prefix: str, depth: int, found: Dict[str, int]) -> None:
    if depth >= MAX_DEPTH:
        raise AgentError("verify", "%s lies too deep for a generation" % ascii(prefix))
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if len(found) >= MAX_FILES:
                raise AgentError("verify", "there are more than %d files" % MAX_FILES)
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                _list(entry.path, path + "/", depth + 1, found)
            elif stat.S_ISREG(status.st_mode):
                found[path] = status.st_size
            else:
                raise AgentError("verify", "%s is neither a file nor a folder" % ascii(path))
