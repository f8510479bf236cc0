"""``W,S,E,N``: a box on the ground, as an option."""

from __future__ import annotations

from typing import Any

import click

Bounds = tuple[float, float, float, float]


class BoundingBox(click.ParamType[Bounds]):
    """West, south, east and north in degrees; west is greater than east for a box across 180°."""

    name = "bbox"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Bounds:
        """Return the four numbers. Fails as a usage error."""
        if isinstance(value, tuple):
            return value
        try:
            west, south, east, north = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: expected west,south,east,north in degrees, such as 8.2,47.0,8.4,47.1", param, ctx)
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
            self.fail(f"{value!r}: longitudes go from -180 to 180, latitudes from -90 to 90", param, ctx)
        if south >= north:
            self.fail(f"{value!r}: south must be less than north", param, ctx)
        if west == east:
            self.fail(f"{value!r}: west and east are the same", param, ctx)
        return west, south, east, north
