"""The inclusion fences of a flight as one shape on the map, and whether the flight keeps within it.

This module needs shapely, which takes a quarter of a second to import: it is imported where there is a fence.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from operator_tool.api import Fence, Flight, PlanError

from .flown import checked_m
from .mercator import LIMIT_DEG, lat_deg_of, latitude_step_deg, metres_per_unit, x_of, y_of
from .rings import Polygon, Ring, ring_of
from .route import place_name, refuse_unmappable

CIRCLE_CORNERS = 360
"""A circle is the regular polygon around it with so many corners: at most 0.004 % wider."""
_ON_THE_FENCE = 2.5e-8
"""A place this near in the square, 1 m at the equator, still keeps within: corners are often both fence and route."""

_NEARBY = 1e-4
"""How far beyond the ground's extent a fence is followed: far enough that the cut makes no rim within the ground."""
_MAP_RIM = 1e-9
"""A fence is followed to a few millimetres before the latitudes where the map ends."""

Extent = tuple[float, float, float, float]


class Fenced(msgspec.Struct, frozen=True, kw_only=True):
    """What the fence leaves of some ground."""

    polygons: tuple[Polygon, ...] | None
    """The union of the inclusion fences and of what is asked for besides: filled polygons that don't overlap, as far as
    they are near the ground; None where they are not heeded."""
    extent: Extent | None
    """The extent of the ground inside of it."""
    note: str


def fenced(
    flight: Flight, fences: Sequence[Fence], extent: Extent, *, asked: Sequence[tuple[Polygon, float]] = ()
) -> Fenced:
    """Return what these inclusion fences, of which there is at least one, leave of ground with this extent.

    Of the ground that is asked for besides, polygons and their margins in metres, they leave all. They are not heeded
    when the route leaves them. Raises ``PlanError`` for a fence that can't be.
    """
    names = [f"fence {number} ({one.source})" if one.source else f"fence {number}" for number, one in enumerate(fences)]
    once = shapely.union_all([_shape(fence, name) for fence, name in zip(fences, names, strict=True)])
    union = _all_turns(once, extent)
    leaves = _first_outside(flight, union, extent)
    if leaves:
        return Fenced(polygons=None, extent=None, note=f"The inclusion fences are not heeded: {leaves}.")
    # What is flown within the fence, and all that is asked for, is the ground within the union of the two.
    union = shapely.union_all([union, *(_with_margin(polygon, margin_m) for polygon, margin_m in asked)])
    west, north, east, south = shapely.intersection(union, _rectangle(extent)).bounds
    nearby = shapely.intersection(union, _rectangle(_grown(extent)))
    count = "inclusion fence" if len(fences) == 1 else f"{len(fences)} inclusion fences"
    return Fenced(
        polygons=tuple(_rings_of(one) for one in _polygons_in(nearby)),
        extent=(west, north, east, south),
        note=f"What lies outside of the flight's {count} is left out{', unless it is asked for' if asked else ''}.",
    )


def _with_margin(polygon: Polygon, margin_m: float) -> BaseGeometry:
    """Return the polygon grown by its margin, measured where metres are largest on the map."""
    shape = filled(polygon)
    if not margin_m:
        return shape
    _, north, _, south = shape.bounds
    north_deg, south_deg = lat_deg_of(north), lat_deg_of(south)
    poleward_deg = max(
        north_deg + latitude_step_deg(north_deg, margin_m), -(south_deg + latitude_step_deg(south_deg, -margin_m))
    )
    widest = margin_m / min(metres_per_unit(poleward_deg))
    return shapely.buffer(shape, widest / math.cos(math.pi / CIRCLE_CORNERS), quad_segs=CIRCLE_CORNERS // 4)


def filled(polygon: Polygon) -> BaseGeometry:
    """Return the polygon as a valid geometry."""
    outer, *holes = map(_gone_around, polygon)
    return shapely.difference(outer, shapely.union_all(holes)) if holes else outer


def _gone_around(ring: Ring) -> BaseGeometry:
    """Return what a ring goes around, once or more often: where it crosses itself it is put together face by face."""
    corners = list(zip(ring.x, ring.y, strict=True))
    simple = shapely.Polygon(corners)
    if simple.is_valid:
        return simple
    faces = shapely.get_parts(shapely.polygonize([shapely.node(simple.exterior)]))
    return shapely.union_all([face for face in faces if _turns_around(ring, face.representative_point())])


def _turns_around(ring: Ring, place: shapely.Point) -> int:
    """Return how often a ring goes around a place: its crossings of the parallel east of it, by their direction."""
    turns = 0
    corners = list(zip(ring.x, ring.y, strict=True))
    for (a_x, a_y), (b_x, b_y) in pairwise((*corners, corners[0])):
        if (a_y <= place.y) != (b_y <= place.y) and a_x + (place.y - a_y) / (b_y - a_y) * (b_x - a_x) > place.x:
            turns += 1 if a_y < b_y else -1
    return turns


def _shape(fence: Fence, name: str) -> BaseGeometry:
    if fence.center is None:
        return filled((ring_of(fence.polygon, name),))
    lat_deg, lon_deg = fence.center
    refuse_unmappable(lat_deg, lon_deg, f"the center of {name} (latitude {lat_deg}, longitude {lon_deg})")
    radius_m = checked_m(fence.radius_m, name)
    poleward_deg = max(lat_deg + latitude_step_deg(lat_deg, radius_m), -lat_deg - latitude_step_deg(lat_deg, -radius_m))
    if poleward_deg > LIMIT_DEG:
        raise PlanError(
            f"{name}, a circle of {radius_m:g} m about latitude {lat_deg:.4f}, goes beyond {LIMIT_DEG:.4f}, where map "
            "tiles end",
            hint="Pass --no-fence to leave the fences out of account.",
        )
    if not radius_m:
        return shapely.Polygon()
    x_m, y_m = metres_per_unit(poleward_deg)
    x, y, corner_m = x_of(lon_deg), y_of(lat_deg), radius_m / math.cos(math.pi / CIRCLE_CORNERS)
    turns = (math.tau * number / CIRCLE_CORNERS for number in range(CIRCLE_CORNERS))
    return shapely.Polygon([(x + corner_m / x_m * math.cos(at), y + corner_m / y_m * math.sin(at)) for at in turns])


def _all_turns(once: BaseGeometry, extent: Extent) -> BaseGeometry:
    """Return the shape as often as it shows up within the extent, which may lie any number of times round the world."""
    if once.is_empty:
        return once
    west, _, east, _ = once.bounds
    turns = range(math.ceil(extent[0] - east), math.floor(extent[2] - west) + 1)
    return shapely.union_all([affinity.translate(once, float(by)) for by in turns])


def _first_outside(flight: Flight, union: BaseGeometry, extent: Extent) -> str:
    """Return what of the route leaves the shape first, in words; empty where all of it keeps within."""
    grown = shapely.buffer(union, _ON_THE_FENCE, quad_segs=1)
    shapely.prepare(grown)
    places: list[tuple[float, float]] = []
    near_x = (extent[0] + extent[2]) / 2.0
    for one in flight.waypoints:
        x = x_of(one.lon_deg)
        places.append((x + round((places[-1][0] if places else near_x) - x), y_of(one.lat_deg)))
    inside = shapely.intersects_xy(grown, places)
    for waypoint, keeps in zip(flight.waypoints, inside, strict=True):
        if not keeps:
            return f"{place_name(waypoint)} lies outside of them"
    for waypoint, leg in zip(flight.waypoints, pairwise(places), strict=False):
        if not grown.covers(shapely.LineString(leg)):
            return f"the leg from {place_name(waypoint)} leaves them"
    return ""


def _grown(extent: Extent) -> Extent:
    west, north, east, south = extent
    return west - _NEARBY, max(north - _NEARBY, _MAP_RIM), east + _NEARBY, min(south + _NEARBY, 1.0 - _MAP_RIM)


def _rectangle(extent: Extent) -> BaseGeometry:
    west, north, east, south = extent
    return shapely.box(west, north, east, south)


def _polygons_in(geometry: BaseGeometry) -> list[shapely.Polygon]:
    """Return the polygons of a geometry, without the lines and points that an intersection may leave beside them."""
    return [one for one in shapely.get_parts(geometry) if isinstance(one, shapely.Polygon)]


def _rings_of(polygon: shapely.Polygon) -> Polygon:
    lines = (polygon.exterior, *polygon.interiors)
    return tuple(Ring(*(array("d", values[:-1]) for values in line.coords.xy)) for line in lines)
