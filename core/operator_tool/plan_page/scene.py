"""All that the picture of a plan shows, in the picture's own units: what is drawn twice, as SVG and as PNG."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import msgspec

from operator_tool.api.flight import Fence, Flight
from operator_tool.build_cache.plan import CachePlan
from operator_tool.geo.flown import home_legs_of
from operator_tool.geo.mercator import metres_per_unit, x_of, y_of
from operator_tool.geo.route import Route

from .cells import Known, ZoomLayers, layers_of
from .frame import Extent, Frame, frame_of
from .ground import GroundShape, ground_shape
from .labels import Arrow, Label, Room, arrows_along, dots_apart, spread
from .measures import GridLine, ScaleBar, meridians, parallels, scale_bar
from .polyline import Line, Point, simplified, simplified_to

_MOST_POINTS = 12_000
_MOST_LABELS = 400
_MOST_SHAPES = 400
"""Of circles, areas, fences and rally points, no more are drawn of each."""


class Mark(msgspec.Struct, frozen=True):
    """A place of its own kind."""

    x: float
    y: float


class FenceShape(msgspec.Struct, frozen=True):
    """A fence's rim: a ring, or a circle as one."""

    ring: Line
    inclusion: bool


class Circle(msgspec.Struct, frozen=True):
    """A circle that the drone flies."""

    x: float
    y: float
    radius: float


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn, in the order in which it is: what comes later lies over what came before."""

    frame: Frame
    layers: tuple[ZoomLayers, ...]
    first_zoom: int
    """The zoom that the large map shows to begin with."""
    ground: GroundShape
    areas: tuple[tuple[Line, ...], ...]
    meridians: tuple[GridLine, ...]
    parallels: tuple[GridLine, ...]
    fences: tuple[FenceShape, ...]
    home_legs: tuple[Line, ...]
    route: Line
    circles: tuple[Circle, ...]
    arrows: tuple[Arrow, ...]
    dots: tuple[Mark, ...]
    takeoff: Mark
    home: Mark | None
    rally_points: tuple[Mark, ...]
    labels: tuple[Label, ...]
    scale_bar: ScaleBar
    outside: tuple[str, ...]
    """What is too far off to be in the picture."""


def scene_of(plan: CachePlan, known: Known) -> Scene:
    """Return the scene; ``known`` tells what the stores hold, and what no provider has."""
    flight = plan.flight
    middle = plan.route.x[0]
    fences = flight.fences[:_MOST_SHAPES]
    rally_points = flight.rally_points[:_MOST_SHAPES]
    home = [(flight.home.lat_deg, flight.home.lon_deg)] if flight.home else []
    besides = [_extent_of(home, middle)] if home else []
    besides += [_fence_extent(fence, middle) for fence in fences]
    besides += [_extent_of([(one.lat_deg, one.lon_deg)], middle) for one in rally_points]
    frame = frame_of(plan.ground.extent(), besides)
    layers = tuple(layers_of(plan.coverage.ranges(), plan.zooms, frame, known))
    waypoints = _waypoint_points(plan.route, frame)
    route = [frame.at(x, y) for x, y in zip(plan.route.x, plan.route.y, strict=True)]
    shown = simplified_to(route, 0.4, _MOST_POINTS)
    home_mark = _mark(frame, home[0]) if home else None
    rally = [frame.place(one.lat_deg, one.lon_deg) for one in rally_points]
    outside: list[str] = []
    if home_mark is not None and not frame.holds(home_mark.x, home_mark.y):
        outside.append("home")
    if any(not frame.holds(*one) for one in rally):
        outside.append("rally points")
    fence_shapes = tuple(FenceShape(_fence_ring(fence, frame), fence.inclusion) for fence in fences)
    if any(not frame.holds(*point, 1.0) for fence in fence_shapes for point in fence.ring):
        outside.append("parts of the fences")
    dots = dots_apart(waypoints, frame, 7.0)
    bar = _out_of_the_way(scale_bar(frame), frame, [waypoints[number] for number in dots])
    labels = _labels(frame, flight, waypoints, dots, home_mark, rally, shown, bar)
    return Scene(
        frame=frame,
        layers=layers,
        first_zoom=_first_zoom(layers),
        ground=ground_shape(plan.ground, frame),
        areas=tuple(
            tuple(simplified_to(frame.line([*ring, ring[0]]), 0.3, 2_000) for ring in (area.outer, *area.holes))
            for area in (*flight.areas, *plan.area.polygons)[:_MOST_SHAPES]
        ),
        meridians=tuple(meridians(frame)),
        parallels=tuple(parallels(frame)),
        fences=fence_shapes,
        home_legs=tuple(_home_legs(plan, frame)),
        route=shown,
        circles=tuple(
            Circle(x, y, waypoint.loiter_radius_m * frame.per_metre(waypoint.lat_deg))
            for (x, y), waypoint in zip(waypoints, flight.waypoints, strict=False)
            if waypoint.loiter_radius_m > 0.0
        )[:_MOST_SHAPES],
        arrows=tuple(arrows_along(shown, frame)),
        dots=tuple(Mark(*waypoints[number]) for number in dots),
        takeoff=Mark(*route[0]),
        home=home_mark if home_mark is not None and frame.holds(home_mark.x, home_mark.y) else None,
        rally_points=tuple(Mark(*one) for one in rally if frame.holds(*one)),
        labels=tuple(labels),
        scale_bar=bar,
        outside=tuple(outside),
    )


def _first_zoom(layers: Sequence[ZoomLayers]) -> int:
    """Return the finest zoom whose tiles are drawn one by one and well apart, or else the coarsest."""
    clear = [one.large.zoom for one in layers if one.large.bits == 0 and one.large.cell >= 12.0]
    return clear[-1] if clear else layers[0].large.zoom


def _waypoint_points(route: Route, frame: Frame) -> list[Point]:
    """Return each waypoint's place on the route, unwrapped as the route is."""
    points = [frame.at(route.x[0], route.y[0])]
    if len(route.waypoint) == 1 and route.along_m[1] == 0.0:
        return points
    legs: array[int] = route.waypoint
    ends = [piece + 1 for piece in range(len(legs)) if piece + 1 == len(legs) or legs[piece + 1] != legs[piece]]
    return points + [frame.at(route.x[end], route.y[end]) for end in ends]


def _out_of_the_way(bar: ScaleBar, frame: Frame, points: Sequence[Point]) -> ScaleBar:
    """Return the scale bar in the lower corner where fewer waypoints are."""
    sides = (bar.left, frame.width - bar.length - 16.0)
    under = [
        sum(left - 20.0 < x < left + bar.length + 20.0 and y > frame.height - 60.0 for x, y in points) for left in sides
    ]
    return bar if under[0] <= under[1] else msgspec.structs.replace(bar, left=sides[1])


def _labels(
    frame: Frame,
    flight: Flight,
    waypoints: Sequence[Point],
    dots: Sequence[int],
    home: Mark | None,
    rally: Sequence[Point],
    route: Line,
    bar: ScaleBar,
) -> list[Label]:
    room = Room(frame)
    room.take((bar.left - 8.0, frame.height - 42.0, bar.left + bar.length + 8.0, frame.height - 8.0))
    room.take((frame.width - 50.0, 0.0, frame.width, 56.0))
    room.take((0.0, 0.0, frame.width, 20.0))
    for number in dots:
        x, y = waypoints[number]
        room.take((x - 4.0, y - 4.0, x + 4.0, y + 4.0))
    room.line_through(route)
    labels: list[Label | None] = [_needed(room, waypoints[0], "0 takeoff", 12.0)]
    if home is not None and math.dist((home.x, home.y), waypoints[0]) > 12.0:
        labels.append(_needed(room, (home.x, home.y), "home", 16.0))
    last = len(waypoints) - 1
    if last > 0:
        labels.append(_needed(room, waypoints[last], f"{flight.waypoints[last].ordinal} last", 7.0))
    labels += [room.label(one, f"rally {number}", key=len(rally) < 4) for number, one in enumerate(rally[:20])]
    order = [dots[i] for i in spread(len(dots)) if 0 < dots[i] < last][:_MOST_LABELS]
    left: list[int] = []
    for number in order:
        label = room.label(waypoints[number], str(flight.waypoints[number].ordinal), key=True)
        if label is None:
            left.append(number)
        else:
            labels.append(label)
    labels += [room.label(waypoints[number], str(flight.waypoints[number].ordinal), key=False) for number in left]
    return [label for label in labels if label is not None]


def _needed(room: Room, at: Point, text: str, off: float) -> Label | None:
    """Put a label that matters: in small letters where there is no room for large ones."""
    return room.label(at, text, key=True, off=off) or room.label(at, text, key=False, off=off)


def _home_legs(plan: CachePlan, frame: Frame) -> list[Line]:
    """Return the ways from and to home, as far as they belong to the ground."""
    lines: dict[str, Line] = {}
    for piece in home_legs_of(plan.flight, plan.route) if plan.area.home_legs else ():
        line = lines.setdefault(piece.name, [frame.at(piece.a_x, piece.a_y)])
        line.append(frame.at(piece.b_x, piece.b_y))
    return [simplified(line, 0.4) for line in lines.values()]


def _mark(frame: Frame, place: tuple[float, float]) -> Mark:
    return Mark(*frame.place(*place))


def _extent_of(places: Sequence[tuple[float, float]], middle: float) -> Extent:
    xs: list[float] = []
    last = middle
    for _, lon_deg in places:
        x = x_of(lon_deg)
        last = x + round(last - x)
        xs.append(last)
    ys = [y_of(max(-89.0, min(89.0, lat_deg))) for lat_deg, _ in places]
    return min(xs), min(ys), max(xs), max(ys)


def _fence_extent(fence: Fence, middle: float) -> Extent:
    if fence.center is None:
        return _extent_of(fence.polygon, middle)
    x, y, _, _ = _extent_of([fence.center], middle)
    x_m, y_m = metres_per_unit(fence.center[0])
    return x - fence.radius_m / x_m, y - fence.radius_m / y_m, x + fence.radius_m / x_m, y + fence.radius_m / y_m


def _fence_ring(fence: Fence, frame: Frame) -> Line:
    if fence.center is None:
        return simplified_to(frame.line([*fence.polygon, fence.polygon[0]]), 0.3, 2_000)
    x, y = frame.place(*fence.center)
    radius = fence.radius_m * frame.per_metre(fence.center[0])
    turns = [math.tau * i / 96 for i in range(97)]
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
