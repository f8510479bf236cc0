"""How many requests run at once: as many as are allowed, fewer while the server shows that they are too many."""

from __future__ import annotations

_SLOWER = 2.0
_SLOWER_BY_S = 0.1
"""A window counts as slowed down when its latency is both times and seconds above the best one."""
_CUT = 0.75
_HELPED = 0.85
"""Fewer requests helped when they brought the latency down to so much of what it was."""
_IN_VAIN = 2
"""After so many cuts that did not help there are no more."""
_LEAST_WINDOW = 32


class Concurrency:
    """Additive increase, multiplicative decrease, judged window by window of finished requests."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._best_s = float("inf")
        self._cut_at_s = float("inf")
        """The latency at which the limit was last cut."""
        self._cuts_in_vain = 0
        self._before_cuts = self._limit
        self._sum_s = 0.0
        self._count = 0
        self._backed_off_s = float("-inf")

    @property
    def limit(self) -> int:
        """How many requests may run now."""
        return int(self._limit)

    def finished(self, began_s: float, now_s: float) -> None:
        """Note a request that was answered well."""
        self._count += 1
        self._sum_s += now_s - began_s
        if self._count < max(_LEAST_WINDOW, 2 * self.limit):
            return
        mean_s = self._sum_s / self._count
        self._sum_s = 0.0
        self._count = 0
        if mean_s <= max(self._best_s * _SLOWER, self._best_s + _SLOWER_BY_S):
            self._limit = min(self._most, self._limit + 1.0)
            self._cut_at_s = float("inf")
            self._cuts_in_vain = 0
        else:
            self._slowed_down(mean_s)
        self._best_s = min(self._best_s, mean_s)

    def _slowed_down(self, mean_s: float) -> None:
        if mean_s < self._cut_at_s * _HELPED:
            self._cuts_in_vain = 0
            self._before_cuts = self._limit
        else:
            self._cuts_in_vain += 1
        if self._cuts_in_vain >= _IN_VAIN:
            # Fewer at once did not make it faster: the way is long, or the server slow by itself, and that is no load.
            self._limit = self._before_cuts
            self._best_s = mean_s
            self._cut_at_s = float("inf")
            self._cuts_in_vain = 0
            return
        self._limit = max(1.0, self._limit * _CUT)
        self._cut_at_s = mean_s

    def overloaded(self, began_s: float, now_s: float) -> None:
        """Note a request that the server refused or dropped for its load; those of one moment count once."""
        if began_s < self._backed_off_s:
            return
        self._backed_off_s = now_s
        self._limit = max(1.0, self._limit * 0.5)
        self._sum_s = 0.0
        self._count = 0
