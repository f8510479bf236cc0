"""Who may read a generation: every account of this companion, and nobody but its owner may write to it.

Permissions are set by the agent and inherited from nobody: not from the login's umask, nor from a folder's default
access control list.
"""

from __future__ import annotations

import os
import stat
from typing import Iterator, List, Tuple

from ..layout import FOLDER_MODE, SEALED_MODE, set_mode, sync_path
from .files import FileProblem

_READ, _ENTER, _OTHERS_WRITE = 0o444, 0o555, 0o022


def open_to_readers(folder: str) -> None:
    """Give what of a generation has other permissions than it must have the right ones, durably."""
    for path, found in _walk(folder):
        if _problem(found):
            set_mode(path, FOLDER_MODE if stat.S_ISDIR(found.st_mode) else SEALED_MODE)
            sync_path(path)


def access_problems(folder: str) -> List[FileProblem]:
    """Return what of a generation not every account can read, and what others could write to."""
    problems = []
    for path, found in _walk(folder):
        problem = _problem(found)
        if problem:
            name = os.path.relpath(path, folder)
            told = "the generation's folder" if name == "." else ascii(name)[1:-1]
            problems.append(FileProblem(name, "%s %s" % (told, problem)))
    return problems


def _problem(found: os.stat_result) -> str:
    mode = stat.S_IMODE(found.st_mode)
    wanted = _ENTER if stat.S_ISDIR(found.st_mode) else _READ
    if mode & wanted != wanted:
        return "can't be read by other accounts: its mode is %04o" % mode
    return "can be written to by other accounts: its mode is %04o" % mode if mode & _OTHERS_WRITE else ""


def _walk(folder: str) -> Iterator[Tuple[str, os.stat_result]]:
    """Yield the folders and regular files; each folder before what is in it, so that it may be opened first."""
    yield folder, os.lstat(folder)
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for entry in inside:
        found = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            yield from _walk(entry.path)
        elif stat.S_ISREG(found.st_mode):
            yield entry.path, found
