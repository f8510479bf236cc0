"""A flight as a person reads it, and as one JSON document: what was understood, left out, and hard to believe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from operator_tool.api.errors import PlanError
from operator_tool.api.flight import AltitudeFrame, Fence, Flight, GroundPolygon, Waypoint
from operator_tool.build_cache.heights import heights_of
from operator_tool.build_cache.plausibility import Finding
from operator_tool.geo.route import route_of

_FIRST, _LAST = 4, 2
"""How many waypoints are shown where there are more than both together."""
_FIRST_OTHERS = 6
_FRAMES = {
    AltitudeFrame.TAKEOFF: "above the takeoff point",
    AltitudeFrame.AMSL: "above mean sea level",
    AltitudeFrame.TERRAIN: "above the ground below; height above the takeoff point unknown",
    AltitudeFrame.UNKNOWN: "above what is not known",
}
_SHORT_FRAMES = {
    AltitudeFrame.TAKEOFF: "m above takeoff",
    AltitudeFrame.AMSL: "m above sea",
    AltitudeFrame.TERRAIN: "m above ground",
    AltitudeFrame.UNKNOWN: "m above ?",
}


def document_of(flight: Flight, findings: Sequence[Finding]) -> dict[str, object]:
    """Return the flight, its route's length, the heights above the ground that are known, and the findings."""
    heights = heights_of(flight)
    return {
        "flight": msgspec.to_builtins(flight),
        "takeoff_origin": msgspec.to_builtins(flight.takeoff_origin),
        "route_m": _length(flight)[0],
        "heights_m": None if heights.range_m is None else list(heights.range_m),
        "height_notes": list(heights.notes),
        "findings": msgspec.to_builtins(findings),
    }


def lines_of(flight: Flight, findings: Sequence[Finding], *, whole: bool) -> Iterator[str]:
    """Yield the lines; ``whole``: with every waypoint, circle, area, fence and rally point."""
    length_m, problem = _length(flight)
    length = f", {length_m / 1000:,.2f} km" if length_m is not None else ""
    yield f"flight     {flight.name} ({flight.source})"
    if flight.format:
        yield f"format     {flight.format}"
    yield f"route      {_counted(len(flight.waypoints), 'waypoint')}{length}"
    yield from _waypoints(flight.waypoints, whole)
    origin = flight.takeoff_origin
    yield f"takeoff    {origin.lat_deg!r}, {origin.lon_deg!r}, the first waypoint"
    yield from _altitudes(flight)
    circles = [one for one in flight.waypoints if one.loiter_radius_m]
    yield from _listed("circle", [_circle(one) for one in circles], whole)
    yield from _listed("area", [_area(one) for one in flight.areas], whole)
    yield f"home       {_home(flight)}"
    yield from _listed("fence", [_fence(one) for one in flight.fences], whole)
    rally_points = [f"{_place(one.lat_deg, one.lon_deg)}{_above_home(one.alt_m)}" for one in flight.rally_points]
    yield from _listed("rally", rally_points, whole)
    yield f"camera     {_camera(flight)}"
    yield from _listed(
        "left out", [f"{one.name}: {_counted(len(one.places), 'place')}" for one in flight.left_out], whole
    )
    for note in flight.notes:
        yield f"note       {note}"
    if problem:
        yield f"WARNING    {problem}."
    for finding in findings:
        if finding.severe:
            yield f"WARNING    {finding.text}: no plan is made of it without --accept-implausible."
        else:
            yield f"warning    {finding.text}."


def _length(flight: Flight) -> tuple[float | None, str]:
    """Return the route's length in metres, or None and why no plan can be made of it."""
    try:
        return route_of(flight).length_m, ""
    except PlanError as error:
        return None, f"no plan can be made of it: {error.message}"


def _waypoints(waypoints: Sequence[Waypoint], whole: bool) -> Iterator[str]:
    width = len(str(waypoints[-1].ordinal))
    hidden = 0 if whole else max(len(waypoints) - _FIRST - _LAST, 0)
    for one in waypoints[: len(waypoints) - _LAST - hidden] if hidden else waypoints:
        yield _waypoint(one, width)
    if hidden:
        yield f"  {'':{width}}  ... {hidden:,} more; --all shows them"
        for one in waypoints[-_LAST:]:
            yield _waypoint(one, width)


def _waypoint(one: Waypoint, width: int) -> str:
    altitude = "" if one.alt_m is None else f"{one.alt_m:g} {_SHORT_FRAMES[one.alt_frame]}"
    objective = f"  {one.objective}" if one.objective else ""
    row = f"  {one.ordinal:>{width}}  {_place(one.lat_deg, one.lon_deg):25}  {altitude:22}"
    return f"{row}  {one.source or ''}{objective}".rstrip()


def _altitudes(flight: Flight) -> Iterator[str]:
    label = "altitudes"
    for frame, words in _FRAMES.items():
        given = [one.alt_m for one in flight.waypoints if one.alt_m is not None and one.alt_frame is frame]
        if given:
            of_how_many = f" ({_counted(len(given), 'waypoint')})" if len(given) < len(flight.waypoints) else ""
            yield f"{label:10} {_range(given)} m {words}{of_how_many}"
            label = ""
    without = sum(one.alt_m is None for one in flight.waypoints)
    if without:
        which = "none is given" if without == len(flight.waypoints) else f"none for {_counted(without, 'waypoint')}"
        yield f"{label:10} {which}"
    heights = heights_of(flight)
    known = heights.range_m
    yield f"height     above the ground: {'not known' if known is None else f'{_range(known)} m'}"
    for note in heights.notes:
        yield f"{'':10} {note}"


def _listed(label: str, texts: Sequence[str], whole: bool) -> Iterator[str]:
    shown = texts if whole else texts[:_FIRST_OTHERS]
    for text in shown:
        yield f"{label:10} {text}"
    if len(texts) > len(shown):
        yield f"{label:10} ... {len(texts) - len(shown):,} more; --all shows them"


def _circle(one: Waypoint) -> str:
    return f"{one.loiter_radius_m:g} m around waypoint {one.ordinal}"


def _area(area: GroundPolygon) -> str:
    holes = f", {_counted(len(area.holes), 'hole')}" if area.holes else ""
    margin = f", and {area.margin_m:g} m around it" if area.margin_m else ""
    return f"{_counted(len(area.outer), 'corner')}{holes}{margin}{_at(area.source)}"


def _home(flight: Flight) -> str:
    home = flight.home
    if home is None:
        return "not given" + ("; the drone flies back to the first waypoint" if flight.returns_home else "")
    ground = "" if home.amsl_m is None else f", {home.amsl_m:g} m above sea"
    return f"{_place(home.lat_deg, home.lon_deg)}{ground}{'; the drone flies back there' * flight.returns_home}"


def _fence(fence: Fence) -> str:
    what = "stay inside" if fence.inclusion else "keep out"
    if fence.center is not None:
        return f"{what}: {fence.radius_m:g} m around {_place(*fence.center)}{_at(fence.source)}"
    return f"{what}: {_counted(len(fence.polygon), 'corner')}{_at(fence.source)}"


def _camera(flight: Flight) -> str:
    camera = flight.camera
    if camera is None:
        return "not given"
    sensor = f"{camera.sensor_width_mm:g} × {camera.sensor_height_mm:g} mm"
    pixels = f"{camera.image_width_px} × {camera.image_height_px} px"
    return f"{camera.name}: sensor {sensor}, focal length {camera.focal_length_mm:g} mm, {pixels}"


def _above_home(alt_m: float | None) -> str:
    return "" if alt_m is None else f", {alt_m:g} m above home"


def _at(source: str | None) -> str:
    return f"  ({source})" if source else ""


def _place(lat_deg: float, lon_deg: float) -> str:
    return f"{lat_deg:.7f}, {lon_deg:.7f}"


def _range(numbers: Sequence[float]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
