"""The same corridor by the libraries of the field: pyproj's zone of UTM, a buffer of shapely's, mercantile's tiles."""

from __future__ import annotations

import time

import mercantile
import pyproj
import shapely

from operator_tool.api import Flight


def tiles_by_libraries(flight: Flight, metres: float, zooms: tuple[int, ...]) -> tuple[float, int]:
    """Return the seconds that it takes to try every tile of the flight's box, and how many tiles the corridor has."""
    started_s = time.perf_counter()
    utm = pyproj.Proj(proj="utm", zone=int((flight.waypoints[0].lon_deg + 180.0) / 6.0) + 1, ellps="WGS84")
    line = shapely.LineString([utm(one.lon_deg, one.lat_deg) for one in flight.waypoints])
    rim = shapely.segmentize(shapely.buffer(line, metres, quad_segs=32), 500.0).exterior.coords
    corridor = shapely.Polygon([utm(x, y, inverse=True) for x, y in rim])
    shapely.prepare(corridor)
    count = 0
    for tile in mercantile.tiles(*corridor.bounds, zooms=zooms):
        count += bool(corridor.intersects(shapely.box(*mercantile.bounds(tile))))
    return time.perf_counter() - started_s, count
