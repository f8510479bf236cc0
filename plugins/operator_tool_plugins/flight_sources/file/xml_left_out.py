"""The coordinates in a document of KML's kind that no reader took: points, and lines where they don't belong."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from operator_tool.api import FlightFormatError, LeftOut, Place

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .kml_coordinates import Coordinate, read_coordinates, read_track_coord
from .lon_lat import LonLat
from .xml_tree import Element

_MOST = 1_000


def left_out_of(root: Element, taken: Collection[int]) -> Iterator[LeftOut]:
    """Yield what was left out; ``taken`` has the ids of the elements ``<coordinates>`` and ``<coord>`` that were read.

    Single points come as one. What can't be read is passed over, as the format's reader passed it over.
    """
    points: list[Place] = []
    first_line = 0
    count = 0
    for holder, elements in _holders(root, taken):
        places = [coordinate.position for element in elements for coordinate in _read(element)]
        if len(places) == 1 or holder.name == "Point":
            first_line = first_line or elements[0].line
            points += places
        elif places and count < _MOST:
            count += 1
            yield LeftOut(
                name=f"the <{escaped(holder.name, 40)}> in line {holder.line}", places=tuple(places), is_line=True
            )
    if points:
        name = (
            f"the point in line {first_line}"
            if len(points) == 1
            else f"{len(points):,} points from line {first_line} on"
        )
        yield LeftOut(name=name, places=tuple(points[:MAX_WAYPOINTS]))


def _holders(root: Element, taken: Collection[int]) -> Iterator[tuple[Element, list[Element]]]:
    """Yield each element that has such children, with them."""
    for holder in (root, *root.descendants()):
        elements = [one for one in holder.every("coordinates", "coord") if id(one) not in taken and one.text]
        if elements:
            yield holder, elements


def _read(element: Element) -> Iterator[Coordinate]:
    lon_lat = LonLat()
    try:
        if element.name == "coord":
            coordinate = read_track_coord(element, lon_lat)
            if coordinate is not None:
                yield coordinate
        else:
            yield from read_coordinates(element, lon_lat)
    except FlightFormatError:
        return
