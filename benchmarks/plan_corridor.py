"""Print the wall time and the peak memory of planning: ``python benchmarks/plan_corridor.py``.

Each plan is made in a process of its own, whose peak resident memory (Python and imports included) is read from
``/proc``; the time is that of the plan alone, without starting Python. The last row is what the first plan's tiles take
with the libraries of the field, in the same run.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from operator_tool.api import (
    AreaKind,
    AreaRequest,
    BuildCacheRequest,
    Fence,
    Flight,
    GroundPolygon,
    ProviderInfo,
    Waypoint,
)
from operator_tool.build_cache.plan import CachePlan, make_plan

_ZOOMS = (15, 16, 17, 18, 19)


def _flight(places: list[tuple[float, float]]) -> Flight:
    waypoints = tuple(Waypoint(ordinal=n, lat_deg=lat, lon_deg=lon) for n, (lat, lon) in enumerate(places))
    return Flight(id="benchmark", name="benchmark", source="benchmark", waypoints=waypoints)


def _diagonal() -> Flight:
    side_m = 50_000.0 / math.sqrt(2.0)
    east_deg = side_m / (111_400.0 * math.cos(math.radians(48.16)))
    return _flight([(48.0, 11.0), (48.0 + side_m / 111_200.0, 11.0 + east_deg)])


def _winding(waypoints: int, step_m: float) -> Flight:
    places, lat_deg, lon_deg, northwards = [], 40.0, 0.0, 1.0
    for number in range(waypoints):
        places.append((lat_deg, (lon_deg + 180.0) % 360.0 - 180.0))
        if not 20.0 < lat_deg + northwards * step_m / 111_000.0 < 55.0:
            northwards = -northwards
        heading = 0.35 + 0.8 * math.sin(number * 0.7)
        lat_deg += northwards * math.cos(heading) * step_m / 111_000.0
        lon_deg += math.sin(abs(heading)) * step_m / (111_000.0 * math.cos(math.radians(lat_deg)))
    return _flight(places)


def _survey(transects: int, length_m: float) -> Flight:
    """Return transects side by side, half a metre apart, flown to and fro over one spot."""
    places = []
    for number in range(transects):
        east_deg = 11.0 + number * 0.5 / 74_500.0
        ends = [(48.0, east_deg), (48.0 + length_m / 111_200.0, east_deg)]
        places += ends if number % 2 == 0 else ends[::-1]
    return _flight(places)


def _circling(waypoints: int) -> Flight:
    flight = _winding(waypoints, 500.0)
    circling = tuple(msgspec.structs.replace(waypoint, loiter_radius_m=80.0) for waypoint in flight.waypoints)
    return msgspec.structs.replace(flight, waypoints=circling)


def _area(corners: int) -> tuple[tuple[float, float], ...]:
    """Return a ragged area, 22 km across."""
    turns = (math.tau * number / corners for number in range(corners))
    ragged = ((turn, 1.0 + 0.001 * math.sin(turn * corners / 7.0)) for turn in turns)
    return tuple((48.0 + 0.1 * r * math.sin(turn), 11.0 + 0.15 * r * math.cos(turn)) for turn, r in ragged)


def _with_area(corners: int) -> Flight:
    outer = _area(corners)
    return msgspec.structs.replace(_flight([outer[0]]), areas=(GroundPolygon(outer=outer),))


def _fenced(corners: int) -> Flight:
    fence = Fence(inclusion=True, polygon=_area(corners))
    return msgspec.structs.replace(_flight([(47.95, 10.93), (48.05, 11.07)]), fences=(fence,))


_BOX = AreaRequest(kind=AreaKind.BOX)
_FIRST = "50 km at 45 degrees, 1 km wide, zooms 15-19"
_PLANS: dict[str, tuple[Callable[[], Flight], AreaRequest]] = {
    _FIRST: (_diagonal, AreaRequest()),
    "the same flight's box": (_diagonal, _BOX),
    "1,000 waypoints, 2,000 km": (lambda: _winding(1_000, 2_000.0), AreaRequest()),
    "2,000 waypoints, 4,000 km": (lambda: _winding(2_000, 2_000.0), AreaRequest()),
    "11,500 waypoints, 23,000 km, ten million tiles": (lambda: _winding(11_500, 2_000.0), AreaRequest()),
    "1,000 transects of 2 km over one spot": (lambda: _survey(1_000, 2_000.0), AreaRequest()),
    "4,000 transects of 1 km over one spot": (lambda: _survey(4_000, 1_000.0), AreaRequest()),
    "8,000 transects of 1 km over one spot": (lambda: _survey(8_000, 1_000.0), AreaRequest()),
    "32,767 transects of 1 km over one spot": (lambda: _survey(32_767, 1_000.0), AreaRequest()),
    "1,000 circles along 500 km": (lambda: _circling(1_000), AreaRequest()),
    "an area of 10,000 corners, 22 km across": (lambda: _with_area(10_000), AreaRequest()),
    "a corridor of 12 km, clipped by a fence of 10,000 corners": (lambda: _fenced(10_000), AreaRequest(metres=6_000.0)),
    "a box of ten million tiles": (lambda: _flight([(48.0, 11.0), (49.3, 12.8)]), _BOX),
}


def _measure(name: str) -> None:
    plan, took_s = _planned(*_PLANS[name])
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    by_zoom = ", ".join(f"z{z} {count:,}" for z, count in plan.coverage.count_by_zoom.items())
    print(f"| {name} | {took_s:.3f} | {peak_kib * 1024 / 1e6:.1f} | {plan.coverage.count:,} ({by_zoom}) |")


def section() -> str:
    """Return the section of the benchmarks' page; each plan is made in a process of its own."""
    head = "## Planning\n\nPeak memory is the whole process, Python included.\n\n"
    head += "| plan | s | MB | tiles |\n|---|---|---|---|\n"
    rows = [
        subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True).stdout
        for name in _PLANS
    ]
    return head + "".join(rows) + _peers()


def _peers() -> str:
    from plan_peers import tiles_by_libraries

    plan_s = min(_planned(*_PLANS[_FIRST])[1] for _ in range(3))
    peers_s, count = tiles_by_libraries(_diagonal(), AreaRequest().metres, _ZOOMS)
    times = f"{peers_s / plan_s:,.0f} times as long"
    row = f"| the first by pyproj, shapely and mercantile, tile by tile: {times} | {peers_s:.3f} | | {count:,} |\n"
    return f"{row}\nThe peer's metres are those of a UTM zone, up to 0.04 % off there: hence its other count.\n"


def _planned(make_flight: Callable[[], Flight], area: AreaRequest) -> tuple[CachePlan, float]:
    flight = make_flight()
    request = BuildCacheRequest(flight="benchmark", area=area, zooms=_ZOOMS, max_tiles=100_000_000)
    started_s = time.perf_counter()
    plan = make_plan(flight, request, [("synthetic", ProviderInfo(dataset="benchmark"))])
    return plan, time.perf_counter() - started_s


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _measure(sys.argv[1])
    else:
        print(section())
