"""What a plan will cost, told from a few real tiles of each zoom: bytes and seconds, as ranges."""

from __future__ import annotations

import itertools
import math
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from operator_tool.api.context import RunContext
from operator_tool.api.errors import OperatorToolError, PluginError
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import Tile, TileId, TileResult, WantedTile
from operator_tool.geo.coverage import Coverage, TileRange
from operator_tool.plugin_host.blame import brief, owner_of
from operator_tool.plugin_host.calls import answered
from operator_tool.tile_store import TileStore

from .plan import CachePlan
from .reach import Reach, first_asked

SAMPLING_S = 10.0
"""The sampling is given up after so long; what came by then counts."""
_STOPPING_S = 10.0
"""What a provider gets to stop when it is told to."""
_T_90 = {1: 6.31, 2: 2.92, 3: 2.35, 4: 2.13, 5: 2.02, 6: 1.94, 7: 1.89, 8: 1.86, 9: 1.83}
"""Student's t for a two-sided range of 90 %, by degrees of freedom."""
_WIDEST = 2.0
"""A range never goes beyond this many times the largest sample, or below the smallest divided by it."""


class ZoomEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """One zoom's tiles and what they will take."""

    zoom: int
    tiles: int
    held: int
    """Of these tiles, the ones that a store holds already."""
    sampled: int
    bytes_to_fetch: tuple[int, int] | None
    """From, to; None where no sample came."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What getting the tiles of a plan will take."""

    tiles: int
    held: int
    sampled: int
    lacking: int
    """Of the sampled tiles, those that no provider gave."""
    bytes_to_fetch: tuple[int, int] | None
    seconds: tuple[float, float] | None
    """From, to, at the pace of the samples; None where none was fetched."""
    by_zoom: tuple[ZoomEstimate, ...]
    problem: str = ""
    """Why there are fewer samples than were asked for, if so."""


class _Samples:
    """What the samples showed."""

    def __init__(self) -> None:
        self.sizes: dict[int, list[int]] = {}
        self.arrivals_s: list[list[float]] = []
        """When samples came, since they were asked for: a list for each provider that gave some."""
        self.lacking = 0
        self.problem = ""


def estimate_of(
    plan: CachePlan,
    providers: Sequence[tuple[str, TileProvider]],
    stores_dir: Path,
    context: RunContext,
    *,
    samples_per_zoom: int,
) -> Estimate:
    """Return the estimate; writes nothing. A provider that fails makes it poorer, never an error."""
    samples = _Samples()
    held: dict[int, int] = dict.fromkeys(plan.zooms, 0)
    described = dict(plan.providers)
    chain = [(name, described[name], provider) for name, provider in providers]
    wanted = [tile for zoom in plan.zooms for tile in _spread(plan.coverage, zoom, samples_per_zoom)]
    before: list[Reach] = []
    for name, info, provider in chain:
        reach = Reach(name, info, finest_zoom=plan.zooms[-1], max_gsd_m=plan.inputs.max_gsd_m)
        with TileStore.open(stores_dir, provider=name, dataset=info.dataset) as store:
            for tiles in plan.coverage.ranges():
                if first_asked([*before, reach], tiles) == len(before):
                    held[tiles.z] += store.held_counts(tiles.z, tiles.y, tiles.x0, tiles.x1)
            wanted = _from_store(store, wanted, samples)
        before.append(reach)
        may = [tile for tile in wanted if reach.problem(TileRange(tile.z, tile.y, tile.x, tile.x)) is None]
        lacking = _ask(name, provider, may, samples, context)
        wanted = [tile for tile in wanted if tile in lacking or tile not in may]
        if not wanted or samples.problem:
            break
    samples.lacking = len(wanted)
    by_zoom = tuple(
        _zoom_estimate(zoom, count, held[zoom], samples) for zoom, count in plan.coverage.count_by_zoom.items()
    )
    all_held = sum(one.held for one in by_zoom)
    return Estimate(
        tiles=plan.coverage.count,
        held=all_held,
        sampled=sum(one.sampled for one in by_zoom),
        lacking=samples.lacking,
        bytes_to_fetch=_sum(by_zoom),
        seconds=_seconds(plan.coverage.count - all_held, samples.arrivals_s),
        by_zoom=by_zoom,
        problem=samples.problem,
    )


def _spread(coverage: Coverage, zoom: int, samples: int) -> Iterator[TileId]:
    """Yield tiles of a zoom that are spread evenly over its ground."""
    count = coverage.count_by_zoom[zoom]
    chosen = sorted({int((i + 0.5) * count / samples) for i in range(min(samples, count))})
    passed = 0
    for tiles in coverage.ranges():
        if tiles.z != zoom:
            continue
        while chosen and chosen[0] < passed + tiles.count:
            yield TileId(zoom, tiles.x0 + chosen.pop(0) - passed, tiles.y)
        passed += tiles.count


def _from_store(store: TileStore, wanted: Sequence[TileId], samples: _Samples) -> list[TileId]:
    """Take the sizes of samples that are held, and return the other samples."""
    missing = []
    for tile in wanted:
        found = store.held(tile.z, tile.y, tile.x, tile.x)
        if found:
            samples.sizes.setdefault(tile.z, []).append(found[0].record.length_bytes)
        else:
            missing.append(tile)
    return missing


def _ask(
    name: str, provider: TileProvider, tiles: Sequence[TileId], samples: _Samples, context: RunContext
) -> set[TileId]:
    """Fetch samples, and return those that did not come."""
    lacking = set(tiles)
    if not tiles:
        return lacking
    # Nothing follows in this run that a cancellation could hurt.
    timer = threading.Timer(SAMPLING_S, context.cancelled.set)
    timer.start()
    began_s = time.monotonic()
    arrivals_s: list[float] = []
    results: Iterator[TileResult] | None = None
    who = owner_of(provider, f"tile provider {name!r}")
    try:
        with answered(who, "fetch", limit_s=SAMPLING_S + _STOPPING_S):
            results = provider.fetch(iter([WantedTile(tile) for tile in tiles]))
            for result in itertools.islice(_iterable(who, results), len(tiles)):
                if isinstance(result, Tile) and result.id in lacking and isinstance(result.data, bytes):
                    samples.sizes.setdefault(result.id.z, []).append(len(result.data))
                    arrivals_s.append(time.monotonic() - began_s)
                    lacking.discard(result.id)
    except OperatorToolError as error:
        samples.problem = error.message
    finally:
        close = getattr(results, "close", None)
        if close is not None:
            close()
        timer.cancel()
    if arrivals_s:
        samples.arrivals_s.append(arrivals_s)
    if context.cancelled.is_set():
        samples.problem = f"the samples took longer than {SAMPLING_S:g} s"
    return lacking


def _iterable(who: str, results: Iterable[TileResult]) -> Iterable[TileResult]:
    if not isinstance(results, Iterable):
        raise PluginError(f"{who} gave {brief(results)}, not an iterator of results")
    return results


def _zoom_estimate(zoom: int, tiles: int, held: int, samples: _Samples) -> ZoomEstimate:
    sizes = samples.sizes.get(zoom, [])
    to_fetch = max(0, tiles - held)
    mean_bytes = _mean_range(sizes) if to_fetch else (0.0, 0.0)
    return ZoomEstimate(
        zoom=zoom,
        tiles=tiles,
        held=held,
        sampled=len(sizes),
        bytes_to_fetch=(int(to_fetch * mean_bytes[0]), math.ceil(to_fetch * mean_bytes[1])) if mean_bytes else None,
    )


def _mean_range(sizes: Sequence[int]) -> tuple[float, float] | None:
    """Return between what the mean of all tiles lies, in 9 of 10 cases if their sizes are spread as usual."""
    if not sizes:
        return None
    least, most = min(sizes) / _WIDEST, max(sizes) * _WIDEST
    if len(sizes) == 1:
        return least, most
    margin = _T_90.get(len(sizes) - 1, 1.8) * statistics.stdev(sizes) / math.sqrt(len(sizes))
    mean = statistics.fmean(sizes)
    return max(least, mean - margin), min(most, mean + margin)


def _sum(zooms: Sequence[ZoomEstimate]) -> tuple[int, int] | None:
    known = [one.bytes_to_fetch for one in zooms]
    if None in known:
        return None
    return sum(one[0] for one in known if one), sum(one[1] for one in known if one)


def _seconds(to_fetch: int, arrivals_s: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Return how long the download takes, at the samples' pace: with and without what making connections took, and of
    several providers at the pace of the fastest and of the slowest."""
    if to_fetch <= 0:
        return 0.0, 0.0
    if not arrivals_s:
        return None
    each_s = []
    for one in arrivals_s:
        each_s.append(one[-1] / len(one))
        if len(one) > 1:
            each_s.append((one[-1] - one[0]) / (len(one) - 1))
    return to_fetch * min(each_s), to_fetch * max(each_s)
