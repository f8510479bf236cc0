"""Positions in a JSON document that no reader took: GeoJSON's geometries, and objects with latitude and longitude."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from operator_tool.api import LeftOut, Place

from ._json_node import Node

GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)
_PAIRS = (("lat", "lon"), ("lat", "lng"), ("latitude", "longitude"), ("Latitude", "Longitude"))
_MOST = 1_000
_MOST_PLACES = 65_535


def geometries_in(document: Node, taken: Collection[int]) -> Iterator[LeftOut]:
    """Yield the geometries that are no part of what was read; ``taken`` has the ids of those objects that are."""
    count = 0
    for node in _objects(document):
        value = node.value
        kind = value.get("type") if isinstance(value, dict) and id(value) not in taken else None
        if not isinstance(value, dict) or not isinstance(kind, str) or kind not in GEOMETRIES:
            continue
        places = places_in(value.get("coordinates"))
        if places and count < _MOST:
            count += 1
            yield LeftOut(name=f"the {kind} at {node.place}", places=tuple(places), is_line="Point" not in kind)


def positions_in(document: Node, taken: Collection[int]) -> Iterator[LeftOut]:
    """Yield the objects with a latitude and a longitude by their usual names that are no part of what was read.

    Those of one list come as one line, and those at one place in the entries of a list as one, too.
    """
    lists: dict[str, list[Place]] = {}
    for node in _objects(document):
        if isinstance(node.value, dict) and id(node.value) not in taken:
            place = _position(node.value)
            path = re.sub(r"\[[0-9]+\]", "[]", node.path)
            if place is not None and (path in lists or len(lists) < _MOST):
                lists.setdefault(path, []).append(place)
    for path, places in lists.items():
        name = path.removesuffix("[]") or "the document"
        yield LeftOut(name=name, places=tuple(places[:_MOST_PLACES]), is_line=path.endswith("[]") and len(places) > 1)


def places_in(coordinates: object) -> list[Place]:
    """Return the positions, longitude first, in lists of any depth, as far as they are some."""
    places: list[Place] = []
    waiting = [coordinates]
    while waiting and len(places) < _MOST_PLACES:
        value = waiting.pop()
        if not isinstance(value, list) or not value:
            continue
        if isinstance(value[0], int | float):
            place = _checked(value[1] if len(value) > 1 else None, value[0])
            if place is not None:
                places.append(place)
        else:
            waiting.extend(reversed(value))
    return places


def _objects(document: Node) -> Iterator[Node]:
    """Yield every object, without a look into lists of numbers."""
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, dict):
            yield node
            entries: list[tuple[str | int, object]] = list(node.value.items())
        elif isinstance(node.value, list):
            entries = list(enumerate(node.value))
        else:
            continue
        below = [(key, value) for key, value in entries if isinstance(value, dict | list) and key != "coordinates"]
        waiting.extend(node.at(value, key) for key, value in reversed(below))


def _position(members: dict[str, object]) -> Place | None:
    for lat, lon in _PAIRS:
        if lat in members and lon in members:
            return _checked(members[lat], members[lon])
    return None


def _checked(lat: object, lon: object) -> Place | None:
    if isinstance(lat, bool) or isinstance(lon, bool) or not isinstance(lat, int | float):
        return None
    if not isinstance(lon, int | float) or not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        return None
    return (float(lat), float(lon)) if (lat, lon) != (0, 0) else None
