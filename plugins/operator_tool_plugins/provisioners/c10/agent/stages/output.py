"""The folder that a stage filled: only what a generation may hold, within its bounds, read-only and on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import List, NamedTuple

from ..generations.files import is_path_below
from ..layout import is_folder, sync_folder, sync_path

MAX_DEPTH = 4
MAX_PATH = 200
MAX_OUTPUT_FILES = 2048
"""With the names' length, so that one line can tell of them all."""


class Output(NamedTuple):
    """What lies in a stage's folder."""

    problem: str
    """Why it can't be taken; empty where it can."""
    files: List[str]
    folders: List[str]
    """The inner ones after those that they lie in."""
    bytes: int


def look_at_output(folder: str, max_bytes: int) -> Output:
    """Return what lies there, as far as the first thing that may not."""
    files: List[str] = []
    folders = [folder]
    size = 0
    if not is_folder(folder):
        return Output("its own folder is not there any more", [], [], 0)
    for place in folders:
        os.chmod(place, 0o700)
        with os.scandir(place) as entries:
            for entry in entries:
                path = os.path.relpath(entry.path, folder)
                found = entry.stat(follow_symlinks=False)
                problem = _problem_of(path, found, len(files) + len(folders))
                size += found.st_size if stat.S_ISREG(found.st_mode) else 0
                if not problem and size > max_bytes:
                    problem = _too_much(max_bytes)
                if problem:
                    return Output(problem, files, folders, size)
                (folders if stat.S_ISDIR(found.st_mode) else files).append(entry.path)
    return Output("", files, folders, size)


def why_too_much(folder: str, max_bytes: int) -> str:
    """Return why a program that is still at work is not to go on: what it makes in passing may have any name."""
    size = count = 0
    for place, _folders, files in os.walk(folder):
        count += len(files)
        for name in files:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size
        if size > max_bytes or count > MAX_OUTPUT_FILES:
            return _too_much(max_bytes) if size > max_bytes else _too_many()
    return ""


def settle(output: Output) -> None:
    """Have it all on the disk, read-only; folders in which nothing lies are no part of a generation."""
    for path in output.files:
        os.chmod(path, 0o444)
        sync_path(path)
    for path in reversed(output.folders):
        os.chmod(path, 0o755)  # noqa: S103 - a generation is for every reader of this companion
        if os.listdir(path):
            sync_folder(path)
        else:
            os.rmdir(path)


def clear(folder: str) -> None:
    """Remove a folder whatever permissions a program left in it."""
    for place, inner, _files in os.walk(folder):
        for name in inner:
            with contextlib.suppress(OSError):
                path = os.path.join(place, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _problem_of(path: str, found: os.stat_result, others: int) -> str:
    if not is_path_below(path) or path.count("/") >= MAX_DEPTH or len(path) > MAX_PATH:
        return "it made %s: names are of printable ASCII and begin with no dot, at most %d deep" % (
            ascii(path)[:200],
            MAX_DEPTH,
        )
    if others >= MAX_OUTPUT_FILES:
        return _too_many()
    if stat.S_ISDIR(found.st_mode):
        return ""
    if not stat.S_ISREG(found.st_mode):
        return "it made %s, which is neither a file nor a folder" % path
    return "it made %s, which is a file that has another name, too" % path if found.st_nlink != 1 else ""


def _too_much(max_bytes: int) -> str:
    return "it made more than %d bytes, its max_output_bytes" % max_bytes


def _too_many() -> str:
    return "it made more than %d files and folders" % MAX_OUTPUT_FILES
