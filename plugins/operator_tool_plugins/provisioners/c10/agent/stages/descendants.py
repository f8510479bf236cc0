"""All that a program started, and what that started in turn: so that none of it is left behind.

Linux gives a process whose parent has ended to the nearest ancestor that asked for such. The agent asks, and so finds
also those that left their session and their group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from typing import List

from ..faults import AgentError

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02


def adopt_orphans() -> None:
    """From now on this process is given what its descendants leave behind."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        why = os.strerror(ctypes.get_errno())
        raise AgentError("stage", "what a stage leaves behind can't be found on this machine: %s" % why)


def alive() -> List[int]:
    """Return the ids of this process's children that have not ended."""
    return [child for child, state in _children() if state not in "ZX"]


def kill_all(within_s: float) -> None:
    """Kill children, and what these leave, until none is alive or so long has passed; nobody is collected."""
    until_s = time.monotonic() + within_s
    while _kill_alive() and time.monotonic() < until_s:
        time.sleep(_POLL_S)


def end_all(within_s: float) -> List[int]:
    """Kill and collect all children until none is left; return those that were left after so long."""
    until_s = time.monotonic() + within_s
    while True:
        _kill_alive()
        _collect()
        left = [child for child, _state in _children()]
        if not left or time.monotonic() > until_s:
            return left
        time.sleep(_POLL_S)


def _kill_alive() -> bool:
    children = alive()
    for child in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    return bool(children)


def _collect() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _children() -> "List[tuple[int, str]]":
    us = os.getpid()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                # The program's name stands in brackets, and may hold any.
                state, parent = file.read(4096).rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if int(parent) == us:
            found.append((int(name), state.decode("ascii")))
    return found
