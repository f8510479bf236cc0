"""How often a companion may have something shown: so many a second of each kind, and so many in all."""

from __future__ import annotations

import time


class Rate:
    """Counts one kind; what it does not allow is counted, and not shown."""

    def __init__(self, *, per_s: float, at_once: int, in_all: int) -> None:
        self._per_s = per_s
        self._at_once = at_once
        self._left = in_all
        self._ready = float(at_once)
        self._seen_s = time.monotonic()

    def allows(self) -> bool:
        """Tell whether one more may be shown now."""
        now_s = time.monotonic()
        self._ready = min(self._at_once, self._ready + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._ready < 1.0 or self._left <= 0:
            return False
        self._ready -= 1.0
        self._left -= 1
        return True
