"""Why one tile is missing from a whole chain, and what is known of it before any provider is asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from operator_tool.api.build import GapCause
from operator_tool.api.tiles import TileId
from operator_tool.geo.coverage import TileRange
from operator_tool.sectors import Freshness
from operator_tool.tile_store import TileStore

from .freshness import ABSENT_IS_SETTLED_S, FreshnessGate
from .gap_hints import TELLING
from .reach import Reach

Said = tuple[GapCause, str]
"""Why a provider lacks a tile."""


class Lacked(msgspec.Struct, frozen=True, kw_only=True):
    """A tile that no provider of the chain has as the download needs it."""

    z: int
    x: int
    y: int
    cause: GapCause
    """The one that there is most to be done about, of those that the providers gave."""
    reason: str


def lacked(tile: TileId, said: Sequence[Said]) -> Lacked:
    """Return what the providers, of which there is one at least, said of a tile that they lack."""
    cause = min((cause for cause, _ in said), key=TELLING.index)
    reason = "; ".join(dict.fromkeys(reason for _, reason in said))
    return Lacked(z=tile.z, x=tile.x, y=tile.y, cause=cause, reason=reason)


def known_of(name: str, store: TileStore, reach: Reach, freshness: FreshnessGate, tile: TileId) -> Said | int | None:
    """Return the bytes of a tile that is held, why the provider is known to lack it, or None: it must be asked."""
    problem = reach.problem(TileRange(tile.z, tile.y, tile.x, tile.x))
    if problem is not None:
        return problem
    for held in store.held(tile.z, tile.y, tile.x, tile.x):
        if freshness.must_ask(held):
            return None
        if freshness.judge(tile, held.imagery_date) is Freshness.TOO_OLD:
            return too_old(name, held.imagery_date)
        return held.record.length_bytes
    if store.absent(tile.z, tile.y, tile.x, tile.x, within_s=ABSENT_IS_SETTLED_S):
        return GapCause.ABSENT, f"{name} said so before"
    return None


def too_old(name: str, imagery_date: str | None) -> Said:
    """Return why imagery of that date is no good in its sector."""
    return GapCause.TOO_OLD, f"{name} has imagery of {imagery_date}, too old for its sector"
