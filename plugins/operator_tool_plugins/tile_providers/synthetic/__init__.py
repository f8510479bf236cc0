"""Imagery that is made up: for rehearsals, rigs and tests, anywhere and at any zoom, without a network.

The same seed gives the same world: it looks like terrain, lines up across tiles and zooms, and is not the real ground.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from operator_tool.api import (
    Meta,
    PluginSettings,
    ProviderInfo,
    RunContext,
    Tile,
    TileResult,
    WantedTile,
    fetch_in_pool,
    hookimpl,
)

if TYPE_CHECKING:
    from .paint import Painter

_WORLD = 1
"""Rises when the same tile is painted otherwise than before."""
_QUALITY = 80


class SyntheticSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the provider ``synthetic``."""

    seed: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Which of the made-up worlds.")] = 0
    quality: Annotated[int, Meta(ge=10, le=95, description="The JPEG quality of the tiles.")] = _QUALITY
    connections: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | None,
        Meta(description="How many tiles are painted at once; one for each processor when not set."),
    ] = None


class SyntheticProvider:
    """Paints every tile that is asked for."""

    def __init__(self, settings: SyntheticSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._painter: Painter | None = None

    def describe(self) -> ProviderInfo:
        """Return what it is: plainly synthetic."""
        quality = "" if self._settings.quality == _QUALITY else f"-q{self._settings.quality}"
        return ProviderInfo(
            dataset=f"synthetic-{_WORLD}-seed{self._settings.seed}{quality}",
            attribution="Synthetic imagery, not the real ground",
            version=str(_WORLD),
            synthetic=True,
        )

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield each tile as it is painted; none is ever missing."""
        from .paint import Painter

        if self._painter is None:
            self._painter = Painter(self._settings.seed, self._settings.quality)
        painter = self._painter

        def paint(tile: WantedTile) -> TileResult:
            return Tile(tile.id, painter.jpeg(tile.id.z, tile.id.x, tile.id.y))

        yield from fetch_in_pool(
            paint,
            wanted,
            connections=self._settings.connections or os.cpu_count() or 1,
            cancelled=self._context.cancelled,
        )

    def close(self) -> None:
        """Forget the painter and what it keeps at hand."""
        self._painter = None


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of the settings."""
    return SyntheticSettings


@hookimpl.make_tile_provider
def make_tile_provider(settings: PluginSettings, context: RunContext) -> SyntheticProvider:
    """Return the provider; nothing is painted yet."""
    assert isinstance(settings, SyntheticSettings)
    return SyntheticProvider(settings, context)
