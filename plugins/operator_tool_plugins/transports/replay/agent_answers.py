"""The recorded answers to what was offered, given out again to other cuts of the same tiles."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple


class Answer(NamedTuple):
    """One answer: a bit for each offered tile, 1 where it lacks, and when it came."""

    at_s: float
    bits: tuple[int, ...]
    """In the recording whole bytes of them, so that up to seven at the end may stand for no tile."""

    @property
    def fewest(self) -> int:
        """How many tiles were offered at least."""
        last = max((place for place, bit in enumerate(self.bits) if bit), default=-1)
        return max(last + 1, len(self.bits) - 7, 0)


class Answers:
    """As long as what is offered fits what was offered then, each is answered as then; from the first that doesn't, the
    remaining answers are one row, in the order of the tiles."""

    def __init__(self, recorded: Iterable[Answer], tiles: int | None) -> None:
        """``tiles`` is how many were offered in all, None where the recording broke off before that was said."""
        self._recorded = deque(recorded)
        self._fewest_left = sum(answer.fewest for answer in self._recorded)
        self._tiles_left = tiles
        self._row: deque[tuple[float, int]] | None = None

    def to(self, tiles: int) -> Answer | None:
        """Return the answer to the next so many tiles; None where the recording has none."""
        if self._tiles_left is not None:
            if tiles > self._tiles_left:
                return None
            self._tiles_left -= tiles
        if self._row is None:
            if self._recorded and self._fits(self._recorded[0], tiles):
                recorded = self._recorded.popleft()
                self._fewest_left -= recorded.fewest
                return Answer(recorded.at_s, recorded.bits[:tiles])
            self._row = self._spread(tiles)
        if len(self._row) < tiles:
            return None
        taken = [self._row.popleft() for _ in range(tiles)]
        return Answer(max((at_s for at_s, _ in taken), default=0.0), tuple(bit for _, bit in taken))

    def _spread(self, tiles: int) -> deque[tuple[float, int]]:
        """Return one bit for each tile that is still to be offered, these included."""
        row: deque[tuple[float, int]] = deque()
        spare = 0
        if self._tiles_left is not None:
            spare = self._tiles_left + tiles - self._fewest_left
        for answer in self._recorded:
            unsure = min(max(spare, 0), len(answer.bits) - answer.fewest)
            spare -= unsure
            row.extend((answer.at_s, bit) for bit in answer.bits[: answer.fewest + unsure])
        row.extend([(row[-1][0] if row else 0.0, 0)] * max(spare, 0))
        self._recorded.clear()
        return row

    def _fits(self, answer: Answer, tiles: int) -> bool:
        """Tell whether it can be the answer to so many tiles, and leaves a tile for each answer behind it."""
        leaves_enough = self._tiles_left is None or self._tiles_left >= self._fewest_left - answer.fewest
        return leaves_enough and len(answer.bits) == -(-tiles // 8) * 8 and not any(answer.bits[tiles:])


def bits_of(text: object) -> tuple[int, ...]:
    """Return the bits of a recorded answer; none where it can't be read."""
    try:
        mask = base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError):
        return ()
    return tuple(byte >> place & 1 for byte in mask for place in range(7, -1, -1))


def mask_of(bits: tuple[int, ...]) -> str:
    """Return bits as an answer has them."""
    whole = "".join(map(str, bits)).ljust(-(-len(bits) // 8) * 8, "0")
    return base64.b64encode(int(whole or "0", 2).to_bytes(len(whole) // 8, "big")).decode()
