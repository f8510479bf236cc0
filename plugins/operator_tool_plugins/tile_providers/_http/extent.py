"""Which ground and zooms a server has: as it announces them, or as the operator knows better."""

from __future__ import annotations

import msgspec

from operator_tool.api import MAX_ZOOM, ConfigError

from .settings import Bounds, ExtentSettings


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """The zooms from the coarsest to the finest, and the ground; None for all of it."""

    min_zoom: int = 0
    max_zoom: int = MAX_ZOOM
    bounds_deg: Bounds | None = None


def check_extent(settings: ExtentSettings, *, name: str) -> None:
    """Raise ``ConfigError`` for settings that make no sense; ``name`` is the provider's."""
    low, high = settings.min_zoom, settings.max_zoom
    if low is not None and high is not None and low > high:
        raise ConfigError(f"{name}.min_zoom is {low}, above {name}.max_zoom, {high}")
    if settings.bounds is not None:
        west, south, east, north = settings.bounds
        sane = -180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90
        if not sane:
            raise ConfigError(
                f"{name}.bounds is {', '.join(f'{one:g}' for one in settings.bounds)}, which is no piece of ground",
                hint="Write west,south,east,north in degrees, such as 5.9,45.8,10.5,47.8; west may be greater than east"
                " where the ground crosses 180 degrees.",
            )


def extent_of(settings: ExtentSettings, announced: Extent, *, name: str) -> Extent:
    """Return the extent that holds; raises ``ConfigError`` where a setting contradicts what else is announced."""
    low = announced.min_zoom if settings.min_zoom is None else settings.min_zoom
    high = announced.max_zoom if settings.max_zoom is None else settings.max_zoom
    if low > high:
        set_one, other = ("min_zoom", "max_zoom") if settings.max_zoom is None else ("max_zoom", "min_zoom")
        raise ConfigError(
            f"the zooms {low} to {high} are none: {name}.{set_one} is set, and the other one is what is announced",
            hint=f"Set {name}.{other}, too.",
        )
    return Extent(min_zoom=low, max_zoom=high, bounds_deg=settings.bounds or announced.bounds_deg)


def extent_hint(name: str) -> str:
    """Return what to do where the announced extent is wrong."""
    return f"if that is wrong, set {name}.bounds, {name}.min_zoom or {name}.max_zoom"
