"""The tiles of the ground at one zoom, row after row from north to south, so that only one row is ever in hand."""

from __future__ import annotations

from collections.abc import Iterator

from .area import Ground
from .spans import wrapped
from .sweep import Row, swept


def rows_of(ground: Ground, z: int) -> Iterator[Row]:
    """Yield every row of tiles at zoom ``z`` that the ground touches.

    A tile is touched when it holds a point of the ground; its west and north edges are its own. A row's southern edge
    counts for the row too, which can only matter for ground that ends there to the last bit.
    """
    side = 1 << z
    if ground.fence is not None:
        from .clipped_rows import clipped_rows  # shapely takes a quarter of a second to import

        yield from clipped_rows(ground, z)
        return
    for row in swept(ground, side):
        yield row.y, wrapped(row.spans + row.filled, side), len(row.slices)
