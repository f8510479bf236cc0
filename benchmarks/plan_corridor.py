"""Print the wall time and the peak memory of planning: ``python benchmarks/plan_corridor.py``.

Each plan is made in a process of its own, whose peak resident memory (Python and imports included) is read from
``/proc``; the time is that of the plan alone, without starting Python.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from operator_tool.api import AreaKind, AreaRequest, BuildCacheRequest, Flight, ProviderInfo, Waypoint
from operator_tool.build_cache.plan import make_plan

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


_BOX = AreaRequest(kind=AreaKind.BOX)
_PLANS: dict[str, tuple[Callable[[], Flight], AreaRequest]] = {
    "50 km at 45 degrees, 1 km wide, zooms 15-19": (_diagonal, AreaRequest()),
    "the same flight's box": (_diagonal, _BOX),
    "1,000 waypoints, 2,000 km": (lambda: _winding(1_000, 2_000.0), AreaRequest()),
    "2,000 waypoints, 4,000 km": (lambda: _winding(2_000, 2_000.0), AreaRequest()),
    "11,500 waypoints, 23,000 km, ten million tiles": (lambda: _winding(11_500, 2_000.0), AreaRequest()),
    "a box of ten million tiles": (lambda: _flight([(48.0, 11.0), (49.3, 12.8)]), _BOX),
}


def _measure(name: str) -> None:
    make_flight, area = _PLANS[name]
    flight = make_flight()
    request = BuildCacheRequest(flight="benchmark", area=area, zooms=_ZOOMS, max_tiles=100_000_000)
    started_s = time.perf_counter()
    plan = make_plan(flight, request, [("synthetic", ProviderInfo(dataset="benchmark"))])
    took_s = time.perf_counter() - started_s
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
    return head + "".join(rows)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        _measure(sys.argv[1])
    else:
        print(section())
