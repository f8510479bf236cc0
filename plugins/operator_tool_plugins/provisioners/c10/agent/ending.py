"""The quick end of the process: first of whatever must not outlive it, then of itself."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, List

_first: List[Callable[[], None]] = []


def end_before_us(act: Callable[[], None]) -> None:
    """Have ``act`` called, from any thread, before the process ends quickly."""
    _first.append(act)


def no_longer(act: Callable[[], None]) -> None:
    """Forget what ``end_before_us`` was given."""
    _first.remove(act)


def end_now(status: int) -> None:
    """End the process without a word; what was committed stays."""
    for act in tuple(_first):
        # Whatever it meets, nobody may be left who holds the lock and talks to nobody.
        with contextlib.suppress(Exception):
            act()
    os._exit(status)
