"""Whether imagery of a date is fresh enough for a kind of sector."""

from __future__ import annotations

import calendar
import enum
import re
from datetime import UTC, date, datetime, timedelta

from .sector import SectorKind

_MONTHS = {SectorKind.ACTIVE_CONFLICT: 6, SectorKind.STABLE_REAR: 12}
_LONGEST = 80
_YEAR_OR_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")
_CLOCKS_DIFFER = timedelta(days=1)


class Freshness(enum.Enum):
    """What a date means for a tile."""

    FRESH = enum.auto()
    DOWNGRADED = enum.auto()
    """Old, and kept all the same."""
    TOO_OLD = enum.auto()
    UNKNOWN = enum.auto()
    """Nobody says when the imagery was taken, or not in a way that can be read."""


def judge_date(kind: SectorKind, imagery_date: str | None, today: date) -> Freshness:
    """Return what a date of imagery means in a sector; ``today`` is UTC's.

    The date is ISO 8601: a date, a moment, a month, a year, or an interval of these. Of what leaves several days open
    the first one counts, the oldest that the imagery may be: a tile must never pass for fresher than it is. Imagery
    that is just so many calendar months old is still fresh. A date to come is none that imagery can have.
    """
    taken = _believed_day(imagery_date, today)
    if taken is None:
        return Freshness.UNKNOWN
    if taken >= _months_before(today, _MONTHS[kind]):
        return Freshness.FRESH
    return Freshness.TOO_OLD if kind is SectorKind.ACTIVE_CONFLICT else Freshness.DOWNGRADED


def believed_date(imagery_date: str | None, today: date) -> str | None:
    """Return a date that imagery can have, as it is written; None for one that can't be read, or is still to come."""
    return imagery_date if _believed_day(imagery_date, today) is not None else None


def _believed_day(imagery_date: str | None, today: date) -> date | None:
    taken = _first_day(imagery_date) if imagery_date is not None else None
    return None if taken is None or taken > today + _CLOCKS_DIFFER else taken


def _first_day(text: str) -> date | None:
    if len(text) > _LONGEST:
        return None
    start = text.partition("/")[0].strip()
    try:
        if matched := _YEAR_OR_MONTH.fullmatch(start):
            return date(int(matched[1]), int(matched[2] or 1), 1)
        if "T" not in start and " " not in start:
            return date.fromisoformat(start)
        moment = datetime.fromisoformat(start)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        return None


def _months_before(day: date, months: int) -> date:
    """Return the same day so many calendar months before, or that month's last."""
    count = day.year * 12 + day.month - 1 - months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
