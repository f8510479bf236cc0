"""The tiles of a flight's ground, worked out apart from the code: by PROJ's projections and GEOS's distances.

Each leg is walked along its great circle in short steps; each step has an azimuthal-equidistant map of its own, in
which lengths near it are true to a millimetre; there the distance to every tile near it, its edges in steps of 50 m,
is measured. So there are two sets: tiles that are nearer than the limit by a millimetre, which are needed, and tiles
that are nearer than the limit and a stated slack, which are allowed. Between the two either answer is right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from operator_tool.api import Fence, Flight, GroundPolygon, Place, TileId
from tests.core.geo.ellipsoid import great_circle

_R = 6_378_137.0
_STEP_M = 500.0
_WGS84 = pyproj.Geod(ellps="WGS84")

Geometries = npt.NDArray[np.object_]


def slack_m(lat_deg: float, reach_m: float) -> float:
    """Return what the code may exceed a reach by: the scale changes over the reach and a piece of 1 km, and a great
    circle strays from a piece; twice that, and 5 cm."""
    tangent = math.tan(math.radians(min(abs(lat_deg) + 0.05, 85.05)))
    return 2.0 * tangent / _R * (reach_m * (reach_m + 1_000.0) + 1_000.0**2 / 8.0) + 0.05


class IndependentGround:
    """The tiles of one zoom; legs, circles and polygons are added one by one."""

    def __init__(self, z: int, lon_deg: float, *, fences: Sequence[Fence] = ()) -> None:
        self.side = 2**z
        self.z = z
        self._lon_deg = lon_deg
        self._mercator = pyproj.Proj(proj="merc", a=_R, b=_R, lon_0=lon_deg)
        self._smallest, self._largest = (
            shapely.union_all([self._fence(fence, wider) for fence in fences]) if fences else None
            for wider in (0.0, 1.0)
        )
        self._needed: set[TileId] = set()
        self._allowed: set[TileId] = set()

    def check(self, covered: set[TileId]) -> int:
        """Assert that the covered tiles are those, and return how many of them were free to be so or so."""
        assert not self._needed - covered, sorted(self._needed - covered)[:5]
        assert not covered - self._allowed, sorted(covered - self._allowed)[:5]
        return len(self._allowed - self._needed)

    def add_leg(self, a: Place, b: Place, reach_m: float) -> None:
        """Add all within the reach of the great circle."""
        length_m = _WGS84.line_length((a[1], b[1]), (a[0], b[0]))
        for one, other in itertools.pairwise(great_circle(a, b, math.ceil(length_m / _STEP_M) or 1)):
            self._add_line((one, other), reach_m)

    def add_circle(self, center: Place, reach_m: float) -> None:
        """Add all within the reach of a place."""
        self._add_line((center, center), reach_m)

    def add_polygon(self, polygon: GroundPolygon, reach_m: float) -> None:
        """Add a polygon whose edges are straight on the map, and all within the reach of its rim."""
        shape = self._polygon(polygon.outer, polygon.holes)
        xs, ys = self._tiles_within(shape.bounds, 0.0)
        tiles = self._boxes(xs, ys)
        for kept, parts in self._parts(tiles):
            inside = shapely.intersects(shape, parts)
            if kept is self._needed:
                # A sliver thinner than a tenth of a millimetre proves nothing.
                inside &= shapely.intersects(shape.buffer(-1e-4), parts)
            self._keep(kept, xs[inside], ys[inside])
        for ring in (polygon.outer, *polygon.holes):
            for edge in itertools.pairwise((*ring, ring[0])):
                line = shapely.segmentize(shapely.LineString(self._places(edge)), _STEP_M)
                for one, other in itertools.pairwise(self._on_earth(line)):
                    self._add_line((one, other), reach_m)

    def add_asked(self, polygon: GroundPolygon, reach_m: float) -> None:
        """Add a polygon that no fence clips, and all within the reach of its rim."""
        fence, self._smallest = self._smallest, None
        self.add_polygon(polygon, reach_m)
        self._smallest = fence

    def add_box(self, west: float, north: float, east: float, south: float) -> None:
        """Add a rectangle, given in degrees, longitudes beyond 180 allowed."""
        corners = ((north, west), (north, east), (south, east), (south, west))
        self.add_polygon(GroundPolygon(outer=corners), 0.0)

    def _add_line(self, places: tuple[Place, Place], reach_m: float) -> None:
        (a_lat_deg, a_lon_deg), (b_lat_deg, b_lon_deg) = places
        lat_deg, lon_deg = (a_lat_deg + b_lat_deg) / 2.0, a_lon_deg + _short_way_deg(b_lon_deg - a_lon_deg) / 2.0
        own = pyproj.Proj(proj="aeqd", lat_0=lat_deg, lon_0=lon_deg, ellps="WGS84")
        x, y = own([lon for _, lon in places], [lat for lat, _ in places])
        line = shapely.Point(x[0], y[0]) if places[0] == places[1] else shapely.LineString(list(zip(x, y, strict=True)))
        slack = slack_m(lat_deg, reach_m)
        wide = (reach_m + slack) / math.cos(math.radians(min(abs(lat_deg) + 0.2, 85.2))) * 1.01 + 1.0
        xs, ys = self._tiles_within(shapely.LineString(self._places(places)).bounds, wide)
        for kept, parts in self._parts(self._boxes(xs, ys)):
            flat = shapely.transform(shapely.segmentize(parts, 50.0), lambda at: self._to(own, at))
            apart = shapely.distance(flat, line)
            near = apart <= (reach_m - 1e-3 if kept is self._needed else reach_m + slack)
            self._keep(kept, xs[near], ys[near])

    def _parts(self, tiles: Geometries) -> Iterable[tuple[set[TileId], Geometries]]:
        """Yield what of each tile lies in the smallest and in the largest fence, or the whole tiles for both."""
        if self._smallest is None:
            return ((self._needed, tiles), (self._allowed, tiles))
        return (
            (self._needed, shapely.intersection(self._smallest, tiles)),
            (self._allowed, shapely.intersection(self._largest, tiles)),
        )

    def _fence(self, fence: Fence, wider: float) -> BaseGeometry:
        if fence.center is None:
            return self._polygon(fence.polygon, ()).buffer(wider * 1e-4)
        lat_deg, lon_deg = fence.center
        radius_m = fence.radius_m + wider * (slack_m(lat_deg, fence.radius_m) + fence.radius_m * 4e-5)
        rim = [_WGS84.fwd(lon_deg, lat_deg, degree / 2.0, radius_m)[:2] for degree in range(720)]
        return shapely.Polygon(self._places([(lat, lon) for lon, lat in rim]))

    def _polygon(self, outer: Sequence[Place], holes: Sequence[Sequence[Place]]) -> shapely.Polygon:
        return shapely.Polygon(self._places(outer), [self._places(hole) for hole in holes])

    def _places(self, places: Iterable[Place]) -> list[tuple[float, float]]:
        flat = [self._mercator(self._lon_deg + _short_way_deg(lon - self._lon_deg), lat) for lat, lon in places]
        return [(float(x), float(y)) for x, y in flat]

    def _on_earth(self, line: BaseGeometry) -> list[Place]:
        back = [self._mercator(x, y, inverse=True) for x, y in shapely.get_coordinates(line)]
        return [(float(lat), float(lon)) for lon, lat in back]

    def _to(self, own: pyproj.Proj, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lon, lat = self._mercator(at[:, 0], at[:, 1], inverse=True)
        return np.column_stack(own(lon, lat))

    def _tiles_within(self, bounds: Sequence[float], wider: float) -> tuple[npt.NDArray[np.int64], ...]:
        west, south, east, north = bounds
        across = math.tau * _R / self.side
        shift = math.radians(self._lon_deg) * _R + math.pi * _R
        first_x, last_x = ((at + shift) // across for at in (west - wider, east + wider))
        first_y, last_y = ((math.pi * _R - at) // across for at in (north + wider, south - wider))
        xs, ys = np.meshgrid(np.arange(first_x - 1, last_x + 2), np.arange(max(first_y - 1, 0), last_y + 2))
        return xs.ravel().astype(np.int64), ys.ravel().astype(np.int64)

    def _boxes(self, xs: npt.NDArray[np.int64], ys: npt.NDArray[np.int64]) -> Geometries:
        across = math.tau * _R / self.side
        shift = math.radians(self._lon_deg) * _R + math.pi * _R
        west, north = xs * across - shift, math.pi * _R - ys * across
        boxes: Geometries = shapely.box(west, north - across, west + across, north)
        return boxes

    def _keep(self, kept: set[TileId], xs: npt.NDArray[np.int64], ys: npt.NDArray[np.int64]) -> None:
        kept.update(TileId(self.z, int(x) % self.side, int(y)) for x, y in zip(xs, ys, strict=True))


def corridor(flight: Flight, z: int, reach_m: float, *, fences: Sequence[Fence] = ()) -> IndependentGround:
    """Return the tiles of the legs, circles and areas of a flight; the ways home are to be added."""
    ground = IndependentGround(z, flight.waypoints[0].lon_deg, fences=fences)
    places = [(one.lat_deg, one.lon_deg) for one in flight.waypoints]
    for a, b in itertools.pairwise(places) if len(places) > 1 else [(places[0], places[0])]:
        ground.add_leg(a, b, reach_m)
    for waypoint, place in zip(flight.waypoints, places, strict=True):
        if waypoint.loiter_radius_m:
            ground.add_circle(place, reach_m + waypoint.loiter_radius_m)
    for area in flight.areas:
        ground.add_polygon(area, reach_m + area.margin_m)
    return ground


def _short_way_deg(way_deg: float) -> float:
    return way_deg - 360.0 * round(way_deg / 360.0)
