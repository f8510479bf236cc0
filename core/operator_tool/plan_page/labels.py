"""Where marks and their labels go: the most needed first, and none over another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from .frame import Frame
from .polyline import Line, Point

_LETTER, _LINE = 7.6, 15.0
"""The size of a label's text in the large map, by letter and line."""
_LARGE = 2.0
"""Labels that are still there where the picture is small are set so many times larger."""
_ARROWS_APART = 64.0
_MOST_ARROWS = 300
_BUCKET = 40.0
_FINE = 5.0

Box = tuple[float, float, float, float]


class Label(msgspec.Struct, frozen=True):
    """A text beside a place; ``key``: it stays where the picture is shown small, in larger letters."""

    x: float
    y: float
    text: str
    anchor: str
    """``start`` or ``end``: which end of the text is at the place."""
    below: bool
    """Whether its upper edge is at the place, and not its baseline."""
    key: bool


class Arrow(msgspec.Struct, frozen=True):
    """The direction of flight at a place, in degrees clockwise from the picture's right."""

    x: float
    y: float
    degrees: float


class Room:
    """What is taken of the picture already."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._taken: dict[tuple[int, int], list[Box]] = {}
        self._crossed: set[tuple[int, int]] = set()
        """The squares of a few units that a line goes through."""

    def line_through(self, line: Line) -> None:
        """Let labels keep off a line where they can."""
        for (ax, ay), (bx, by) in pairwise(line):
            steps = max(1, min(2_000, int(math.hypot(bx - ax, by - ay) / _FINE)))
            for number in range(steps + 1):
                x, y = ax + (bx - ax) * number / steps, ay + (by - ay) * number / steps
                self._crossed.add((int(x // _FINE), int(y // _FINE)))

    def take(self, box: Box) -> None:
        """Take room without asking."""
        for bucket in _squares(box, _BUCKET):
            self._taken.setdefault(bucket, []).append(box)

    def is_free(self, box: Box) -> bool:
        """Say whether nothing is there, and it is in the picture."""
        if box[0] < 2 or box[1] < 2 or box[2] > self._frame.width - 2 or box[3] > self._frame.height - 2:
            return False
        return not any(
            box[0] < other[2] and box[2] > other[0] and box[1] < other[3] and box[3] > other[1]
            for bucket in _squares(box, _BUCKET)
            for other in self._taken.get(bucket, ())
        )

    def _is_crossed(self, box: Box) -> bool:
        return any(square in self._crossed for square in _squares(box, _FINE))

    def label(self, at: Point, text: str, *, key: bool, off: float = 7.0) -> Label | None:
        """Put a label beside a place, ``off`` to its side; None where there is no room for it."""
        larger = _LARGE if key else 1.0
        wide, high = len(text) * _LETTER * larger, _LINE * larger
        x, y = at
        places = [
            (anchor, (left, top, left + wide, top + high))
            for top in (y - high - 2.0, y + 2.0)
            for anchor, left in (("start", x + off), ("end", x - off - wide))
        ]
        free = [place for place in places if self.is_free(place[1])]
        if not free:
            return None
        anchor, box = next((place for place in free if not self._is_crossed(place[1])), free[0])
        self.take(box)
        below = box[1] > y
        return Label(x + off if anchor == "start" else x - off, y + 4.0 if below else y - 4.0, text, anchor, below, key)


def spread(count: int) -> Iterator[int]:
    """Yield 0 to ``count - 1`` so that at whatever place one stops, what came lies evenly: ends, middle, quarters."""
    seen = set()
    step = 1
    while step < count * 2:
        for part in range(step + 1):
            number = round(part * (count - 1) / step)
            if number not in seen and 0 <= number < count:
                seen.add(number)
                yield number
        step *= 2
    yield from (number for number in range(count) if number not in seen)


def arrows_along(line: Line, frame: Frame) -> list[Arrow]:
    """Return arrows on the longer legs, none near another."""
    arrows: list[Arrow] = []
    taken: set[tuple[int, int]] = set()
    for (ax, ay), (bx, by) in pairwise(line):
        length = math.hypot(bx - ax, by - ay)
        if length < 22.0:
            continue
        count = max(1, int(length / (_ARROWS_APART * 2.5)))
        for number in range(count):
            part = (number + 0.5) / count
            x, y = ax + (bx - ax) * part, ay + (by - ay) * part
            cell = (int(x // (_ARROWS_APART / 2)), int(y // (_ARROWS_APART / 2)))
            near = ((cell[0] + i, cell[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1))
            if not frame.holds(x, y) or any(one in taken for one in near):
                continue
            taken.add(cell)
            arrows.append(Arrow(x, y, math.degrees(math.atan2(by - ay, bx - ax))))
            if len(arrows) == _MOST_ARROWS:
                return arrows
    return arrows


def dots_apart(points: Sequence[Point], frame: Frame, apart: float) -> list[int]:
    """Return the numbers of points that are drawn: those in the picture, and of a heap the first one."""
    taken: set[tuple[int, int]] = set()
    drawn = []
    for number, (x, y) in enumerate(points):
        cell = (int(x // apart), int(y // apart))
        if frame.holds(x, y) and cell not in taken:
            taken.add(cell)
            drawn.append(number)
    return drawn


def _squares(box: Box, side: float) -> Iterator[tuple[int, int]]:
    for i in range(int(box[0] // side), int(box[2] // side) + 1):
        for j in range(int(box[1] // side), int(box[3] // side) + 1):
            yield i, j
