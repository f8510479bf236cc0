"""Which waypoints and rally points a flight's own fences forbid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from operator_tool.api.flight import Fence, Flight, Place

from .swapped import distance_m, place_of

_STEPS = 5_000_000
"""Corners looked at in all, some seconds: a fence of thousands of corners around thousands of waypoints is let be."""


def broken_fences(flight: Flight) -> Iterator[tuple[str, int | None]]:
    """Yield, in words, what lies where the flight's fences don't allow it, and the waypoint that it is about."""
    inclusion = [fence for fence in flight.fences if fence.inclusion]
    exclusion = [fence for fence in flight.fences if not fence.inclusion]
    corners = sum(len(fence.polygon) + 1 for fence in flight.fences)
    if not flight.fences:
        return
    if corners * (len(flight.waypoints) + len(flight.rally_points)) > _STEPS:
        yield f"whether the route keeps to its {len(flight.fences)} fences was not looked at: they are too many", None
        return
    waypoints = [(one.ordinal, place_of(one)) for one in flight.waypoints]
    rally_points = [(number, (one.lat_deg, one.lon_deg)) for number, one in enumerate(flight.rally_points)]
    for word, places in (("waypoint", waypoints), ("rally point", rally_points)):
        outside = [number for number, place in places if inclusion and not _in_one(place, inclusion)]
        inside = [number for number, place in places if _in_one(place, exclusion)]
        for numbers, where in ((outside, "outside of the inclusion fences"), (inside, "inside of an exclusion fence")):
            if numbers:
                many = "" if len(numbers) == 1 else f" and {len(numbers) - 1:,} more"
                verb = "lies" if len(numbers) == 1 else "lie"
                yield f"{word} {numbers[0]}{many} {verb} {where}", numbers[0] if word == "waypoint" else None


def _in_one(place: Place, fences: Sequence[Fence]) -> bool:
    return any(is_inside(place, fence) for fence in fences)


def is_inside(place: Place, fence: Fence) -> bool:
    """Tell whether a place is inside of a fence, which holds whatever its rim goes around.

    Edges take the short way across 180°.
    """
    if fence.center is not None:
        return distance_m(place, fence.center) <= fence.radius_m
    lat_deg, lon_deg = place
    turns = 0
    a_lat, a_lon = fence.polygon[-1]
    a_east = _east_deg(a_lon - lon_deg)
    for b_lat, b_lon in fence.polygon:
        # Each corner east or west of the place, without a jump from the corner before.
        b_east = a_east + _east_deg(b_lon - a_lon)
        if (a_lat > lat_deg) != (b_lat > lat_deg):
            east_of_it = a_east + (lat_deg - a_lat) / (b_lat - a_lat) * (b_east - a_east) > 0.0
            turns += east_of_it * (1 if b_lat > a_lat else -1)
        a_lat, a_lon, a_east = b_lat, b_lon, b_east
    return turns != 0


def _east_deg(difference_deg: float) -> float:
    return (difference_deg + 180.0) % 360.0 - 180.0
