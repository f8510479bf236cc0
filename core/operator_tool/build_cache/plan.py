"""The second phase: from a flight and what is asked for to the exact tiles, before anything is locked or fetched."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from operator_tool.api import (
    AreaRequest,
    BuildCacheRequest,
    CacheInputs,
    Camera,
    DownloadError,
    Flight,
    GroundPolygon,
    PlanError,
    ProviderInfo,
    ProviderKey,
    TakeoffOrigin,
    Waypoint,
    escape_controls,
)
from operator_tool.geo.area import Ground, area_of
from operator_tool.geo.coverage import Coverage, coverage_of
from operator_tool.geo.route import Route, place_name, route_of
from operator_tool.sectors import Sector

from .ground_key import ground_sha256
from .left_out import left_out_findings
from .plausibility import Finding, check_plausible
from .sharpness import MAX_GSD_M, check_sharpness
from .tile_sizes import of_one_size
from .zooms import ZoomsFrom, choose_zooms

USUAL_SIZE_PX = 256
"""The pixels of a web map's tile, unless it says otherwise."""
MAX_INPUT_BYTES = 8 * 1024 * 1024
"""Some 200,000 corners. A companion's order may have 16 MiB in all: its files and signatures are told in it, too."""
_Place = tuple[float, float, float | None]


class CachePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one build must get, and all that decides it."""

    flight: Flight
    area: AreaRequest
    zooms: tuple[int, ...]
    """Ascending, each once."""
    zooms_from: ZoomsFrom
    zooms_reason: str
    """Why these zooms, for people."""
    camera: Camera | None = None
    """The camera that zooms and footprint were told from; None where none is known."""
    heights_m: tuple[float, float] | None = None
    """The lowest and the greatest height above the ground that were counted with."""
    findings: tuple[Finding, ...] = ()
    """What is hard to believe of the flight; severe ones were accepted."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out while planning, one sentence each; the flight has notes of its own."""
    route: Route
    ground: Ground
    """The shape on the map that the tiles cover."""
    coverage: Coverage
    providers: tuple[tuple[str, ProviderInfo], ...]
    """The chain, in the order in which it is asked."""
    sectors: tuple[Sector, ...] = ()
    """Those that the area touches."""
    inputs: CacheInputs
    content_key: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings as they are told, one sentence each."""
        accepted = "Accepted although it can hardly be meant: "
        return tuple(f"{accepted if one.severe else ''}{one.text}." for one in self.findings)


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
    ``ImplausibleFlightError`` for a flight that can hardly be meant, unless the request accepts it; ``DownloadError``
    for a provider whose terms forbid to download an area. Providers whose tiles differ in size are a ``PlanError``,
    unless the request chooses one.
    """
    providers, left_out = of_one_size(providers, request.tile_size_px)
    _check_terms(providers)
    findings = check_plausible(flight, request, providers)
    choice = choose_zooms(flight, request, providers)
    area = _counted_area(flight, request.area, choice.footprint_m)
    _check_size(flight, area)
    route = route_of(flight)
    ground = area_of(flight, route, area)
    coverage = coverage_of(ground, choice.zooms, max_tiles=request.max_tiles)
    touched = tuple(sector for sector in sectors if sector.touches(coverage.bounds_deg))
    max_gsd_m = request.max_gsd_m
    if max_gsd_m is None and (touched or choice.zooms_from is ZoomsFrom.USUAL):
        # Who names zooms or a camera has chosen how sharp the imagery is to be, unless a sector says otherwise.
        max_gsd_m = MAX_GSD_M
    check_sharpness(flight, choice.zooms[-1], providers, max_gsd_m=max_gsd_m)
    first = flight.takeoff_origin
    inputs = CacheInputs(
        route=_geometry(flight),
        takeoff_origin=TakeoffOrigin(
            lat_deg=float(first.lat_deg),
            lon_deg=float(first.lon_deg),
            alt_m=None if first.alt_m is None else float(first.alt_m),
        ),
        ground=ground_sha256(flight, area),
        area=area,
        zooms=choice.zooms,
        providers=tuple(ProviderKey(name=name, dataset=sized_dataset(info)) for name, info in providers),
        allow_gaps=request.allow_gaps,
        max_gsd_m=max_gsd_m,
        sectors=hashlib.sha256(msgspec.json.encode(touched)).hexdigest() if touched else "",
    )
    return CachePlan(
        flight=flight,
        area=area,
        zooms=choice.zooms,
        zooms_from=choice.zooms_from,
        zooms_reason=choice.reason,
        camera=choice.camera,
        heights_m=choice.heights_m,
        findings=(*findings, *left_out_findings(flight, coverage)),
        notes=(*choice.notes, *ground.notes, *_provider_notes(providers), *left_out),
        route=route,
        ground=ground,
        coverage=coverage,
        providers=tuple(providers),
        sectors=touched,
        inputs=inputs,
        content_key=inputs.content_key,
    )


def sized_dataset(info: ProviderInfo) -> str:
    """Return the data set of a provider's tiles, and their size where it isn't the usual one.

    Stores and content keys go by it: tiles of 256 and of 512 pixels from one address never lie in one store.
    """
    return info.dataset if info.tile_size_px == USUAL_SIZE_PX else f"{info.dataset} ({info.tile_size_px} px)"


def _check_size(flight: Flight, area: AreaRequest) -> None:
    """Raise ``PlanError`` for inputs that no order, and no manifest beside a cache, has room for."""
    size_bytes = len(msgspec.json.encode((_geometry(flight), area)))
    if size_bytes <= MAX_INPUT_BYTES:
        return
    corners = sum(len(rim) for polygon in area.polygons for rim in (polygon.outer, *polygon.holes))
    raise PlanError(
        f"what decides on this cache comes to {size_bytes / 1e6:,.1f} MB ({len(flight.waypoints):,} waypoints, "
        f"{corners:,} corners of areas), and goes into its manifest, which takes {MAX_INPUT_BYTES / 1e6:,.1f} MB of it",
        hint="Simplify the areas to fewer corners, give fewer --area, or divide the flight.",
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


def _provider_notes(providers: Sequence[tuple[str, ProviderInfo]]) -> tuple[str, ...]:
    return tuple(f"{name}: {escape_controls(note, limit=500)}" for name, info in providers for note in info.notes[:20])


def _check_terms(providers: Sequence[tuple[str, ProviderInfo]]) -> None:
    for name, info in providers:
        if info.bulk_download is False:
            raise DownloadError(
                f"the terms of {name} ({info.dataset}) do not allow to download an area",
                hint="Select another --provider. If its operator has allowed it to you, set bulk_download of this one.",
                retryable=False,
            )


def _counted_area(flight: Flight, asked: AreaRequest, footprint_m: float) -> AreaRequest:
    """Return what is asked for as far as it decides: what the flight has not is as by default, sources don't count.

    Numbers are made floats: 500 and 500.0 are the same inputs, and must give the same key.
    """
    has_home = flight.home is not None or flight.returns_home
    has_fence = any(fence.inclusion for fence in flight.fences)
    return AreaRequest(
        kind=asked.kind,
        metres=float(asked.metres),
        footprint_m=float(footprint_m or asked.footprint_m),
        polygons=tuple(_counted_polygon(polygon) for polygon in asked.polygons),
        home_legs=asked.home_legs or not has_home,
        within_fence=asked.within_fence or not has_fence,
    )


def _counted_polygon(polygon: GroundPolygon) -> GroundPolygon:
    return GroundPolygon(
        outer=tuple((float(lat_deg), float(lon_deg)) for lat_deg, lon_deg in polygon.outer),
        holes=tuple(tuple((float(lat_deg), float(lon_deg)) for lat_deg, lon_deg in hole) for hole in polygon.holes),
        margin_m=float(polygon.margin_m),
    )
