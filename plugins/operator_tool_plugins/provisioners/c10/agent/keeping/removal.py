"""How a generation, or anything else of ours, is removed: out of sight first and whole, then for good.

A consumer may pin a generation at any moment, and asks nobody. So what is to go is renamed; then the pins are read
again, and what is pinned by now is put back. A consumer looks, after it has pinned, whether the generation is still
there: one of the two always sees the other.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, List, NamedTuple, Optional, Set, Tuple

from ..failpoints import failpoint
from ..faults import AgentError
from ..layout import Layout, is_folder, is_generation_name, make_folder, remove, sync_folder
from .pins import read_pins

DOOMED = ".doomed-"
"""Taken out of sight, and still whole."""
GOING = ".going-"
"""Perhaps no longer whole."""
_NUMBER = "~"
GENERATION, STAGING, QUARANTINE, LEFTOVER = "generation", "staging", "quarantine", "leftover"


class Doomed(NamedTuple):
    """What is to be removed."""

    kind: str
    name: str
    path: str
    bytes: int


class Removed(NamedTuple):
    """What came of it."""

    gone: List[Doomed]
    notes: List[str]


def doom(kind: str, name: str, path: str) -> Doomed:
    """Return one thing that is to go, with what it takes on the disk."""
    return Doomed(kind, name, path, disk_bytes(path))


def remove_all(layout: Layout, doomed: List[Doomed], look: Callable[[], None]) -> Removed:
    """Remove what is doomed, but for the generations that a consumer has pinned meanwhile.

    ``look`` is called before each removal, and may raise: the next tidying removes what is left.
    """
    hidden = [(one, _hide(layout, one, DOOMED)) for one in doomed]
    failpoint("gc.after_hidden")
    if hidden:
        sync(layout)
    # The renames have reached the disk before any file goes: else a power cut could show half a generation as whole.
    pinned = _pinned(layout)
    spared: List[str] = []
    going: List[Tuple[Doomed, str]] = []
    for one, path in hidden:
        if one.kind == GENERATION and (pinned is None or one.name in pinned):
            os.rename(path, one.path)
            spared.append(one.name)
        else:
            going.append((one, _hide(layout, one._replace(path=path), GOING)))
    if hidden:
        sync(layout)
    failpoint("gc.after_going")
    done = Removed([], ["%s was pinned just now, and stays" % name for name in spared])
    for one, path in going:
        look()
        try:
            _remove(path)
        except OSError as error:
            done.notes.append("%s %s could not be removed: %s" % (one.kind, one.name, error))
        else:
            done.gone.append(one)
    return done


def put_back_pinned(layout: Layout) -> List[str]:
    """Put back what an interrupted removal had taken out of sight, and a consumer has pinned. Return what was told."""
    pinned = _pinned(layout)
    notes = []
    for hidden in leftovers_of(layout.stagings, DOOMED):
        name = hidden[len(DOOMED) :].partition(_NUMBER)[0]
        place = os.path.join(layout.generations, name)
        wanted = is_generation_name(name) and (pinned is None or name in pinned)
        if wanted and not os.path.lexists(place):
            os.rename(os.path.join(layout.stagings, hidden), place)
            notes.append("%s is pinned, and was put back" % name)
    if notes:
        sync(layout)
    return notes


def leftovers_of(folder: str, prefix: str) -> List[str]:
    """Return the names in a folder that an interrupted agent left behind."""
    return [name for name in names_in(folder) if name.startswith(prefix)]


def names_in(folder: str) -> List[str]:
    """Return the names in a folder, none where it is none."""
    try:
        return sorted(os.listdir(folder)) if is_folder(folder) else []
    except OSError:
        return []


def disk_bytes(path: str) -> int:
    """Return what a file or a folder takes on the disk; what two files share counts twice."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    below = names_in(path) if stat.S_ISDIR(found.st_mode) else []
    return found.st_blocks * 512 + sum(disk_bytes(os.path.join(path, name)) for name in below)


def sync(layout: Layout) -> None:
    """Wait until the names of generations and of what was put aside have reached the disk."""
    for folder in (layout.generations, layout.stagings, layout.quarantine):
        if is_folder(folder):
            sync_folder(folder)


def _hide(layout: Layout, one: Doomed, prefix: str) -> str:
    """Give what goes a name that shows how far it has gone. Of leftovers only one that is whole can need it."""
    if one.kind == LEFTOVER and not (prefix == GOING and one.name.startswith(DOOMED)):
        return one.path
    make_folder(layout.stagings)
    bare = prefix + (one.name[len(DOOMED) :] if one.name.startswith(DOOMED) else one.name)
    number, name = 0, bare
    while os.path.lexists(os.path.join(layout.stagings, name)):
        number += 1
        name = "%s%s%d" % (bare, _NUMBER, number)
    path = os.path.join(layout.stagings, name)
    os.rename(one.path, path)
    return path


def _pinned(layout: Layout) -> Optional[Set[str]]:
    """Return what is pinned, None where nobody can tell."""
    try:
        return set(read_pins(layout).by_generation)
    except AgentError:
        return None


def _remove(path: str) -> None:
    try:
        remove(path)
    except PermissionError:
        # A stage of the companion's own may have made folders that not even we may write to.
        for folder, _folders, _files in os.walk(path):
            os.chmod(folder, 0o700)
        remove(path)
