"""The first phase, before any lock: what the operator named becomes a flight."""

from __future__ import annotations

import math

import msgspec

from operator_tool.api.errors import NoRouteError, PluginError
from operator_tool.api.flight import Flight
from operator_tool.api.roles import FlightSource
from operator_tool.plugin_host.blame import hint_about, owner_of
from operator_tool.plugin_host.calls import ANSWER_S, answered

from .answers import plain

_WHO = "the flight source"
_MAX_TEXT = 500
"""Of its names, which go into reports, logs and the cache's manifest."""


def resolve_flight(source: FlightSource, reference: str, *, limit_s: float = ANSWER_S) -> Flight:
    """Return the flight, checked. Raises a ``FlightError`` of the source's, or ``PluginError`` when the source breaks
    its promise: whatever comes from a plugin is checked once, here. In the main thread it may take ``limit_s``."""
    who = owner_of(source, _WHO)
    flight = asked_flight(source, reference, limit_s=limit_s)
    if not flight.waypoints:
        raise NoRouteError(f"{flight.source}: no waypoint at all")
    for expected, waypoint in enumerate(flight.waypoints):
        if waypoint.ordinal != expected:
            raise PluginError(f"{who} gave waypoint {waypoint.ordinal} in place of {expected}")
        if not (-90.0 <= waypoint.lat_deg <= 90.0 and -180.0 <= waypoint.lon_deg <= 180.0):
            raise PluginError(f"{who} gave waypoint {expected} at {waypoint.lat_deg}, {waypoint.lon_deg}")
        if not (math.isfinite(waypoint.alt_m or 0.0) and math.isfinite(waypoint.loiter_radius_m)):
            raise PluginError(
                f"{_WHO} gave waypoint {expected} at {waypoint.alt_m} m, about {waypoint.loiter_radius_m} m"
            )
    for left_out in flight.left_out:
        for lat_deg, lon_deg in left_out.places:
            if not (-90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0):
                raise PluginError(f"{who} gave {left_out.name}, left out, at {lat_deg}, {lon_deg}")
    return flight


def asked_flight(source: FlightSource, reference: str, *, limit_s: float = ANSWER_S) -> Flight:
    """Return what the source gives, which may be without a route. Raises as ``resolve_flight`` does for the rest."""
    who = owner_of(source, _WHO)
    with answered(who, "resolve", limit_s=limit_s):
        answer = source.resolve(reference)
    flight = plain(who, answer, Flight, by=source)
    try:
        # Half a character can be no part of any report, log or manifest.
        msgspec.json.encode(flight)
    except UnicodeEncodeError as error:
        raise PluginError(
            f"{who} gave a flight with text that is none: {error.reason}", hint=hint_about(source)
        ) from None
    return msgspec.structs.replace(
        flight, id=flight.id[:_MAX_TEXT], name=flight.name[:_MAX_TEXT], source=flight.source[:_MAX_TEXT]
    )
