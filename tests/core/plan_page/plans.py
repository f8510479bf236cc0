"""Plans to be drawn, and stores that are only said to hold tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from operator_tool.api import AreaRequest, BuildCacheRequest, Flight, ProviderInfo, TileId, Waypoint
from operator_tool.build_cache.estimate import Estimate, ZoomEstimate
from operator_tool.build_cache.foreseen import KnownTiles
from operator_tool.build_cache.plan import CachePlan, make_plan
from operator_tool.geo.coverage import TileRange
from operator_tool.plan_page.cells import Known

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
LEG = ((47.0553, 8.3104), (47.058, 8.3187), (47.0499, 8.3223))


def flight_of(*places: tuple[float, float], name: str = "first flight", **more: Any) -> Flight:
    """Return a flight through these places."""
    waypoints = tuple(Waypoint(ordinal=i, lat_deg=lat, lon_deg=lon) for i, (lat, lon) in enumerate(places))
    return Flight(id="F-1", name=name, source="file:first.plan", waypoints=waypoints, **more)


def plan_of(
    flight: Flight,
    *,
    zooms: tuple[int, ...] = (15, 16, 17),
    area: AreaRequest | None = None,
    providers: Sequence[tuple[str, ProviderInfo]] = (("memory", ProviderInfo(dataset="set")),),
) -> CachePlan:
    """Return a plan as the core makes it."""
    request = BuildCacheRequest(
        flight="x", zooms=zooms, area=area or AreaRequest(), max_tiles=20_000_000, accept_implausible=True
    )
    return make_plan(flight, request, providers)


def estimate_of(plan: CachePlan, held: int = 0) -> Estimate:
    """Return an estimate that was told from a few tiles."""
    return Estimate(
        tiles=plan.coverage.count,
        held=held,
        sampled=6,
        lacking=0,
        bytes_to_fetch=(4_000_000, 5_000_000),
        seconds=(3.0, 200.0),
        by_zoom=tuple(
            ZoomEstimate(zoom=zoom, tiles=count, held=0, sampled=2, bytes_to_fetch=(count * 9_000, count * 11_000))
            for zoom, count in plan.coverage.count_by_zoom.items()
        ),
    )


def holding(is_held: Callable[[TileId], bool]) -> Known:
    """Return what a store tells that holds these tiles."""

    def count(tiles: TileRange, bits: int) -> KnownTiles:
        counts: dict[int, int] = {}
        for x in range(tiles.x0, tiles.x1 + 1):
            if is_held(TileId(tiles.z, x, tiles.y)):
                counts[x >> bits] = counts.get(x >> bits, 0) + 1
        return KnownTiles(sorted(counts.items()), [])

    return count


NOTHING = holding(lambda _: False)
EVERYTHING = holding(lambda _: True)


def CHECKERED(tiles: TileRange, bits: int) -> KnownTiles:  # noqa: N802 - one of the stores above
    """Tell of a store that holds every other block, whole: no two neighbours are alike."""
    blocks = range(tiles.x0 >> bits, (tiles.x1 >> bits) + 1)
    held = [
        (x, min(tiles.x1 + 1, (x + 1) << bits) - max(tiles.x0, x << bits))
        for x in blocks
        if (x + (tiles.y >> bits)) % 2
    ]
    return KnownTiles(held, [])
