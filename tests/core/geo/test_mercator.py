"""The Mercator square and the true lengths in it."""

from __future__ import annotations

import math

import pytest

from operator_tool.api import TileId
from operator_tool.geo.mercator import (
    LIMIT_DEG,
    lat_deg_of,
    latitude_step_deg,
    lon_deg_of,
    metres_per_unit,
    tile_bounds_deg,
    x_of,
    y_of,
)
from tests.core.geo.ellipsoid import degree_lengths_m, destination


def test_the_square_ends_where_the_tiles_end() -> None:
    """The corners of the square are 180° and 85.0511°."""
    assert pytest.approx(85.051128779806, abs=1e-12) == LIMIT_DEG
    assert (x_of(-180.0), x_of(0.0), x_of(180.0)) == (0.0, 0.5, 1.0)
    assert y_of(LIMIT_DEG) == pytest.approx(0.0, abs=1e-15)
    assert y_of(0.0) == 0.5
    assert y_of(-LIMIT_DEG) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("lat_deg", [-85.0, -33.9, 0.0, 1e-9, 48.137154, 85.05])
def test_a_latitude_comes_back(lat_deg: float) -> None:
    """To the square and back is the same latitude to a hundredth of a millimetre."""
    assert lat_deg_of(y_of(lat_deg)) == pytest.approx(lat_deg, abs=1e-10)


def test_a_longitude_comes_back_however_often_it_went_round() -> None:
    """What lies beyond the antimeridian is named as the other side of the world."""
    assert lon_deg_of(x_of(11.5)) == pytest.approx(11.5)
    assert lon_deg_of(x_of(181.0)) == pytest.approx(-179.0)
    assert lon_deg_of(x_of(-541.0)) == pytest.approx(179.0)
    assert lon_deg_of(1.0) == -180.0


def test_a_tile_has_the_bounds_that_the_scheme_gives_it() -> None:
    """The bounds are those of the XYZ scheme, and the last tile of a row ends at 180, not at -180."""
    assert tile_bounds_deg(TileId(0, 0, 0)) == pytest.approx((-180.0, -LIMIT_DEG, 180.0, LIMIT_DEG))
    assert tile_bounds_deg(TileId(1, 1, 1)) == pytest.approx((0.0, -LIMIT_DEG, 180.0, 0.0))
    galway = tile_bounds_deg(TileId(10, 486, 332))
    assert galway == pytest.approx((-9.140625, 53.12040528310657, -8.7890625, 53.33087298301705), abs=1e-12)


@pytest.mark.parametrize("lat_deg", [-80.0, -35.0, 0.0, 20.0, 48.0, 70.0, 85.0])
def test_lengths_are_those_of_the_ellipsoid(lat_deg: float) -> None:
    """One unit of the square is as many metres as the series for a degree's length says, to 1 in 100,000."""
    x_m, y_m = metres_per_unit(lat_deg)
    north_m, east_m = degree_lengths_m(lat_deg)
    assert x_m == pytest.approx(east_m * 360.0, rel=1e-5)
    assert y_m == pytest.approx(north_m * 360.0 * math.cos(math.radians(lat_deg)), rel=1e-5)


@pytest.mark.parametrize("lat_deg", [-70.0, -0.001, 0.0, 0.5, 48.0, 84.0])
@pytest.mark.parametrize("metres", [1.0, 500.0, 100_000.0, -500.0, -100_000.0])
def test_a_step_of_latitude_is_never_too_short(lat_deg: float, metres: float) -> None:
    """The step reaches at least as far as the geodesic of that length, and at most 1 % farther."""
    true_deg = abs(destination(lat_deg, 0.0, 0.0 if metres > 0 else 180.0, abs(metres))[0] - lat_deg)
    step_deg = latitude_step_deg(lat_deg, metres) * math.copysign(1.0, metres)
    assert true_deg - 1e-12 <= step_deg <= true_deg * 1.01
