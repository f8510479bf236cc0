"""How many requests run at once: as many as are allowed, fewer while the server shows that they are too many."""

from __future__ import annotations

_SLOWER = 2.0
_SLOWER_BY_S = 0.1
"""A window counts as slowed down when its latency is both times and seconds above the best one."""
_LEAST_WINDOW = 32


class Concurrency:
    """Additive increase, multiplicative decrease, judged window by window of finished requests."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)
        self._best_s = float("inf")
        self._best_rate = 0.0
        self._sum_s = 0.0
        self._count = 0
        self._window_began_s = 0.0
        self._backed_off_s = float("-inf")

    @property
    def limit(self) -> int:
        """How many requests may run now."""
        return int(self._limit)

    def finished(self, began_s: float, now_s: float) -> None:
        """Note a request that was answered well."""
        if self._count == 0:
            self._window_began_s = began_s
        self._count += 1
        self._sum_s += now_s - began_s
        if self._count < max(_LEAST_WINDOW, 2 * self.limit):
            return
        mean_s = self._sum_s / self._count
        rate = self._count / max(now_s - self._window_began_s, 1e-6)
        slowed = mean_s > self._best_s * _SLOWER and mean_s > self._best_s + _SLOWER_BY_S
        # Slower answers are no reason by themselves: only when more at once no longer brings more tiles a second.
        if slowed and rate < self._best_rate:
            self._limit = max(1.0, self._limit * 0.75)
        else:
            self._limit = min(self._most, self._limit + 1.0)
        self._best_s = min(self._best_s, mean_s)
        self._best_rate = max(self._best_rate * 0.98, rate)
        self._sum_s = 0.0
        self._count = 0

    def overloaded(self, began_s: float, now_s: float) -> None:
        """Note a request that the server refused or dropped for its load; those of one moment count once."""
        if began_s < self._backed_off_s:
            return
        self._backed_off_s = now_s
        self._limit = max(1.0, self._limit * 0.5)
        self._sum_s = 0.0
        self._count = 0
