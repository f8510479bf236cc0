"""The second phase: from a flight and what is asked for to the exact tiles, before anything is locked or fetched."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from operator_tool.api import (
    MAX_ZOOM,
    AreaRequest,
    BuildCacheRequest,
    CacheInputs,
    DownloadError,
    Flight,
    PlanError,
    ProviderInfo,
    ProviderKey,
    TakeoffOrigin,
    Waypoint,
)
from operator_tool.geo.area import Area, area_of
from operator_tool.geo.coverage import Coverage, coverage_of
from operator_tool.geo.route import Route, place_name, route_of
from operator_tool.sectors import Sector

from .sharpness import MAX_GSD_M, check_sharpness

DEFAULT_ZOOMS = (15, 16, 17, 18)

_Place = tuple[float, float, float | None]


class CachePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one build must get, and all that decides it."""

    flight: Flight
    area: AreaRequest
    zooms: tuple[int, ...]
    """Ascending, each once."""
    route: Route
    ground: Area
    """The shape on the map that the tiles cover."""
    coverage: Coverage
    providers: tuple[tuple[str, ProviderInfo], ...]
    """The chain, in the order in which it is asked."""
    sectors: tuple[Sector, ...] = ()
    """Those that the area touches."""
    inputs: CacheInputs
    content_key: str


def make_plan(
    flight: Flight,
    request: BuildCacheRequest,
    providers: Sequence[tuple[str, ProviderInfo]],
    *,
    sectors: Sequence[Sector] = (),
) -> CachePlan:
    """Return the plan for this flight.

    Raises ``PlanError`` when the zooms don't exist, no provider has them or has them sharp enough, when the area makes
    no sense or reaches beyond the latitudes that have tiles, and when more tiles are needed than the request allows;
    ``DownloadError`` for a provider whose terms forbid to download an area.
    """
    _check_terms(providers)
    zooms = _checked_zooms(request.zooms or DEFAULT_ZOOMS, providers)
    route = route_of(flight)
    ground = area_of(route, request.area)
    coverage = coverage_of(ground, zooms, max_tiles=request.max_tiles)
    touched = tuple(sector for sector in sectors if sector.touches(coverage.bounds_deg))
    max_gsd_m = MAX_GSD_M if request.max_gsd_m is None and touched else request.max_gsd_m
    check_sharpness(flight, zooms[-1], providers, max_gsd_m=max_gsd_m)
    first = flight.takeoff_origin
    # Numbers are made floats: 500 and 500.0 are the same inputs, and must give the same key.
    inputs = CacheInputs(
        route=_geometry(flight),
        takeoff_origin=TakeoffOrigin(
            lat_deg=float(first.lat_deg),
            lon_deg=float(first.lon_deg),
            alt_m=None if first.alt_m is None else float(first.alt_m),
        ),
        area=AreaRequest(kind=request.area.kind, metres=float(request.area.metres)),
        zooms=zooms,
        providers=tuple(ProviderKey(name=name, dataset=info.dataset) for name, info in providers),
        allow_gaps=request.allow_gaps,
        max_gsd_m=max_gsd_m,
        sectors=hashlib.sha256(msgspec.json.encode(touched)).hexdigest() if touched else "",
    )
    return CachePlan(
        flight=flight,
        area=inputs.area,
        zooms=zooms,
        route=route,
        ground=ground,
        coverage=coverage,
        providers=tuple(providers),
        sectors=touched,
        inputs=inputs,
        content_key=inputs.content_key,
    )


def flight_sha256(flight: Flight) -> str:
    """Return the SHA-256, in hex, over the latitude, longitude and altitude of each waypoint, to the last bit."""
    return hashlib.sha256(msgspec.json.encode(_geometry(flight))).hexdigest()


def _geometry(flight: Flight) -> tuple[_Place, ...]:
    return tuple(_place(waypoint) for waypoint in flight.waypoints)


def _place(waypoint: Waypoint) -> _Place:
    altitude_m = waypoint.alt_m
    if altitude_m is not None and not math.isfinite(altitude_m):
        # JSON has no such number: it would pass for an altitude that was not given.
        raise PlanError(f"{place_name(waypoint)} has no finite altitude", hint="Mend the waypoint's altitude.")
    return float(waypoint.lat_deg), float(waypoint.lon_deg), None if altitude_m is None else float(altitude_m)


def _check_terms(providers: Sequence[tuple[str, ProviderInfo]]) -> None:
    for name, info in providers:
        if info.bulk_download is False:
            raise DownloadError(
                f"the terms of {name} ({info.dataset}) do not allow to download an area",
                hint="Select another --provider. If its operator has allowed it to you, set bulk_download of this one.",
                retryable=False,
            )


def _checked_zooms(zooms: Sequence[int], providers: Sequence[tuple[str, ProviderInfo]]) -> tuple[int, ...]:
    ordered = tuple(sorted(set(zooms)))
    if not ordered:
        raise PlanError("no zoom was asked for", hint="Pass --zoom, such as --zoom 15-18.")
    outside = [z for z in ordered if not 0 <= z <= MAX_ZOOM]
    if outside:
        raise PlanError(f"there is no zoom {_list(outside)}", hint=f"Pass --zoom with zooms from 0 to {MAX_ZOOM}.")
    if not providers:
        raise PlanError("no tile provider was selected", hint="Select one with --provider NAME.")
    have = [z for z in ordered if any(info.min_zoom <= z <= info.max_zoom for _, info in providers)]
    if len(have) < len(ordered):
        missing = [z for z in ordered if z not in have]
        chain = "; ".join(f"{name} has zooms {info.min_zoom} to {info.max_zoom}" for name, info in providers)
        ends = [z for _, info in providers for z in (info.min_zoom, info.max_zoom)]
        instead = have or [min(ends, key=lambda z: min(abs(z - wanted) for wanted in ordered))]
        raise PlanError(
            f"no selected provider has zoom {_list(missing)}: {chain}",
            hint=f"Pass --zoom {_option(instead)}, or add a --provider that has them.",
        )
    return ordered


def _list(zooms: Sequence[int]) -> str:
    return ", ".join(map(str, zooms))


def _option(zooms: Sequence[int]) -> str:
    """Return zooms as ``--zoom`` takes them: ``15-18`` where none is left out, else ``15,17``."""
    if len(zooms) > 2 and zooms[-1] - zooms[0] == len(zooms) - 1:
        return f"{zooms[0]}-{zooms[-1]}"
    return ",".join(map(str, zooms))
