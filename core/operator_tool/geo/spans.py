"""Spans of neighbouring tiles in one row: merged, cut by each other, and brought back into the world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""The first and the last ``x`` of neighbouring tiles."""


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same tiles as spans in ascending order that neither overlap nor touch."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if not merged or first > merged[-1][1] + 1:
            merged.append((first, last))
        elif last > merged[-1][1]:
            merged[-1] = (merged[-1][0], last)
    return merged


def shared(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the tiles that are in both; each of the two is joined, and so is the result."""
    both: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, last = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if first <= last:
            both.append((first, last))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return both


def without(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the tiles of the first that are not in the second; each of the two is joined, and so is the result."""
    left: list[Span] = []
    j = 0
    for first, last in one:
        while j < len(other) and other[j][1] < first:
            j += 1
        at, k = first, j
        while k < len(other) and other[k][0] <= last:
            if other[k][0] > at:
                left.append((at, other[k][0] - 1))
            at = other[k][1] + 1
            k += 1
        if at <= last:
            left.append((at, last))
    return left


def wrapped(spans: Sequence[Span], side: int) -> Sequence[Span]:
    """Return the same tiles joined, with each ``x`` brought back into the world's ``side`` columns."""
    inside: list[Span] = []
    for west, east in spans:
        if east - west + 1 >= side:
            return ((0, side - 1),)
        turn = west // side * side
        first, last = west - turn, east - turn
        if last < side:
            inside.append((first, last))
        else:
            inside += ((first, side - 1), (0, last - side))
    return inside if len(inside) == 1 else joined(inside)
