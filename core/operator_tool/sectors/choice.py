"""Which sectors count for one run."""

from __future__ import annotations

from collections.abc import Sequence

from operator_tool.api.errors import UsageError

from .sector import Sector, SectorKind

_WORLD = (-180.0, -90.0, 180.0, 90.0)


def chosen_sectors(saved: Sequence[Sector], chosen: str | None) -> tuple[Sector, ...]:
    """Return the sectors of a run: all that were set, or the chosen one, or a chosen kind for all the ground.

    Raises ``UsageError`` for a name that is neither.
    """
    if chosen is None:
        return tuple(saved)
    if chosen in tuple(SectorKind):
        return (Sector(name=chosen, kind=SectorKind(chosen), bounds_deg=_WORLD),)
    named = tuple(sector for sector in saved if sector.name == chosen)
    if not named:
        known = ", ".join([*SectorKind, *(sector.name for sector in saved)])
        raise UsageError(
            f"there is no sector {chosen!r}", hint=f"Known are {known}. operator-tool set-sector adds one."
        )
    return named
