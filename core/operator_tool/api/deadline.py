"""Deadlines: every wait has one."""

from __future__ import annotations

import math
import time


class Deadline:
    """A moment of the monotonic clock after which waiting is over; ``Deadline.never()`` is none."""

    __slots__ = ("_at_s",)

    def __init__(self, at_s: float) -> None:
        self._at_s = at_s

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def never(cls) -> Deadline:
        """Return a deadline that does not pass."""
        return cls(math.inf)

    @property
    def passed(self) -> bool:
        """True once the moment is over."""
        return time.monotonic() >= self._at_s

    def remaining_s(self, at_most_s: float = math.inf) -> float:
        """Return the seconds left, not below 0 and not above ``at_most_s``."""
        return max(0.0, min(self._at_s - time.monotonic(), at_most_s))
