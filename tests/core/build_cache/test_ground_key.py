"""What of a flight counts in the content key besides its waypoints' places."""

from __future__ import annotations

import msgspec
import pytest

from operator_tool.api import AreaRequest, Fence, Flight, GroundPolygon, HomePosition, RallyPoint
from operator_tool.build_cache.ground_key import ground_sha256
from tests.core.geo.flights import flight_of

_CORNERS = ((48.0, 11.0), (48.0, 11.1), (48.1, 11.1))
_FLIGHT = msgspec.structs.replace(
    flight_of((48.0, 11.0), (48.01, 11.02)),
    areas=(GroundPolygon(outer=_CORNERS, margin_m=20.0),),
    home=HomePosition(lat_deg=48.001, lon_deg=11.001),
    fences=(Fence(inclusion=True, center=(48.0, 11.0), radius_m=9_000.0),),
)


def _with(**changes: object) -> Flight:
    changed: Flight = msgspec.structs.replace(_FLIGHT, **changes)
    return changed


def _circling(radius_m: float) -> Flight:
    first, last = _FLIGHT.waypoints
    return _with(waypoints=(first, msgspec.structs.replace(last, loiter_radius_m=radius_m)))


def test_a_flight_of_waypoints_alone_has_no_such_key() -> None:
    """Where nothing else decides, the key is empty: a fence that keeps out and a rally point decide nothing."""
    plain = flight_of((48.0, 11.0), (48.01, 11.02))
    assert ground_sha256(plain, AreaRequest()) == ""
    fences = (Fence(inclusion=False, center=(48.0, 11.0), radius_m=50.0),)
    kept_out = msgspec.structs.replace(plain, fences=fences, rally_points=(RallyPoint(lat_deg=48.0, lon_deg=11.0),))
    assert ground_sha256(kept_out, AreaRequest()) == ""


@pytest.mark.parametrize(
    "other",
    [
        _circling(60.0),
        _with(areas=(GroundPolygon(outer=_CORNERS, margin_m=20.001),)),
        _with(areas=(GroundPolygon(outer=_CORNERS[::-1], margin_m=20.0),)),
        _with(areas=(GroundPolygon(outer=_CORNERS, holes=(_CORNERS,), margin_m=20.0),)),
        _with(areas=()),
        _with(home=HomePosition(lat_deg=48.001, lon_deg=11.00100001)),
        _with(home=None),
        _with(returns_home=True),
        _with(fences=()),
        _with(fences=(Fence(inclusion=True, center=(48.0, 11.0), radius_m=9_000.5),)),
        _with(fences=(Fence(inclusion=True, polygon=_CORNERS),)),
    ],
)
def test_what_decides_on_the_ground_changes_the_key(other: Flight) -> None:
    """A circle, an area's corner, hole and margin, home, the way back and a fence each make another key."""
    assert ground_sha256(other, AreaRequest()) != ground_sha256(_FLIGHT, AreaRequest())


@pytest.mark.parametrize(
    "other",
    [
        _with(areas=(GroundPolygon(outer=_CORNERS, margin_m=20, source="survey"),)),
        _with(areas=(GroundPolygon(outer=((48, 11), *_CORNERS[1:]), margin_m=20.0),)),
        _with(home=HomePosition(lat_deg=48.001, lon_deg=11.001, amsl_m=500.0)),
        _with(fences=(*_FLIGHT.fences, Fence(inclusion=False, polygon=_CORNERS))),
        _with(fences=(msgspec.structs.replace(_FLIGHT.fences[0], source="geoFence"),)),
        _with(name="Other", notes=("A note.",)),
    ],
)
def test_what_decides_nothing_does_not_change_the_key(other: Flight) -> None:
    """Names, sources, notes, exclusion fences, a height of home and a number without its point leave it as it is."""
    assert ground_sha256(other, AreaRequest()) == ground_sha256(_FLIGHT, AreaRequest())


def test_what_the_request_leaves_out_does_not_count() -> None:
    """Without the ways home, home may move; without the fences, they may; a home that is a default may too."""
    moved = _with(home=HomePosition(lat_deg=48.002, lon_deg=11.0), returns_home=True)
    no_home = AreaRequest(home_legs=False)
    assert ground_sha256(moved, no_home) == ground_sha256(_FLIGHT, no_home)
    no_fence = AreaRequest(within_fence=False)
    assert ground_sha256(_with(fences=()), no_fence) == ground_sha256(_FLIGHT, no_fence)
    far = _with(home=HomePosition(lat_deg=-35.0, lon_deg=149.0))
    assert ground_sha256(far, AreaRequest()) == ground_sha256(_with(home=None), AreaRequest())
