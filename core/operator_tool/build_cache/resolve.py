"""The first phase, before any lock: what the operator named becomes a flight."""

from __future__ import annotations

from operator_tool.api.errors import NoRouteError, PluginError
from operator_tool.api.flight import Flight
from operator_tool.api.roles import FlightSource


def resolve_flight(source: FlightSource, reference: str) -> Flight:
    """Return the flight, checked. Raises a ``FlightError`` of the source's, or ``PluginError`` when the source breaks
    its promise: whatever comes from a plugin is checked once, here."""
    flight = source.resolve(reference)
    if not isinstance(flight, Flight):
        raise PluginError(f"the flight source gave {type(flight).__name__}, not a Flight")
    if not flight.waypoints:
        raise NoRouteError(f"{flight.source}: no waypoint at all")
    for expected, waypoint in enumerate(flight.waypoints):
        if waypoint.ordinal != expected:
            raise PluginError(f"the flight source gave waypoint {waypoint.ordinal} in place of {expected}")
        if not (-90.0 <= waypoint.lat_deg <= 90.0 and -180.0 <= waypoint.lon_deg <= 180.0):
            raise PluginError(f"the flight source gave waypoint {expected} at {waypoint.lat_deg}, {waypoint.lon_deg}")
    return flight
