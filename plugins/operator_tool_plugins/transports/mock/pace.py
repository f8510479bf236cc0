"""How long bytes are under way: latency, jitter and rate, by the seed and the place in the stream alone."""

from __future__ import annotations

import random
from collections import deque

from .script import LinkScript

_BLOCK_BYTES = 4096
"""So many bytes have the same jitter."""
_SMOOTH_S = 0.02
"""A narrow link brings what fits into so much time at once."""


class Pace:
    """The timetable of one direction of one program's link."""

    def __init__(self, link: LinkScript, bytes_per_s: int | None, seed: str) -> None:
        self._latency_s, self._jitter_s = link.latency_s, link.jitter_s
        self._bytes_per_s = bytes_per_s
        self._seed = seed
        self._offset = 0
        self._free_s = self._last_s = 0.0

    @property
    def is_instant(self) -> bool:
        """Nothing takes any time."""
        return not (self._latency_s or self._jitter_s or self._bytes_per_s)

    def next_piece(self, size: int) -> int:
        """Return how many of ``size`` bytes travel together."""
        if self._jitter_s:
            size = min(size, _BLOCK_BYTES - self._offset % _BLOCK_BYTES)
        return min(size, max(1, int(self._bytes_per_s * _SMOOTH_S))) if self._bytes_per_s else size

    def arrival_s(self, size: int, now_s: float) -> float:
        """Return when a piece arrives that is sent now, or once the link is free; nothing overtakes."""
        block = self._offset // _BLOCK_BYTES
        self._offset += size
        self._free_s = max(self._free_s, now_s) + (size / self._bytes_per_s if self._bytes_per_s else 0.0)
        chance = random.Random(f"{self._seed} {block}").random() if self._jitter_s else 0.0  # noqa: S311
        self._last_s = max(self._last_s, self._free_s + self._latency_s + self._jitter_s * chance)
        return self._last_s


class Lane:
    """What is under way in one direction, in order. Used by one thread at a time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._back = b""
        self.size = 0
        """How many bytes are under way."""

    def push(self, data: bytes, now_s: float) -> None:
        """Send bytes on their way."""
        self.size += len(data)
        view = memoryview(data)
        while view:
            piece, view = view[: self._pace.next_piece(len(view))], view[self._pace.next_piece(len(view)) :]
            self._under_way.append((self._pace.arrival_s(len(piece), now_s), bytes(piece)))

    def pop(self, now_s: float) -> bytes:
        """Return what has arrived, together; nothing where nothing has."""
        arrived = [self._back]
        while self._under_way and self._under_way[0][0] <= now_s:
            arrived.append(self._under_way.popleft()[1])
        self._back = b""
        data = b"".join(arrived)
        self.size -= len(data)
        return data

    def put_back(self, data: bytes) -> None:
        """Have ``pop`` return this first: it was the end of what it returned last, and was not taken."""
        self._back = data
        self.size += len(data)

    def due_in_s(self, now_s: float) -> float | None:
        """Return how long until something arrives, None where nothing is under way."""
        if self._back:
            return 0.0
        return max(0.0, self._under_way[0][0] - now_s) if self._under_way else None
