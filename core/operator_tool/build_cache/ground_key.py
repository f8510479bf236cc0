"""What of a flight decides on the ground besides its waypoints' places, as one number for the content key."""

from __future__ import annotations

import hashlib

import msgspec

from operator_tool.api import AreaRequest, Flight, Place
from operator_tool.geo.flown import home_of

_Ring = tuple[Place, ...]


def ground_sha256(flight: Flight, request: AreaRequest) -> str:
    """Return the SHA-256, in hex, over circles, areas, the ways home and the inclusion fences; empty without any.

    What the request leaves out, and names, sources and notes don't count: see ``operator_tool.geo.area``.
    """
    circles = [(one.ordinal, float(one.loiter_radius_m)) for one in flight.waypoints if one.loiter_radius_m]
    areas = [(_ring(one.outer), [_ring(hole) for hole in one.holes], float(one.margin_m)) for one in flight.areas]
    home = home_of(flight) if request.home_legs else None
    returns = request.home_legs and flight.returns_home
    fences = [
        (_ring(one.polygon), one.center and _ring((one.center,)), float(one.radius_m))
        for one in flight.fences
        if one.inclusion and request.within_fence
    ]
    if not (circles or areas or home or returns or fences):
        return ""
    decides = {
        "circles": circles,
        "areas": areas,
        "home": home and _ring((home,)),
        "returns": returns,
        "fences": fences,
    }
    return hashlib.sha256(msgspec.json.encode(decides)).hexdigest()


def _ring(places: _Ring) -> _Ring:
    """Return the same places with floats: 48 and 48.0 are the same place, and must give the same key."""
    return tuple((float(lat_deg), float(lon_deg)) for lat_deg, lon_deg in places)
