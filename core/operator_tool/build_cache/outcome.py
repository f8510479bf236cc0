"""From the passes of a download to what its report says: counts, each provider's share, the gaps and their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from operator_tool.api.build import Gap, GapCause, ProviderShare, TileCounts
from operator_tool.api.errors import GapsError
from operator_tool.api.order import CacheGaps
from operator_tool.api.tiles import PictureFormat, TileId
from operator_tool.geo.route import place_on_route

from .gap_hints import TELLING, gaps_hint
from .misses import KEPT, Miss
from .nearest_gap import nearest_gap
from .plan import CachePlan
from .provider_pass import ProviderPass

_RETRYABLE = frozenset({GapCause.UNREACHABLE, GapCause.CORRUPT})


def tile_counts(plan: CachePlan, passes: Sequence[ProviderPass]) -> TileCounts:
    """Return what became of the wanted tiles, as far as the passes came."""
    if not passes:
        return TileCounts(wanted=plan.coverage.count)
    last = passes[-1]
    gaps = tuple(_gap(plan, tile_id, passes) for tile_id in list(last.misses.first))
    by_cause = Counter(gap.cause for gap in gaps) if len(last.misses) <= KEPT else last.misses.by_cause
    lacking = cache_gaps(plan, passes)
    return TileCounts(
        wanted=plan.coverage.count,
        reused=sum(one.tally.reused for one in passes),
        downloaded=sum(one.tally.downloaded for one in passes),
        absent=by_cause[GapCause.ABSENT],
        missing=len(last.misses),
        by_cause={str(cause): by_cause[cause] for cause in GapCause if by_cause[cause]},
        by_zoom=lacking.by_zoom,
        nearest_gap=lacking.nearest,
        unchanged=sum(one.tally.unchanged for one in passes),
        undated=sum(one.tally.undated for one in passes),
        unjudged=dict(sorted(sum((one.tally.unjudged for one in passes), Counter()).items())),
        downgraded=sum(one.tally.downgraded for one in passes),
        gaps=gaps,
    )


def cache_gaps(plan: CachePlan, passes: Sequence[ProviderPass]) -> CacheGaps:
    """Return what no provider gave: how much at each zoom, and which of it is nearest to the route."""
    missed = passes[-1].misses.packed if passes else ()
    by_zoom = Counter(packed >> 58 for packed in missed)
    return CacheGaps(
        missing=len(missed),
        by_zoom={str(zoom): by_zoom[zoom] for zoom in sorted(by_zoom)},
        nearest=nearest_gap(plan.route, missed),
    )


def provider_share(one: ProviderPass) -> ProviderShare:
    """Return what one provider gave."""
    return ProviderShare(
        name=one.name,
        dataset=one.info.dataset,
        tiles=one.tally.reused + one.tally.downloaded,
        downloaded=one.tally.downloaded,
        lacked={str(cause): number for cause, number in sorted(one.misses.by_cause.items())},
        version=one.info.version,
        attribution=one.info.attribution,
        synthetic=one.info.synthetic,
        formats={str(kind): one.tally.formats[kind] for kind in PictureFormat if one.tally.formats[kind]},
        imagery_dates=one.tally.imagery_dates,
    )


def gaps_error(counts: TileCounts, passes: Sequence[ProviderPass], *, allowed: int) -> GapsError:
    """Return the error of a download with more gaps than were allowed, or of one that got nothing at all."""
    # Of the gaps beyond the first ones only the last provider's causes are known.
    causes = {cause for one in passes for cause in one.misses.by_cause} if counts.missing > KEPT else counts.by_cause
    first = counts.gaps[0]
    shown = ", ".join(f"{number} {cause}" for cause, number in counts.by_cause.items())
    at = f"the first is {first.z}/{first.x}/{first.y}, {first.route_m:.0f} m along the route: {first.reason}"
    # A picture of another size amid right ones is that tile's fault, and not the settings'.
    wrong_sizes = [one.wrong_size for one in passes if not one.tally.reused + one.tally.downloaded]
    nothing = counts.missing == counts.wanted
    return GapsError(
        f"none of the {counts.wanted} tiles could be got ({shown}): {at}"
        if nothing
        else f"{counts.missing} of {counts.wanted} tiles are missing ({shown}), {allowed} are allowed; {at}",
        hint=gaps_hint(
            {GapCause(cause) for cause in causes},
            missing=counts.missing,
            wanted=counts.wanted,
            wrong_size=next(filter(None, wrong_sizes), None),
        ),
        retryable=any(cause in causes for cause in _RETRYABLE),
    )


def _gap(plan: CachePlan, tile_id: TileId, passes: Sequence[ProviderPass]) -> Gap:
    known = [(one.name, miss) for one in passes if (miss := one.misses.first.get(tile_id)) is not None]
    most_telling = min((miss for _, miss in known), key=lambda miss: TELLING.index(miss.cause))
    place = place_on_route(plan.route, tile_id)
    return Gap(
        z=tile_id.z,
        x=tile_id.x,
        y=tile_id.y,
        cause=most_telling.cause,
        reason=_reason(known),
        route_m=round(place.route_m, 1),
        waypoint=place.waypoint,
    )


def _reason(known: Sequence[tuple[str, Miss]]) -> str:
    if len(known) == 1:
        return known[0][1].reason
    return "; ".join(miss.reason if name in miss.reason else f"{name}: {miss.reason}" for name, miss in known)
