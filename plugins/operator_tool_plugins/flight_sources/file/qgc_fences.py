"""The fences and the rally points of a QGroundControl plan. Where the drone goes after a breach
is kept as left out."""

from __future__ import annotations

from collections.abc import Iterator

from operator_tool.api import Fence, RallyPoint

from .._json_node import Node
from .mission_route import Route
from .qgc_numbers import coordinate, metres, places, readable_places
from .rings import ground_polygon

_VERSIONS = (1, 2)


def read_fences(document: Node, route: Route) -> tuple[Fence, ...]:
    """Return the plan's fences; what encloses nothing is left out with a note.

    Version 1 had one polygon to stay in. Raises ``FlightFormatError`` naming the place.
    """
    fence = document.get("geoFence")
    if fence is None:
        return ()
    _check_version(fence)
    breach = fence.get("breachReturn")
    if breach is not None:
        route.leave_out(breach.place, readable_places(breach.at([breach.value], 0)))
    found: list[Fence | None] = []
    old = fence.get("polygon")
    if old is not None:
        found.append(_polygon_fence(old, route, inclusion=True) if old.items() else None)
    found += (
        _polygon_fence(entry.require("polygon", expected="the fence's corners"), route, inclusion=_stays_inside(entry))
        for entry in _listed(fence, "polygons")
    )
    found += (_circle_fence(entry, route) for entry in _listed(fence, "circles"))
    return tuple(entry for entry in found if entry is not None)


def read_rally_points(document: Node) -> tuple[RallyPoint, ...]:
    """Return the plan's rally points. Raises ``FlightFormatError`` naming the place."""
    rally = document.get("rallyPoints")
    if rally is None:
        return ()
    _check_version(rally)
    positions = (coordinate(point) for point in _listed(rally, "points"))
    return tuple(RallyPoint(lat_deg=lat_deg, lon_deg=lon_deg, alt_m=alt_m) for lat_deg, lon_deg, alt_m in positions)


def _check_version(node: Node) -> None:
    version = node.get("version")
    if version is not None and version.integer() not in _VERSIONS:
        raise version.error(f"{version.seen()}, expected 1 or 2")


def _listed(node: Node, key: str) -> Iterator[Node]:
    entries = node.get(key)
    return iter(()) if entries is None else iter(entries.items())


def _stays_inside(entry: Node) -> bool:
    inclusion = entry.require("inclusion", expected="true or false")
    if not isinstance(inclusion.value, bool):
        raise inclusion.error(f"{inclusion.seen()}, expected true or false")
    return inclusion.value


def _polygon_fence(polygon: Node, route: Route, *, inclusion: bool) -> Fence | None:
    corners = places(polygon)
    if len(set(corners)) < 3:
        route.note(f"{polygon.place}: a fence of {len(set(corners))} different corners; left out.")
        return None
    return Fence(inclusion=inclusion, polygon=ground_polygon(corners, place=polygon.place).outer, source=polygon.place)


def _circle_fence(entry: Node, route: Route) -> Fence | None:
    circle = entry.require("circle", expected="the fence's center and radius")
    lat_deg, lon_deg, _ = coordinate(circle.require("center", expected="[latitude, longitude]"))
    radius_m = metres(circle.require("radius", expected="metres"))
    inclusion = _stays_inside(entry)
    if not radius_m:
        route.note(f"{circle.place}: a fence of 0 m radius; left out.")
        return None
    return Fence(inclusion=inclusion, center=(lat_deg, lon_deg), radius_m=radius_m, source=circle.place)
