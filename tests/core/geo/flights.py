"""Flights for the tests of geometry."""

from __future__ import annotations

import math

from operator_tool.api import Flight, Waypoint


def flight_of(*places: tuple[float, float], alt_m: float | None = None) -> Flight:
    """Return a flight through these latitudes and longitudes."""
    waypoints = tuple(
        Waypoint(ordinal=number, lat_deg=lat_deg, lon_deg=lon_deg, alt_m=alt_m)
        for number, (lat_deg, lon_deg) in enumerate(places)
    )
    return Flight(id="flight-1", name="Test", source="test", waypoints=waypoints)


def diagonal(length_m: float, *, lat_deg: float = 48.0, lon_deg: float = 11.0) -> Flight:
    """Return a flight of one leg north-eastwards at about 45 degrees."""
    side_m = length_m / math.sqrt(2.0)
    north_deg = side_m / 111_200.0
    east_deg = side_m / (111_400.0 * math.cos(math.radians(lat_deg + north_deg / 2.0)))
    return flight_of((lat_deg, lon_deg), (lat_deg + north_deg, lon_deg + east_deg))


def zigzag(waypoints: int, step_m: float) -> Flight:
    """Return a long flight that drifts eastwards round the world between latitudes 20 and 55."""
    lat_deg, lon_deg, northwards = 40.0, 0.0, 1.0
    places = []
    for number in range(waypoints):
        places.append((lat_deg, (lon_deg + 180.0) % 360.0 - 180.0))
        if not 20.0 < lat_deg + northwards * step_m / 111_000.0 < 55.0:
            northwards = -northwards
        heading = 0.35 + 0.8 * math.sin(number * 0.7)
        lat_deg += northwards * math.cos(heading) * step_m / 111_000.0
        lon_deg += math.sin(abs(heading)) * step_m / (111_000.0 * math.cos(math.radians(lat_deg)))
    return flight_of(*places)
