"""GPX 1.0 and 1.1: the routes of the file or, where it has none, its tracks; never both.

https://www.topografix.com/GPX/1/1/
"""

from __future__ import annotations

from collections.abc import Iterator

from operator_tool.api import AltitudeFrame, FlightFormatError, NoRouteError

from .._escaping import escaped
from .decimal_number import read_number
from .found import Found
from .lon_lat import SWAPPED_HINT, LonLat
from .route_lines import RouteLines
from .xml_tree import Element

_VERSIONS = frozenset({"1.0", "1.1"})
_LAT_LON_SWAPPED = "lat and lon look swapped: save the file again with the latitude in lat."


def read_gpx(root: Element) -> Found:
    """Return the route. Raises ``FlightFormatError`` naming the line, ``NoRouteError`` where no route or track is."""
    routes = [route for route in root.every("rte") if route.find("rtept")]
    tracks = [track for track in root.every("trk") if any(_track_lines(track))]
    single_points = sum(1 for _ in root.every("wpt"))
    if not routes and not tracks:
        raise NoRouteError(_nothing(single_points), hint="Draw a route or a track through the points.")
    lon_lat = LonLat()
    lines = RouteLines()
    for flown in routes or tracks:
        for line in [list(flown.every("rtept"))] if routes else _track_lines(flown):
            lines.begin()
            for point in line:
                _read_point(point, lines, lon_lat)
    notes = [*lines.notes(), *lon_lat.notes()]
    if routes and tracks:
        notes.append(f"{_counted(len(tracks), 'track')} left out: the file has a route.")
    if single_points:
        notes.append(f"{_counted(single_points, 'single waypoint')} (<wpt>) left out: not part of a route or track.")
    version = root.attributes.get("version", "")
    if version and version not in _VERSIONS:
        notes.append(f"GPX version '{escaped(version, 20)}' is not known; read as 1.1.")
    return Found(
        format=f"GPX {version}" if version in _VERSIONS else "GPX",
        waypoints=lines.waypoints(),
        name=_name(root, routes or tracks),
        notes=tuple(notes),
    )


def _track_lines(track: Element) -> Iterator[list[Element]]:
    """Yield the points of each segment that has some; and points that stand in the track itself, as some write them."""
    for holder in (track, *track.every("trkseg")):
        points = list(holder.every("trkpt"))
        if points:
            yield points


def _read_point(point: Element, lines: RouteLines, lon_lat: LonLat) -> None:
    lat_place, lon_place = f"{point.place}: lat", f"{point.place}: lon"
    lat_deg, lon_deg = _degrees(point, "lat", lat_place), _degrees(point, "lon", lon_place)
    try:
        position = lon_lat.place(lon_deg, lat_deg, lon_place=lon_place, lat_place=lat_place)
    except FlightFormatError as error:
        hint = _LAT_LON_SWAPPED if error.hint == SWAPPED_HINT else error.hint
        raise FlightFormatError(error.message, hint=hint) from None
    ele = point.find("ele")
    alt_m = read_number(ele.text, place=ele.place) if ele is not None and ele.text else None
    lines.add(position, alt_m, AltitudeFrame.AMSL, place=f"line {point.line}")


def _degrees(point: Element, name: str, place: str) -> float:
    text = point.attributes.get(name)
    if text is None:
        raise FlightFormatError(f"{place}: missing, expected degrees")
    return read_number(text, place=place)


def _name(root: Element, flown: list[Element]) -> str | None:
    """Return the file's name for itself, else that of its only route or track."""
    own = root.find_text("metadata", "name") or root.find_text("name")
    only = flown[0].find_text("name") if len(flown) == 1 else ""
    return escaped(own or only) or None


def _nothing(single_points: int) -> str:
    if single_points:
        return (
            f"{_counted(single_points, 'single waypoint')} (<wpt>), and no route (<rte>) or track (<trk>) with points"
        )
    return "no route (<rte>) or track (<trk>) with points"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
