"""Waypoints whose latitude and longitude look swapped: swapped back, they lie among the others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from operator_tool.api.flight import HomePosition, Place, Waypoint
from operator_tool.geo.great_circle import angle_between, direction_of
from operator_tool.geo.mercator import EARTH_RADIUS_M

FAR_M = 100_000.0
"""From here on a place that would be much nearer with its coordinates swapped is taken for swapped."""
SUSPECT_M = 10_000.0
"""From here on it is odd: near the line where latitude equals longitude it may be meant."""
_TIMES_NEARER = 10.0


class Swapped(msgspec.Struct, frozen=True, kw_only=True):
    """A waypoint that looks swapped, and the other one by which that shows."""

    waypoint: Waypoint
    neighbour: Waypoint
    as_it_is_m: float
    """From the neighbour, as it stands."""
    swapped_m: float
    """From the neighbour, with its latitude and longitude swapped."""
    either: bool = False
    """It may as well be the neighbour that is swapped."""


def distance_m(a: Place, b: Place) -> float:
    """Return how far two places are from each other, on a sphere."""
    return angle_between(direction_of(*a), direction_of(*b)) * EARTH_RADIUS_M


def place_of(waypoint: Waypoint) -> Place:
    """Return where a waypoint is."""
    return waypoint.lat_deg, waypoint.lon_deg


def looks_swapped(a: Place, b: Place, *, from_m: float = FAR_M) -> bool:
    """Tell whether two places that are at least ``from_m`` apart were neighbours if one of them were swapped."""
    # A degree of latitude alone: most legs are short, and need no sines.
    if abs(a[0] - b[0]) + abs(a[1] - b[1]) < from_m / 120_000.0:
        return False
    apart_m = distance_m(a, b)
    if apart_m < from_m:
        return False
    # Whichever is the swapped one: the mirror image of both is as good as the other's.
    return _swapped_m(a, b) < min(apart_m / _TIMES_NEARER, FAR_M)


def swapped_waypoints(waypoints: Sequence[Waypoint], home: HomePosition | None) -> tuple[Swapped, ...]:
    """Return the waypoints that look swapped, in order.

    A leg that swapping one of its ends would shorten to a step tells that one of the two is swapped: so the waypoints
    fall into two kinds. The smaller one is wrong; of two that are equal the one that is farther from home.
    """
    kinds = [False]
    for before, here in itertools.pairwise(waypoints):
        kinds.append(kinds[-1] ^ looks_swapped(place_of(before), place_of(here), from_m=SUSPECT_M))
    if True not in kinds:
        return ()
    tie = 2 * sum(kinds) == len(kinds)
    wrong = 2 * sum(kinds) <= len(kinds)
    if tie and home is not None:
        at_home = (home.lat_deg, home.lon_deg)
        first, other = waypoints[0], waypoints[kinds.index(True)]
        wrong = distance_m(at_home, place_of(other)) > distance_m(at_home, place_of(first))
    found = []
    right = waypoints[kinds.index(not wrong)]
    for waypoint, kind in zip(waypoints, kinds, strict=True):
        if kind is not wrong:
            right = waypoint
        elif (swapped_m := _swapped_m(place_of(waypoint), place_of(right))) < FAR_M:
            found.append(
                Swapped(
                    waypoint=waypoint,
                    neighbour=right,
                    as_it_is_m=distance_m(place_of(waypoint), place_of(right)),
                    swapped_m=swapped_m,
                    either=tie and home is None,
                )
            )
    return tuple(found)


def _swapped_m(place: Place, other: Place) -> float:
    """Return how far a place would be from another one with its latitude and longitude swapped."""
    lat_deg, lon_deg = place
    return distance_m((lon_deg, lat_deg), other) if abs(lon_deg) <= 90.0 else float("inf")
