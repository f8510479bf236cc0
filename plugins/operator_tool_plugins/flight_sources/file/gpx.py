"""GPX 1.0 and 1.1: the routes of the file or, where it has none, its tracks.

Planners write a route twice: as the points that were clicked, and as the path between them, in a track or in Garmin's
``gpxx:rpt``. The finer one is taken. What else has a place is kept as left out.
https://www.topografix.com/GPX/1/1/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api import AltitudeFrame, FlightFormatError, LeftOut, NoRouteError, Place

from .._escaping import escaped
from .._payload import MAX_WAYPOINTS
from .._qualifiers import Qualifier, Said, placed, qualifiers_among
from .decimal_number import read_degrees, read_number
from .found import Found
from .lon_lat import SWAPPED_HINT, LonLat
from .route_lines import TOO_LONG_HINT, RouteLines
from .same_path import finer_of
from .xml_tree import Element

_VERSIONS = frozenset({"1.0", "1.1"})
_LAT_LON_SWAPPED = "lat and lon look swapped: save the file again with the latitude in lat."


class _Path(msgspec.Struct, frozen=True):
    """A route or a track: its lines of points."""

    element: Element
    kind: str
    lines: tuple[tuple[Element, ...], ...]

    @property
    def name(self) -> str:
        own = self.element.find_text("name")
        called = f" '{escaped(own, 40)}'" if own else ""
        return f"the {self.kind}{called} (line {self.element.line})"

    def points(self) -> Iterator[Element]:
        for line in self.lines:
            yield from line


def read_gpx(root: Element) -> Found:
    """Return the route. Raises ``FlightFormatError`` naming the line, ``NoRouteError`` where no route or track is."""
    routes = [
        _Path(route, "route", (tuple(_route_points(route)),)) for route in root.every("rte") if route.find("rtept")
    ]
    tracks = [
        _Path(track, "track", segments) for track in root.every("trk") if (segments := tuple(_track_lines(track)))
    ]
    single_points = sum(1 for _ in root.every("wpt"))
    if not routes and not tracks:
        raise NoRouteError(_nothing(single_points), hint="Draw a route or a track through the points.")
    flown, notes = _flown(routes, tracks)
    lon_lat = LonLat()
    lines = RouteLines()
    for path in flown:
        for line in path.lines:
            lines.begin()
            for point in line:
                _read_point(point, lines, lon_lat)
    beside = [path for path in (*routes, *tracks) if path not in flown]
    notes = [*lines.notes(), *lon_lat.notes(), *notes]
    unused = sum(path.kind == "track" for path in beside) if routes else 0
    if unused:
        notes.append(f"{_counted(unused, 'track')} left out: the file has a route.")
    if single_points:
        notes.append(f"{_counted(single_points, 'single waypoint')} (<wpt>) left out: not part of a route or track.")
    version = root.attributes.get("version", "")
    if version and version not in _VERSIONS:
        notes.append(f"GPX version '{escaped(version, 20)}' is not known; read as 1.1.")
    return Found(
        format=f"GPX {version}" if version in _VERSIONS else "GPX",
        waypoints=lines.waypoints(),
        name=_name(root, flown),
        left_out=tuple(_left_out(root, beside, flown)),
        notes=tuple(notes),
    )


def _flown(routes: Sequence[_Path], tracks: Sequence[_Path]) -> tuple[list[_Path], list[str]]:
    """Return the tracks where there is no route; else each route, or the track that is the same path in more points."""
    if not routes:
        return list(tracks), []
    flown: list[_Path] = []
    notes = []
    drawn = [_places(track.points()) for track in tracks]
    for route in routes:
        number = finer_of(_places(route.points()), drawn)
        taken = route if number is None else tracks[number]
        if taken is not route:
            notes.append(f"{route.name[0].upper()}{route.name[1:]} is read from {taken.name}: the same path, finer.")
        if taken not in flown:
            flown.append(taken)
    between = sum(point.name == "rpt" for path in flown for point in path.points())
    if between:
        notes.append(f"{_counted(between, 'point')} between those of a route (<rpt>) are part of it.")
    return flown, notes


def _route_points(route: Element) -> Iterator[Element]:
    """Yield the points of a route, each with those that Garmin's programs write in it: the path to the next one."""
    for point in route.every("rtept"):
        yield point
        yield from (one for one in point.descendants() if one.name == "rpt" and _has_position(one))


def _track_lines(track: Element) -> Iterator[tuple[Element, ...]]:
    """Yield the points of each segment that has some; and points that stand in the track itself, as some write them."""
    for holder in (track, *track.every("trkseg")):
        points = tuple(holder.every("trkpt"))
        if points:
            yield points


def _left_out(root: Element, beside: Sequence[_Path], flown: Sequence[_Path]) -> Iterator[LeftOut]:
    """Yield the paths that are not flown, and whatever else has a position."""
    taken = {id(point) for path in (*flown, *beside) for point in path.points()}
    for path in beside:
        yield LeftOut(name=path.name, places=tuple(_places(path.points())), is_line=True)
    others: dict[str, list[Element]] = {}
    for element in root.descendants():
        if id(element) not in taken and _has_position(element):
            others.setdefault(element.name, []).append(element)
    for name, elements in others.items():
        what = "single waypoint" if name == "wpt" else "point"
        places = tuple(_places(elements[:MAX_WAYPOINTS]))
        if places:
            first = f"from line {elements[0].line} on" if len(elements) > 1 else f"line {elements[0].line}"
            yield LeftOut(name=f"{_counted(len(elements), what)} (<{escaped(name, 40)}>, {first})", places=places)


def _has_position(element: Element) -> bool:
    return "lat" in element.attributes and "lon" in element.attributes


def _places(points: Iterator[Element] | Sequence[Element]) -> list[Place]:
    """Return the positions as far as they can be read: what is taken for the route is read again, strictly."""
    places = []
    lon_lat = LonLat()
    for number, point in enumerate(points):
        if number == MAX_WAYPOINTS:
            raise FlightFormatError(f"line {point.line}: more than {MAX_WAYPOINTS:,} waypoints", hint=TOO_LONG_HINT)
        try:
            places.append(_position(point, lon_lat))
        except FlightFormatError:
            continue
    return places


def _position(point: Element, lon_lat: LonLat) -> Place:
    lat_place, lon_place = f"{point.place}: lat", f"{point.place}: lon"
    lat = read_degrees(_attribute(point, "lat", lat_place), place=lat_place, half=Qualifier.LAT_HALF)
    lon = read_degrees(_attribute(point, "lon", lon_place), place=lon_place, half=Qualifier.LON_HALF)
    said = [
        Said(qualifier, point.attributes[name], f"{point.place}: {escaped(name, 40)}")
        for name, qualifier in (qualifiers_among(tuple(point.attributes)) if len(point.attributes) > 2 else ())
    ]
    lat_deg, lon_deg = placed(lat, lon, said)
    return lon_lat.place(lon_deg, lat_deg, lon_place=lon_place, lat_place=lat_place)


def _read_point(point: Element, lines: RouteLines, lon_lat: LonLat) -> None:
    try:
        position = _position(point, lon_lat)
    except FlightFormatError as error:
        hint = _LAT_LON_SWAPPED if error.hint == SWAPPED_HINT else error.hint
        raise FlightFormatError(error.message, hint=hint) from None
    ele = point.find("ele")
    alt_m = read_number(ele.text, place=ele.place) if ele is not None and ele.text else None
    lines.add(position, alt_m, AltitudeFrame.AMSL, place=f"line {point.line}")


def _attribute(point: Element, name: str, place: str) -> str:
    text = point.attributes.get(name)
    if text is None:
        raise FlightFormatError(f"{place}: missing, expected degrees")
    return text


def _name(root: Element, flown: Sequence[_Path]) -> str | None:
    """Return the file's name for itself, else that of its only route or track."""
    own = root.find_text("metadata", "name") or root.find_text("name")
    only = flown[0].element.find_text("name") if len(flown) == 1 else ""
    return escaped(own or only) or None


def _nothing(single_points: int) -> str:
    if single_points:
        return (
            f"{_counted(single_points, 'single waypoint')} (<wpt>), and no route (<rte>) or track (<trk>) with points"
        )
    return "no route (<rte>) or track (<trk>) with points"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
