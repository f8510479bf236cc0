"""What a cache lacks, told from what a companion says of it; and the verdicts that an operator acts on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from operator_tool.api.build import BuildCacheOutcome
from operator_tool.api.companion import CompanionState
from operator_tool.api.order import CacheGaps, CacheOrder

WITH_GAPS = "WITH GAPS"
UNKNOWN_GAPS = "whether tiles are missing from it is not known: the provisioner does not say how many tiles it verified"

_VERDICTS = {
    BuildCacheOutcome.SUCCESS: "built",
    BuildCacheOutcome.NO_OP: "already there",
    BuildCacheOutcome.DRY_RUN: "not built, as asked for",
}


def gaps_there(state: CompanionState, wanted_tiles: int) -> CacheGaps | None:
    """Return what the companion's verified cache lacks of so many tiles; None where the provisioner can't tell.

    The number comes from the tiles that were verified. What the cache says of itself is believed where it agrees.
    """
    said = state.current.gaps if state.current is not None else None
    missing = wanted_tiles - state.verified_tiles
    if missing < 0 or (not state.verified_tiles and (said is None or said.missing != missing)):
        # A provisioner that does not count says 0: that alone is no cache without a tile.
        return None
    return said if said is not None and said.missing == missing else CacheGaps(missing=missing)


def order_of_the_current(state: CompanionState, order: CacheOrder) -> CacheOrder | None:
    """Return the order of the current cache, where it is of the same plan and only allowed another number of gaps."""
    current = state.current
    if current is None or current.allow_gaps is None or current.content_key == order.content_key:
        return None
    inputs = msgspec.structs.replace(order.inputs, allow_gaps=current.allow_gaps)
    if inputs.content_key != current.content_key:
        return None
    return msgspec.structs.replace(order, inputs=inputs, content_key=inputs.content_key)


def with_gaps(word: str, gaps: CacheGaps | None) -> str:
    """Return a verdict, with its gaps where there are any."""
    if gaps is None:
        return f"{word}, gaps unknown"
    return f"{word} {WITH_GAPS}" if gaps.missing else word


def verdict_of(outcome: BuildCacheOutcome, gaps: CacheGaps | None, *, command: str) -> str:
    """Return the verdict of a run; empty where it failed."""
    word = _VERDICTS.get(outcome, "")
    if not word or outcome is BuildCacheOutcome.DRY_RUN:
        return word
    return with_gaps("downloaded" if command == "download" else word, gaps)


def gaps_words(gaps: CacheGaps, wanted_tiles: int) -> str:
    """Return how many tiles are missing, at which zooms, and where the nearest one is."""
    if not gaps.missing:
        return "none: every tile of the plan is there"
    words = f"{gaps.missing:,} of {wanted_tiles:,} tiles are missing"
    if gaps.by_zoom:
        words += " (" + ", ".join(f"zoom {zoom}: {number:,}" for zoom, number in gaps.by_zoom.items()) + ")"
    if (place := gaps.nearest) is not None:
        words += (
            f"; the nearest to the route is {place.z}/{place.x}/{place.y}, {place.off_m:,} m from the place at"
            f" {place.route_m:,} m of the route, after waypoint {place.waypoint}"
        )
    return words


def unjudged_words(unjudged: Mapping[str, int]) -> Iterator[str]:
    """Yield what becomes of tiles without a date in sectors: that a rule can't be applied must never be silent."""
    for kind, number in unjudged.items():
        tiles = f"{number:,} {'tile' if number == 1 else 'tiles'}"
        yield (
            f"of {tiles} in a sector that is {kind} nobody says when the imagery was taken: the sector's rule can't be"
            " applied to them and does NOT refuse them; --max-age has them asked for again"
        )
