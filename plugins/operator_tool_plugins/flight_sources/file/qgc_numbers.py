"""Numbers and positions as QGroundControl's JSON spells them: latitude first, null for NaN."""

from __future__ import annotations

from operator_tool.api import FlightFormatError, HomePosition, Place

from .._json_node import Node
from .._position import check_position

_MAX_METRES = 1_000_000.0


def number_or_keep(node: Node) -> float | None:
    """Return a number, or None for null, by which QGroundControl writes NaN."""
    return None if node.value is None else node.number()


def metres(node: Node | None) -> float:
    """Return a distance, 0 where it is missing. Raises ``FlightFormatError`` where it can't be one."""
    if node is None:
        return 0.0
    distance_m = node.number()
    if not 0.0 <= distance_m <= _MAX_METRES:
        raise node.error(f"{node.seen()}, expected metres from 0 to {_MAX_METRES:,.0f}")
    return distance_m


def coordinate(point: Node) -> tuple[float, float, float | None]:
    """Return latitude, longitude and, where it is given, altitude."""
    numbers = point.items()
    if len(numbers) not in (2, 3):
        raise point.error(f"{len(numbers)} numbers, expected [latitude, longitude, altitude]")
    lat, lon = numbers[:2]
    check_position(lat.number(), lon.number(), lat_place=lat.place, lon_place=lon.place)
    alt_m = number_or_keep(numbers[2]) if len(numbers) == 3 else None
    return lat.number(), lon.number(), alt_m


def places(points: Node) -> list[Place]:
    """Return the positions of a list, such as a polygon's corners."""
    return [coordinate(point)[:2] for point in points.items()]


def readable_places(points: Node | None) -> list[Place]:
    """Return the positions of a list that is not flown, as far as they are some."""
    found = []
    for point in points.value if points is not None and isinstance(points.value, list) else ():
        try:
            found.append(coordinate(Node(point, "")))
        except FlightFormatError:
            continue
    return [place[:2] for place in found]


def home_position(node: Node | None) -> HomePosition | None:
    """Return the planned home position, None where it is missing, null, or 0, 0, by which planners say unknown.

    It is a list, and in a mission of version 1 an item with a ``coordinate``.
    """
    if node is not None and isinstance(node.value, dict):
        node = node.get("coordinate")
    if node is None or all(number.value in (None, 0, 0.0) for number in node.items()[:2]):
        return None
    lat_deg, lon_deg, amsl_m = coordinate(node)
    return HomePosition(lat_deg=lat_deg, lon_deg=lon_deg, amsl_m=amsl_m)
