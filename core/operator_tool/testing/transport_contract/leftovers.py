"""What this process holds on to: threads, descriptors, children; to tell what a session left behind."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

_SETTLE_S = 2.0


class Leftovers(NamedTuple):
    """What there is at one moment. Descriptors and children are looked at where the system has ``/proc``."""

    threads: frozenset[threading.Thread]
    descriptors: frozenset[str]
    children: frozenset[int]

    @classmethod
    def now(cls) -> Leftovers:
        """Return what there is now."""
        return cls(frozenset(threading.enumerate()), _descriptors(), _children())

    @classmethod
    def beyond(cls, before: Leftovers) -> str:
        """Return in words what there is beyond ``before``, once what is about to end has ended; empty if nothing."""
        until_s = time.monotonic() + _SETTLE_S
        while (left := cls._left(before)) and time.monotonic() < until_s:
            time.sleep(0.02)
        return left

    @classmethod
    def _left(cls, before: Leftovers) -> str:
        now = cls.now()
        found = [f"thread {thread.name}" for thread in now.threads - before.threads]
        found += [f"descriptor {one}" for one in now.descriptors - before.descriptors]
        found += [f"process {pid}" for pid in now.children - before.children]
        return ", ".join(sorted(found))


def _descriptors() -> frozenset[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(f"{entry.name} {entry.readlink()}")
    return frozenset(entry for entry in found if "/proc/" not in entry)


def _children() -> frozenset[int]:
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{os.getpid()}/task").iterdir():
            with contextlib.suppress(OSError):
                found |= {int(word) for word in (task / "children").read_text().split()}
    return frozenset(found)
