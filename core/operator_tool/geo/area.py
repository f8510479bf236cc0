"""The ground that a flight needs: everything near where the drone flies, or the box around it, and what is asked for
besides.

It is an exact shape in the Mercator square, stated here; ``coverage`` finds the tiles that it touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from operator_tool.api import AreaKind, AreaRequest, Fence, Flight, GroundPolygon, PlanError

from .boxes import Box, box_around
from .capsules import Capsule, Capsules
from .flown import MAX_BESIDE_M, Piece, checked_m, circles_of, home_distance_m, home_legs_of, home_of, legs_of, rims_of
from .rings import Polygon, polygon_of
from .route import Route

Extent = tuple[float, float, float, float]
"""West, north, east and south in the square; east minus west is 1 or more where it goes all round."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """All places that are in one of the capsules, polygons and boxes and, where there is a fence, inside of it."""

    kind: AreaKind = AreaKind.CORRIDOR
    strokes: Capsules
    """Around the legs, the circles, the ways home and the rims of polygons."""
    polygons: tuple[Polygon, ...] = ()
    """Filled; each one's rim is among the capsules."""
    boxes: tuple[Box, ...] = ()
    fence: tuple[Polygon, ...] | None = None
    """The union of the inclusion fences and of what is asked for besides: filled polygons that don't overlap, as far as
    they are near the ground; None where nothing is clipped."""
    fenced_extent: Extent | None = None
    """The extent of what is left inside of the fence."""
    notes: tuple[str, ...] = ()
    """What was decided, one sentence each."""

    def capsules(self) -> Iterator[Capsule]:
        """Yield the capsules."""
        return iter(self.strokes)

    def extent(self) -> Extent:
        """Return the extent of the ground."""
        return self.fenced_extent or _extent(self.strokes, self.boxes)


def area_of(flight: Flight, route: Route, request: AreaRequest) -> Ground:
    """Return the ground that is asked for around the flight, whose route this is.

    Raises ``PlanError`` when its metres make no sense, for a polygon, a circle, a home or a fence that can't be, and
    when it reaches beyond the latitudes that have tiles.
    """
    metres = _checked_metres(request)
    near_x = (min(route.x) + max(route.x)) / 2.0
    areas = [_named(polygon, f"area {number}", near_x) for number, polygon in enumerate(flight.areas)]
    asked = [_named(polygon, f"asked area {number}", near_x) for number, polygon in enumerate(request.polygons)]
    flown = _flown(flight, route, areas, home_legs=request.home_legs)
    boxes = (box_around(flown, metres),) if request.kind is AreaKind.BOX else ()
    strokes = Capsules(() if boxes else flown, metres)
    for piece in rims_of(asked):
        strokes.add(piece, 0.0)
    ground = Ground(
        kind=request.kind,
        strokes=strokes,
        polygons=tuple(rings for rings, _, _ in (asked if boxes else areas + asked)),
        boxes=boxes,
        notes=_home_notes(flight, home_legs=request.home_legs),
    )
    inclusion = [fence for fence in flight.fences if fence.inclusion]
    if not (request.within_fence and inclusion):
        return ground
    return _clipped(ground, flight, inclusion, [(rings, margin_m) for rings, margin_m, _ in asked])


def _clipped(
    ground: Ground, flight: Flight, inclusion: Sequence[Fence], asked: Sequence[tuple[Polygon, float]]
) -> Ground:
    from .fence import fenced  # shapely takes a quarter of a second to import

    left = fenced(flight, inclusion, ground.extent(), asked=asked)
    clipped: Ground = msgspec.structs.replace(
        ground, fence=left.polygons, fenced_extent=left.extent, notes=(*ground.notes, left.note)
    )
    return clipped


def _flown(
    flight: Flight, route: Route, areas: list[tuple[Polygon, float, str]], *, home_legs: bool
) -> Iterator[Piece]:
    yield from legs_of(route)
    yield from circles_of(flight, route)
    yield from rims_of(areas)
    if home_legs:
        yield from home_legs_of(flight, route)


def _checked_metres(request: AreaRequest) -> float:
    option = f"--{request.kind.value}"
    if not 0.0 <= request.metres <= MAX_BESIDE_M:
        raise PlanError(
            f"{option} {request.metres:g}: it must be at least 0 and at most {MAX_BESIDE_M:,.0f} metres",
            hint=f"Pass {option} METRES, such as {option} 500.",
        )
    if not 0.0 <= request.footprint_m <= MAX_BESIDE_M:
        raise PlanError(
            f"the camera's footprint reaches {request.footprint_m:g} m from the place below it; expected 0 to "
            f"{MAX_BESIDE_M:,.0f}",
            hint="Check the flight's altitudes and the camera's figures.",
        )
    return float(request.metres + request.footprint_m)


def _named(polygon: GroundPolygon, name: str, near_x: float) -> tuple[Polygon, float, str]:
    name = f"{name} ({polygon.source})" if polygon.source else name
    return polygon_of(polygon, name, near_x=near_x), checked_m(polygon.margin_m, f"the margin of {name}"), name


def _home_notes(flight: Flight, *, home_legs: bool) -> tuple[str, ...]:
    distance_m = home_distance_m(flight) if home_legs else None
    if distance_m is None or home_of(flight) is not None:
        return ()
    away = f"Home is {distance_m / 1000.0:,.0f} km away from the first waypoint"
    return (f"{away}: it is taken for a default, and the ways from and to it are left out.",)


def _extent(strokes: Capsules, boxes: Iterable[Box]) -> Extent:
    west, north, east, south = 1e9, 1e9, -1e9, -1e9
    for one in (*strokes.extents(), *(box.extent() for box in boxes)):
        west, north, east, south = min(west, one[0]), min(north, one[1]), max(east, one[2]), max(south, one[3])
    return west, north, east, south
