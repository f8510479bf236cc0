"""Whether a tile is fresh enough for this flight: by when it was fetched, and by when its imagery was taken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from operator_tool.api.tiles import TileId
from operator_tool.sectors import Freshness, Sector, believed_date, judge_date, sector_kind_of
from operator_tool.tile_store import StoredTile

ABSENT_IS_SETTLED_S = 24 * 3600.0
"""How long a provider's word that a tile is absent is believed without asking again."""
_CLOCK_STEP = timedelta(minutes=1)
"""A clock may be set by so much during a run."""
ASK_AGAIN = timedelta(days=1)
"""Imagery that is too old is asked for again when the provider was asked longer ago than this."""


class FreshnessGate:
    """The rules of one run."""

    def __init__(
        self, *, max_age_s: float | None = None, sectors: Sequence[Sector] = (), now: datetime | None = None
    ) -> None:
        self._now = now or datetime.now(UTC)
        self._begun_s = time.monotonic()
        self._oldest_fetch = self._now - timedelta(seconds=max_age_s) if max_age_s is not None else None
        self._sectors = tuple(sectors)
        self._today = self._now.date()

    @property
    def is_open(self) -> bool:
        """True when every tile passes."""
        return self._oldest_fetch is None and not self._sectors

    def judge(self, tile_id: TileId, imagery_date: str | None) -> Freshness:
        """Return how fresh imagery of this date is for the ground of this tile."""
        if not self._sectors:
            return Freshness.FRESH if imagery_date is not None else Freshness.UNKNOWN
        kind = sector_kind_of(tile_id, self._sectors)
        if kind is None:
            return Freshness.FRESH if imagery_date is not None else Freshness.UNKNOWN
        return judge_date(kind, imagery_date, self._today)

    def unjudged(self, tile_id: TileId, fresh: Freshness) -> str | None:
        """Return the kind of the sector whose rule can't be applied to a tile, for want of a date; None for others."""
        if fresh is not Freshness.UNKNOWN or not self._sectors:
            return None
        kind = sector_kind_of(tile_id, self._sectors)
        return None if kind is None else str(kind)

    def dated(self, imagery_date: str | None) -> str | None:
        """Return a date that imagery can have; None for one that can't be read, or that lies after now."""
        return believed_date(imagery_date, self._today)

    def must_ask(self, stored: StoredTile) -> bool:
        """Say whether the provider must be asked about a tile that is held.

        One that was fetched after now, by a clock that was wrong then or is wrong now, was fetched nobody knows when.
        """
        if self._oldest_fetch is not None and (self._fetched_later(stored) or stored.fetched_at < self._oldest_fetch):
            return True
        too_old = self.judge(stored.record.id, stored.imagery_date) is Freshness.TOO_OLD
        return too_old and (self._fetched_later(stored) or stored.fetched_at < self._now - ASK_AGAIN)

    def _fetched_later(self, stored: StoredTile) -> bool:
        now = self._now + timedelta(seconds=time.monotonic() - self._begun_s)
        return stored.fetched_at > now + _CLOCK_STEP

    def age_text(self, stored: StoredTile) -> str:
        """Return how old the copy that is held is, for people."""
        if self._fetched_later(stored):
            return "when the copy that is held was confirmed is not known: its date lies after now"
        days = (self._now - stored.fetched_at).total_seconds() / 86_400
        return f"the copy that is held was confirmed {days:.1f} days ago"
