"""Whether the imagery that is asked for is sharp enough to navigate by."""

from __future__ import annotations

from collections.abc import Sequence

from operator_tool.api.errors import PlanError
from operator_tool.api.flight import Flight
from operator_tool.api.tiles import MAX_ZOOM, ProviderInfo
from operator_tool.geo.resolution import tile_gsd_m

MAX_GSD_M = 0.5
"""The largest pixel on the ground, in metres, where nothing else is said."""


def pixel_m(flight: Flight, zoom: int, providers: Sequence[tuple[str, ProviderInfo]]) -> float:
    """Return how large a pixel of the sharpest provider is on the ground at this zoom, in metres.

    Where it is largest: at the waypoint that is nearest to the equator.
    """
    having = [info for _, info in providers if info.min_zoom <= zoom <= info.max_zoom]
    size_px = max((info.tile_size_px for info in having), default=256)
    return tile_gsd_m(zoom, _lat_deg(flight), size_px)


def check_sharpness(
    flight: Flight, finest_zoom: int, providers: Sequence[tuple[str, ProviderInfo]], *, max_gsd_m: float | None
) -> None:
    """Raise ``PlanError`` when no provider's pixels are as small as ``max_gsd_m`` at the finest zoom."""
    if max_gsd_m is None:
        return
    metres = pixel_m(flight, finest_zoom, providers)
    if metres <= max_gsd_m:
        return
    sharp = [zoom for zoom in range(finest_zoom, MAX_ZOOM + 1) if metres / (1 << zoom - finest_zoom) <= max_gsd_m]
    instead = f"Ask for zooms up to {sharp[0]} with --zoom, or" if sharp else "To go on,"
    raise PlanError(
        f"zoom {finest_zoom}, the finest that is asked for, has {metres:.2f} m a pixel at latitude "
        f"{_lat_deg(flight):.1f}: coarser than {max_gsd_m:g} m",
        hint=f"{instead} allow coarser imagery with --max-gsd {metres + 0.005:.2f}.",
    )


def _lat_deg(flight: Flight) -> float:
    return min((abs(waypoint.lat_deg) for waypoint in flight.waypoints), default=0.0)
