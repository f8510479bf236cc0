"""What a plan will cost, told from a few real tiles of each zoom: bytes and seconds, as ranges."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from operator_tool.api.build import GapCause
from operator_tool.api.context import RunContext
from operator_tool.api.errors import DownloadError, GapsError, TilesRefusedError
from operator_tool.api.roles import TileProvider
from operator_tool.api.tiles import TileId
from operator_tool.geo.coverage import Coverage

from .foreseen import Foreseen
from .freshness import FreshnessGate
from .gap_hints import gaps_hint, size_hint
from .lacked import Lacked
from .plan import CachePlan
from .sampling import Sampler

SAMPLING_S = 10.0
"""The sampling is given up after so long; what came by then counts."""
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
    nowhere: int = 0
    """Of these tiles, the ones that every provider of the chain is known to lack: they will be gaps."""

    @property
    def to_fetch(self) -> int:
        """How many tiles are to be asked for."""
        return self.tiles - self.held - self.nowhere


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
    nowhere: int = 0
    """Of these tiles, the ones that every provider of the chain is known to lack: they will be gaps."""
    first_nowhere: Lacked | None = None
    """The first of these, and why."""
    refused: tuple[Lacked, ...] = ()
    """Of the lacking samples, those that the download would lack, too: whether or not they are asked for again."""
    fails: bool = False
    """The problem will not pass: the download would fail with it."""
    hint: str = ""
    """What to do about the problem or the refused samples, where that is known."""
    unjudged: dict[str, int] = {}
    """Of the tiles that are held and of the samples: those in a sector and without a date, by its kind. Its rule can't
    be applied to them, and does not refuse them."""

    @property
    def to_fetch(self) -> int:
        """How many tiles are to be asked for."""
        return self.tiles - self.held - self.nowhere

    @property
    def sure_gaps(self) -> int:
        """How many tiles are known to be missing in the end, at least."""
        return self.nowhere + len(self.refused)


def estimate_of(
    plan: CachePlan,
    providers: Sequence[tuple[str, TileProvider]],
    stores_dir: Path,
    context: RunContext,
    freshness: FreshnessGate,
    *,
    samples_per_zoom: int,
) -> Estimate:
    """Return the estimate; writes nothing. A provider that fails makes it poorer, never an error."""
    sampler = Sampler(freshness, context, limit_s=SAMPLING_S)
    held: Counter[int] = Counter()
    nowhere: Counter[int] = Counter()
    described = dict(plan.providers)
    wanted = [tile for zoom in plan.zooms for tile in _spread(plan.coverage, zoom, samples_per_zoom)]
    with Foreseen(plan, stores_dir, freshness) as foreseen:
        for tiles in plan.coverage.ranges():
            known = foreseen.known(tiles, tiles.z)
            held[tiles.z] += sum(count for _, count in known.held)
            nowhere[tiles.z] += sum(count for _, count in known.nowhere)
        lacking, unasked = wanted, len(providers)
        for (name, provider), store, reach in zip(providers, foreseen.stores, foreseen.chain, strict=True):
            lacking = sampler.ask(name, described[name], provider, store, reach, lacking)
            unasked -= 1
            if not lacking or sampler.problem:
                break
    missed = sampler.missed(lacking)
    # What one provider lacks is no gap while there is another that was not asked.
    refused = () if unasked else tuple(one for one in missed if one.cause is not GapCause.UNREACHABLE)
    failure = sampler.failure
    if isinstance(failure, TilesRefusedError) and any(held.values()):
        # The download goes on then, and calls what was refused gaps.
        failure = None
    by_zoom = tuple(
        _zoom_estimate(zoom, count, held[zoom], nowhere[zoom], sampler.sizes.get(zoom, []))
        for zoom, count in plan.coverage.count_by_zoom.items()
    )
    to_fetch = sum(one.to_fetch for one in by_zoom)
    return Estimate(
        tiles=plan.coverage.count,
        held=sum(one.held for one in by_zoom),
        nowhere=sum(one.nowhere for one in by_zoom),
        sampled=sum(one.sampled for one in by_zoom),
        lacking=len(missed),
        first_nowhere=foreseen.first_nowhere,
        refused=refused,
        fails=failure is not None,
        hint=failure.hint if failure is not None else size_hint(sampler.wrong_size) if sampler.wrong_size else "",
        unjudged=dict(sorted((foreseen.unjudged + sampler.unjudged).items())),
        bytes_to_fetch=_sum(by_zoom),
        seconds=_seconds(to_fetch, sampler.arrivals_s),
        by_zoom=by_zoom,
        problem=sampler.problem,
    )


def check_foreseen(plan: CachePlan, estimate: Estimate) -> None:
    """Raise ``GapsError``, as the download would, when more tiles are known to be missing than the plan allows.

    Raises ``DownloadError`` for what a provider failed with and will fail with again.
    """
    if estimate.fails:
        raise DownloadError(estimate.problem, hint=estimate.hint, retryable=False)
    allowed, missing = plan.inputs.allow_gaps, estimate.sure_gaps
    nothing = estimate.nowhere == estimate.tiles or (
        bool(estimate.refused) and not estimate.sampled and not estimate.held
    )
    if missing <= allowed:
        return
    said = []
    if estimate.nowhere:
        one = estimate.first_nowhere
        why = f"; the first is {one.z}/{one.x}/{one.y}: {one.reason}" if one is not None else ""
        said.append(f"{estimate.nowhere} of {estimate.tiles} tiles are missing from every provider of the chain{why}")
    if estimate.refused:
        first = estimate.refused[0]
        said.append(
            f"{len(estimate.refused)} of {estimate.sampled + estimate.lacking} samples would be missing; "
            f"the first is {first.z}/{first.x}/{first.y}: {first.reason}"
        )
    causes = {one.cause for one in (*estimate.refused, estimate.first_nowhere) if one is not None}
    raise GapsError(
        f"the download would end with gaps, {allowed} are allowed: {'; '.join(said)}",
        hint=estimate.hint
        or gaps_hint(
            causes,
            missing=missing,
            wanted=missing if nothing else estimate.tiles,
            perhaps_more=estimate.to_fetch > 0,
        ),
        retryable=False,
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


def _zoom_estimate(zoom: int, tiles: int, held: int, nowhere: int, sizes: Sequence[int]) -> ZoomEstimate:
    to_fetch = tiles - held - nowhere
    mean_bytes = _mean_range(sizes) if to_fetch else (0.0, 0.0)
    return ZoomEstimate(
        zoom=zoom,
        tiles=tiles,
        held=held,
        nowhere=nowhere,
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
