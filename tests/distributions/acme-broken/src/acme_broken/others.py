"""Flight sources, listeners, transports and provisioners that go wrong."""

import os
from collections.abc import Callable
from typing import Any

from operator_tool import api

from .tiles import BILLION, Plugin, raising, sleeping


class Source:
    def __init__(self, resolve: Callable[[], Any]) -> None:
        self._resolve = resolve

    def resolve(self, reference: str) -> Any:
        return self._resolve()


def source(resolve: Callable[[], Any]) -> Plugin:
    return Plugin(make_flight_source=lambda settings, context: Source(resolve))


def waypoint(ordinal: int, **other: Any) -> api.Waypoint:
    return api.Waypoint(**{"ordinal": ordinal, "lat_deg": 47.05, "lon_deg": 8.31, **other})


def flight(waypoints: Any) -> Any:
    return lambda: api.Flight(id="1", name="1", source="acme", waypoints=waypoints())


billion_waypoints = source(flight(lambda: map(waypoint, range(BILLION))))
huge_tuple = source(flight(lambda: (waypoint(0),) * 3_000_000))
odd_waypoint = source(flight(lambda: (waypoint(0, lat_deg="47.05"),)))
no_flight = source(lambda: None)
sleeps = source(sleeping)
raises = source(lambda: raising(ValueError("the map is upside down")))
leaves = source(lambda: raising(SystemExit(0)))

sleeps_at_start = Plugin(start_listening=lambda settings, context: sleeping(), on_event=lambda event: None)
hangs_in_event = Plugin(on_event=lambda event: sleeping())
hangs_at_stop = Plugin(on_event=lambda event: None, stop_listening=lambda: sleeping())
leaves_in_event = Plugin(on_event=lambda event: raising(SystemExit(0)))
ends_in_event = Plugin(on_event=lambda event: os._exit(0))


class Nowhere:
    address = "nowhere"

    def connect(self) -> Any:
        return None


class Unsure:
    site = "nowhere"

    def prepare(self, session: Any, order: Any) -> Any:
        return None

    transfer = build = prepare


no_session = Plugin(make_companion_transport=lambda settings, context: Nowhere())
no_state = Plugin(make_provisioner=lambda settings, context: Unsure())
