"""When the next request may start: the rate that is allowed, the rate that the server takes, and its pauses."""

from __future__ import annotations

import random
from collections import deque

_RECENT_S = 1.0
_RECENT_ANSWERS = 4096
_EASE = 0.85
"""A server that refuses gets so much of what it last answered a second."""
_CEILING = 0.95
_REGAIN_UNKNOWN, _REGAIN, _REGAIN_NEAR_CEILING = 0.5, 0.2, 0.03
"""What an eased rate regains of itself a second: fast while it is not known where the server refuses, then up to just
below where it last did, and slowly from there."""
_FIRST_BACKOFF_S = 0.05
_LONGEST_BACKOFF_S = 30.0
_LATELY = 50
_OFTEN = 5
"""So many busy answers among the latest are the server's state, and fewer are those requests' bad luck."""
_EARNED_S = 0.05
"""What a tile that arrives gives back of the pauses' budget: a server that gives tiles is worth waiting for."""


class Pace:
    """One provider's pace: one pause for all its requests. Moments are seconds of the monotonic clock."""

    def __init__(self, max_rate: float | None, budget_s: float) -> None:
        self._max_rate = max_rate
        self._rate = max_rate
        self._ceiling: float | None = None
        """The rate at which the server last refused."""
        self._budget_s = self._left_s = budget_s
        self._next_s = 0.0
        self._paused_until_s = 0.0
        self._throttled_s = float("-inf")
        self._throttles = 0
        self._answers: deque[float] = deque(maxlen=_RECENT_ANSWERS)
        self._busy: deque[bool] = deque(maxlen=_LATELY)

    def start_s(self) -> float:
        """Return when the next request may start: now, when that moment is over."""
        return max(self._next_s, self._paused_until_s)

    def started(self, now_s: float) -> None:
        """Note that a request starts."""
        if self._rate is not None:
            self._next_s = max(now_s, self._next_s) + 1.0 / self._rate

    def answered(self, now_s: float) -> None:
        """Note a request that was answered well."""
        self._answers.append(now_s)
        self._busy.append(False)
        self._throttles = 0
        self._left_s = min(self._budget_s, self._left_s + _EARNED_S)
        if self._rate is not None and self._rate != self._max_rate:
            self._rate = min(self._rate + self._regain(self._rate), self._max_rate or float("inf"))

    def busy(self) -> bool:
        """Note an answer that says "busy" and no more; True when so many do that the server must be left alone."""
        self._busy.append(True)
        return sum(self._busy) >= _OFTEN

    def throttled(self, began_s: float, now_s: float, asked_s: float | None) -> bool:
        """Pause, as long as the server asks (``Retry-After``) and with growing backoff; False beyond the budget.

        Requests that were on their way when a pause began join it: they neither lengthen it nor count again.
        """
        if began_s < self._throttled_s and not asked_s:
            return True
        if began_s >= self._throttled_s:
            self._ease(now_s)
            self._throttles += 1
            self._throttled_s = now_s
        longest_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0**self._throttles)
        backoff_s = random.uniform(longest_s / 2.0, longest_s)  # noqa: S311 - spreads load, guards nothing
        # No wait at all is what a server asks for whose clock is behind, or who doesn't know: it would be asked again
        # and again meanwhile.
        asked_s = asked_s or backoff_s
        more_s = now_s + asked_s - max(self._paused_until_s, now_s)
        if more_s > self._left_s:
            return False
        if more_s > 0.0:
            self._left_s -= more_s
            self._paused_until_s = now_s + asked_s
        return True

    def _regain(self, rate: float) -> float:
        """Return what one answer adds to the rate; there are ``rate`` of them a second."""
        if self._ceiling is None:
            return _REGAIN_UNKNOWN
        return _REGAIN if rate < _CEILING * self._ceiling else _REGAIN_NEAR_CEILING

    def _ease(self, now_s: float) -> None:
        recent = [at for at in self._answers if at > now_s - _RECENT_S]
        if not recent:
            return  # the same refusal still: it says nothing new of what the server takes
        self._ceiling = self._rate
        measured = len(recent) / max(now_s - recent[0], 0.05)
        self._rate = max(1.0, _EASE * min(measured, self._rate or measured))
        self._answers.clear()
