"""Small missions of our own making, as the formats spell them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


def simple_item(
    lat: float | None, lon: float | None, alt: float | None = 50, *, command: int = 16, frame: int = 3, **more: object
) -> Json:
    """A plan's simple item in the layout with seven params."""
    params = [0, 0, 0, None, lat, lon, alt]
    return {"type": "SimpleItem", "command": command, "frame": frame, "params": params, "autoContinue": True, **more}


def survey(**more: object) -> Json:
    """A survey whose flown items and drawn line differ, so that a test sees which of them was read."""
    return {
        "type": "ComplexItem",
        "complexItemType": "survey",
        "version": 5,
        "polygon": [[48.0, 11.0], [48.0, 11.1], [48.1, 11.1]],
        "TransectStyleComplexItem": {
            "version": 1,
            "CameraCalc": {"DistanceToSurface": 70, "DistanceToSurfaceRelative": True},
            "FollowTerrain": False,
            "Items": [simple_item(48.01, 11.01), simple_item(0, 0, 0, command=206, frame=2), simple_item(48.02, 11.02)],
            "VisualTransectPoints": [[48.011, 11.011], [48.021, 11.021], [48.031, 11.031]],
        },
        **more,
    }


def plan(*items: Mapping[str, object], **more: object) -> Json:
    """A plan with these mission items."""
    return {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": {"version": 2, "plannedHomePosition": [48.0, 11.0, 500], "items": list(items)},
        "geoFence": {"version": 2, "circles": [], "polygons": []},
        "rallyPoints": {"version": 2, "points": []},
        **more,
    }


def wpl(*rows: str, header: str = "QGC WPL 110", end: str = "\n") -> bytes:
    """A WPL file with these rows."""
    return (end.join((header, *rows)) + end).encode()


HOME = "0 1 0 16 0 0 0 0 48.0 11.0 500 1"


def wpl_row(index: int, lat: object, lon: object, alt: object = 100, *, command: object = 16, frame: object = 3) -> str:
    """One row, separated by tabs."""
    return "\t".join(str(field) for field in (index, 0, frame, command, 0, 0, 0, 0, lat, lon, alt, 1))


def waypoint(ordinal: int, lat: object = 48.5, lon: object = 11.5, **more: object) -> Json:
    """One waypoint of a flight payload."""
    return {"ordinal": ordinal, "lat": lat, "lon": lon, "alt_m": 120, **more}


def payload(*waypoints: Mapping[str, object], **more: object) -> Json:
    """A flight payload with these waypoints."""
    return {"id": "F-12", "name": "Ridge", "waypoints": list(waypoints), **more}


def encoded(document: object) -> bytes:
    """The document as JSON bytes."""
    return json.dumps(document).encode()


def positions(waypoints: Sequence[Any]) -> list[tuple[float, float]]:
    """Latitude and longitude of each waypoint."""
    return [(waypoint.lat_deg, waypoint.lon_deg) for waypoint in waypoints]
