"""The limit of a lock that is held and not used: signs of life are no progress."""

from __future__ import annotations

import time

from .faults import AgentError
from .layout import Layout
from .own_config import lock_idle_s
from .wire import Inlet

_MOST_S = 1.0
"""What one look counts at most: a stopped machine's clock runs on. It is to be called more often than that."""


class Idle:
    """Raises ``idle`` where what was sent got a call no further for so long."""

    def __init__(self, layout: Layout, inlet: Inlet) -> None:
        self._inlet = inlet
        self._limit_s = lock_idle_s(layout)
        self._seen = inlet.progress()
        self._idle_s = 0.0
        self._looked_s = time.monotonic()

    def look(self) -> None:
        """Count the time since the last look, unless something came."""
        now_s, seen = time.monotonic(), self._inlet.progress()
        self._idle_s += min(now_s - self._looked_s, _MOST_S)
        self._looked_s = now_s
        if seen != self._seen:
            self._seen, self._idle_s = seen, 0.0
        elif self._idle_s > self._limit_s:
            raise AgentError(
                "idle",
                "nothing but signs of life came for %g s, and the companion's lock is free again; what came is kept"
                % self._limit_s,
            )
