"""Asking whether the vehicle is armed while much is written or read: its disk is the navigation's then."""

from __future__ import annotations

import time
from typing import Optional

from .layout import Layout
from .own_config import refuse_if_armed

EVERY_S = 1.0
_SHARE = 4
"""Asking takes at most a fifth of the time, however slow the command is."""


class Vehicle:
    """Asks when a verb begins, and then now and then; raises ``armed`` unless the vehicle is known not to be.

    What was committed by then stays, and the next attempt goes on with it.
    """

    def __init__(self) -> None:
        self._layout: Optional[Layout] = None
        self._next_s = 0.0

    def begin(self, layout: Layout) -> None:
        """Ask now, and from now on."""
        self._layout = layout
        self.ask()

    def ask(self) -> None:
        """Ask now."""
        if self._layout is not None:
            begun_s = time.monotonic()
            refuse_if_armed(self._layout)
            now_s = time.monotonic()
            self._next_s = now_s + max(EVERY_S, _SHARE * (now_s - begun_s))

    def look(self) -> None:
        """Ask where that is a while ago: called at every commit, and for every piece that is read, from any thread."""
        if time.monotonic() >= self._next_s:
            self.ask()
