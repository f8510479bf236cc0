"""What every flight promises, whatever source it came from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from operator_tool.api import Flight, Place

MAX_WAYPOINTS = 65_535
"""As many as a MAVLink mission can count."""


def flight_problems(flight: Flight) -> list[str]:
    """Return what is wrong with a flight, a few words each; empty where it is what a flight must be."""
    return [*_route(flight), *_ground(flight), *_around(flight), *_texts(flight)]


def _route(flight: Flight) -> Iterator[str]:
    points = flight.waypoints
    if not 1 <= len(points) <= MAX_WAYPOINTS:
        yield f"{len(points):,} waypoints, expected 1 to {MAX_WAYPOINTS:,}; without any, raise NoRouteError"
    wrong = next((place for place, point in enumerate(points) if point.ordinal != place), None)
    if wrong is not None:
        yield f"waypoint {wrong} has the ordinal {points[wrong].ordinal}: they run from 0 without a gap or a double"
    yield from _places("waypoint", ((point.lat_deg, point.lon_deg) for point in points))
    yield from _numbers("a waypoint's alt_m", (point.alt_m for point in points), least=-math.inf)
    yield from _numbers("a waypoint's loiter_radius_m", (point.loiter_radius_m for point in points))


def _ground(flight: Flight) -> Iterator[str]:
    for area in flight.areas:
        for ring in (area.outer, *area.holes):
            yield from _ring("an area's ring", ring)
    yield from _numbers("an area's margin_m", (area.margin_m for area in flight.areas))


def _around(flight: Flight) -> Iterator[str]:
    for fence in flight.fences:
        if bool(fence.polygon) == (fence.center is not None):
            yield "a fence is either a polygon or a circle"
        elif fence.center is None:
            yield from _ring("a fence's polygon", fence.polygon)
        else:
            yield from _places("a fence's center", [fence.center])
            yield from _numbers("a fence's radius_m", [fence.radius_m], above=True)
    yield from _numbers("a fence's radius_m", (fence.radius_m for fence in flight.fences))
    yield from _places("rally point", ((point.lat_deg, point.lon_deg) for point in flight.rally_points))
    yield from _numbers("a rally point's alt_m", (point.alt_m for point in flight.rally_points), least=-math.inf)
    if flight.home is not None:
        yield from _places("home", [(flight.home.lat_deg, flight.home.lon_deg)])
        yield from _numbers("home's amsl_m", [flight.home.amsl_m], least=-math.inf)
    if flight.camera is not None:
        camera = flight.camera
        lengths = (camera.sensor_width_mm, camera.sensor_height_mm, camera.focal_length_mm)
        yield from _numbers("a length of the camera", lengths, above=True)
        yield from _numbers("a size of the camera", (camera.image_width_px, camera.image_height_px), above=True)


def _texts(flight: Flight) -> Iterator[str]:
    if not flight.id:
        yield "its id is empty"
    texts = [flight.id, flight.name, flight.source, flight.format, *flight.notes]
    texts += [text or "" for one in flight.waypoints for text in (one.source, one.objective)]
    texts += [area.source or "" for area in flight.areas] + [fence.source or "" for fence in flight.fences]
    texts += [flight.camera.name] if flight.camera is not None else []
    unprintable = [text for text in texts if not text.isprintable()]
    if unprintable:
        yield f"{unprintable[0][:80]!a} would reach a terminal as it is: escape it with escape_controls"


def _places(what: str, places: Iterable[Place]) -> Iterator[str]:
    for number, (lat_deg, lon_deg) in enumerate(places):
        if not (-90 <= lat_deg <= 90 and -180 <= lon_deg <= 180):
            yield f"{what} {number} lies at {lat_deg}, {lon_deg}: no place on Earth; raise FlightFormatError"
            return


def _ring(what: str, ring: tuple[Place, ...]) -> Iterator[str]:
    if len(ring) < 3 or ring[0] == ring[-1]:
        yield f"{what} has at least three corners, and does not repeat the first"
    yield from _places(what, ring)


def _numbers(what: str, numbers: Iterable[float | None], *, least: float = 0.0, above: bool = False) -> Iterator[str]:
    for number in numbers:
        if number is None:
            continue
        if not (math.isfinite(number) and (number > least if above else number >= least)):
            yield f"{what} is {number}"
            return
