"""Latitude and longitude, checked."""

from __future__ import annotations

from operator_tool.api import FlightFormatError

SWAPPED_HINT = "Latitude and longitude look swapped: put the latitude first, and save the mission again."


def check_position(lat_deg: float, lon_deg: float, *, lat_place: str, lon_place: str) -> None:
    """Return when both are in range; the places name the two in the file. Raises ``FlightFormatError``."""
    # Written as "in range" and not as "out of range": every comparison with NaN is false.
    lat_fits = -90.0 <= lat_deg <= 90.0
    lon_fits = -180.0 <= lon_deg <= 180.0
    if lat_fits and lon_fits:
        return
    hint = SWAPPED_HINT if not lat_fits and -180.0 <= lat_deg <= 180.0 and -90.0 <= lon_deg <= 90.0 else None
    if not lat_fits:
        raise FlightFormatError(f"{lat_place}: latitude {lat_deg:.10g}, expected -90 to 90", hint=hint)
    raise FlightFormatError(f"{lon_place}: longitude {lon_deg:.10g}, expected -180 to 180", hint=hint)
