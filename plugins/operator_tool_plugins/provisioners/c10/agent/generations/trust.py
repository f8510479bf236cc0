"""What was verified since this machine started, and has not been touched since: it need not be read again.

The note names every file of a generation as the kernel knows it. Whoever writes to a file, replaces it, adds one, or
sets its times changes its ctime, its inode or the listing; another boot makes every note worthless. The owner of a file
can set its mtime, and nobody its ctime but with the machine's clock. What no note can tell is a disk that forgets what
it was given, before the machine has started again.

A build, and whoever goes back, holds what it has verified against the same look right before the switch.
"""

from __future__ import annotations

import os
import time
from typing import Dict, Iterable, List, Optional

from ..faults import AgentError
from ..layout import Generation, Layout, boot_id, is_folder
from .files import list_files
from .state import read_checked, write_checked

NAME = "verified.json"
_CTIME = 4
_CLOCK_REALTIME_COARSE = 5
"""Linux's number of the clock that the times of files are taken from."""
_SECOND_NS = 1_000_000_000
_LONGEST_TICK_NS = _SECOND_NS
_PAUSE_S = 0.001
Seen = Dict[str, List[int]]
"""For each file: device, inode, size, mtime_ns, ctime_ns, and its type and permissions."""


def look(folder: str) -> Optional[Seen]:
    """Return how the kernel knows the files of a generation now; take it before their bytes are read.

    None where something can't be looked at.
    """
    try:
        seen = {name: look_at(os.path.join(folder, name)) for name in sorted(list_files(folder))}
    except (OSError, AgentError):
        return None
    wait_for_a_later_tick(seen.values())
    return seen


def check_untouched(folder: str, seen: Optional[Seen]) -> None:
    """Raise ``verify`` where the files of a folder are not, untouched, those that were seen when it was verified."""
    now = look(folder)
    if seen is None or now is None:
        raise AgentError("verify", "what was verified can't be looked at any more")
    changed = sorted(name for name in {**seen, **now} if seen.get(name) != now.get(name))
    if changed:
        raise AgentError("verify", "%s was written to after it was verified" % ascii(changed[0])[1:-1])


def look_at(path: str) -> List[int]:
    """Return how the kernel knows one file now."""
    found = os.lstat(path)
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode]


def wait_for_a_later_tick(looks: Iterable[List[int]]) -> None:
    """Wait until whatever is written from now on gets another time than these files have; mostly it does already.

    The kernel's time for files stands still for some milliseconds, and on a few file systems for a second.
    """
    latest_ns = max((one[_CTIME] for one in looks), default=0)
    until_ns = latest_ns + (_SECOND_NS if latest_ns % _SECOND_NS == 0 else 0)
    # A clock that was set back gives another time at once.
    while until_ns - _LONGEST_TICK_NS <= _kernels_time_ns() <= until_ns:
        time.sleep(_PAUSE_S)


def _kernels_time_ns() -> int:
    return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)


def note_verified(layout: Layout, generation: str, seen: Optional[Seen]) -> None:
    """Note that these very files were read wholly and found sound. Whoever may not write there notes nothing."""
    boot = boot_id()
    if seen is None or not boot or not is_folder(layout.state):
        return
    try:
        # Durably: what a power cut has torn would look like what somebody has changed.
        write_checked(_path(layout), {"boot_id": boot, "generation": generation, "files": seen})
    except OSError:
        return


def is_verified_since_boot(layout: Layout, generation: Generation) -> bool:
    """Tell whether the files of this generation are, untouched, those that were verified in this boot."""
    try:
        note = read_checked(_path(layout))
    except (OSError, AgentError):
        return False
    boot = boot_id()
    wanted = {"boot_id": boot, "generation": generation.name, "files": look(generation.path)}
    return bool(boot) and wanted["files"] is not None and note == wanted


def _path(layout: Layout) -> str:
    return os.path.join(layout.state, NAME)
