"""What every flight promises, and every refusal, whatever the bytes were that it came of."""

from __future__ import annotations

import math
from collections.abc import Iterable

from operator_tool.api import Flight, FlightError, FlightFormatError, NoRouteError, Place
from operator_tool.build_cache.heights import heights_of
from operator_tool.build_cache.plausibility import findings_of
from operator_tool_plugins.flight_sources.file import FormatName, read_flight

MAX_WAYPOINTS = 65_535


def check(flight: Flight) -> None:
    """Hold a flight to the promises of its class, field by field."""
    assert flight.id
    assert 1 <= len(flight.waypoints) <= MAX_WAYPOINTS
    assert [waypoint.ordinal for waypoint in flight.waypoints] == list(range(len(flight.waypoints)))
    _check_places((point.lat_deg, point.lon_deg) for point in flight.waypoints)
    _check_finite(point.alt_m for point in flight.waypoints)
    _check_lengths(point.loiter_radius_m for point in flight.waypoints)
    for area in flight.areas:
        for ring in (area.outer, *area.holes):
            _check_ring(ring)
    _check_lengths(area.margin_m for area in flight.areas)
    for fence in flight.fences:
        assert bool(fence.polygon) != (fence.center is not None)
        if fence.center is not None:
            _check_places([fence.center])
            assert fence.radius_m > 0
        else:
            _check_ring(fence.polygon)
    _check_lengths(fence.radius_m for fence in flight.fences)
    _check_places((point.lat_deg, point.lon_deg) for point in flight.rally_points)
    _check_finite(point.alt_m for point in flight.rally_points)
    if flight.home is not None:
        _check_places([(flight.home.lat_deg, flight.home.lon_deg)])
        _check_finite([flight.home.amsl_m])
    if flight.camera is not None:
        camera = flight.camera
        sizes = (camera.sensor_width_mm, camera.sensor_height_mm, camera.focal_length_mm)
        assert all(0 < size < math.inf for size in sizes)
        assert camera.image_width_px > 0 < camera.image_height_px
        assert camera.name.isprintable()
    _check_texts(flight)


def read_or_refuse(data: bytes, format_name: FormatName | None = None) -> bool:
    """Read a file's bytes; True when a flight came of them, False when they were refused in printable words.

    Whatever else is raised comes out: that is a fault. A flight is looked at as ``flights show`` does, too.
    """
    try:
        flight = read_flight(data, name="test", source="file:test", format_name=format_name)
    except (FlightFormatError, NoRouteError) as error:
        _check_refusal(error)
        return False
    check(flight)
    heights_of(flight)
    findings_of(flight)
    return True


def _check_refusal(error: FlightError) -> None:
    assert error.message
    assert error.message.isprintable(), ascii(error.message)
    assert len(error.message) < 1000
    assert error.hint.isprintable()


def _check_places(places: Iterable[Place]) -> None:
    for lat_deg, lon_deg in places:
        assert -90 <= lat_deg <= 90
        assert -180 <= lon_deg <= 180


def _check_ring(ring: tuple[Place, ...]) -> None:
    assert len(ring) >= 3
    assert ring[0] != ring[-1]
    _check_places(ring)


def _check_finite(numbers: Iterable[float | None]) -> None:
    assert all(number is None or math.isfinite(number) for number in numbers)


def _check_lengths(numbers: Iterable[float]) -> None:
    assert all(0 <= number < math.inf for number in numbers)


def _check_texts(flight: Flight) -> None:
    texts = [flight.id, flight.name, flight.source, flight.format, *flight.notes]
    texts += [text or "" for one in flight.waypoints for text in (one.source, one.objective)]
    texts += [area.source or "" for area in flight.areas]
    texts += [fence.source or "" for fence in flight.fences]
    unprintable = [text for text in texts if not text.isprintable()]
    assert not unprintable, ascii(unprintable[:3])
