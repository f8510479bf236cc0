"""Which zooms a cache has: those that were asked for, those that the camera needs at its height, or the usual ones."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import msgspec

from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.errors import PlanError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.flight import Camera, Flight
from operator_tool.api.tiles import MAX_ZOOM, ProviderInfo
from operator_tool.geo.resolution import camera_gsd_m, footprint_m, tile_gsd_m, zoom_equal

from .heights import Heights, heights_of
from .sharpness import MAX_GSD_M, pixel_m

DEFAULT_ZOOMS = (15, 16, 17, 18)
MAX_HEIGHT_M = 100_000.0
MAX_COARSER_ZOOMS = 8
USUAL_COARSER_ZOOMS = 2

_Chain = Sequence[tuple[str, ProviderInfo]]


class ZoomsFrom(enum.StrEnum):
    """What the zooms follow from."""

    ASKED = "asked"
    CAMERA = "camera"
    USUAL = "usual"


class ZoomChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The zooms of a plan, and what they follow from."""

    zooms: tuple[int, ...]
    """Ascending, each once."""
    zooms_from: ZoomsFrom
    reason: str
    """Why these, for people."""
    camera: Camera | None = None
    """The camera that is counted with."""
    heights_m: tuple[float, float] | None = None
    """The lowest and the greatest height above the ground that is counted with."""
    footprint_m: float = 0.0
    """How far the camera sees beyond the place below it at the greatest height, rounded up to a metre."""
    notes: tuple[str, ...] = ()


def choose_zooms(flight: Flight, request: BuildCacheRequest, providers: _Chain) -> ZoomChoice:
    """Return the zooms for this flight.

    From a camera: the finest has pixels at most ``2 ** coarser_zooms`` times as large as the camera's own at the
    lowest counted height; the coarsest is one coarser than what the same rule gives at the greatest height, so that a
    matcher can always begin coarsely. Zooms that no provider has are left out, and a note says so.

    Raises ``PlanError`` for zooms that don't exist or that no provider has, for a camera that was asked for where no
    height is known, and for a height, or a number of coarser zooms, without a camera.
    """
    if not providers:
        raise PlanError("no tile provider was selected", hint="Select one with --provider NAME.")
    camera, notes = _camera(flight, request)
    heights = _heights(flight, request, camera) if camera is not None else Heights()
    range_m = heights.range_m
    notes += heights.notes
    sees_m = 0.0 if camera is None or range_m is None else footprint_m(camera, range_m[1])
    if request.zooms:
        zooms, zooms_from, reason = checked_zooms(request.zooms, providers), ZoomsFrom.ASKED, "as asked for"
    elif camera is None or range_m is None:
        zooms, reason = _usual(flight, request, camera, providers)
        zooms_from = ZoomsFrom.USUAL
    else:
        zooms, reason, more = _from_camera(camera, heights, request.coarser_zooms, providers)
        zooms_from, notes = ZoomsFrom.CAMERA, notes + more
    return ZoomChoice(
        zooms=zooms,
        zooms_from=zooms_from,
        reason=reason,
        camera=camera,
        heights_m=range_m,
        footprint_m=float(math.ceil(sees_m)),
        notes=notes,
    )


def checked_zooms(zooms: Sequence[int], providers: _Chain) -> tuple[int, ...]:
    """Return the zooms ascending, each once. Raises ``PlanError`` where one doesn't exist or no provider has it."""
    ordered = tuple(sorted(set(zooms)))
    outside = [z for z in ordered if not 0 <= z <= MAX_ZOOM]
    if outside:
        raise PlanError(f"there is no zoom {_list(outside)}", hint=f"Pass --zoom with zooms from 0 to {MAX_ZOOM}.")
    have = [z for z in ordered if any(info.min_zoom <= z <= info.max_zoom for _, info in providers)]
    if len(have) < len(ordered):
        missing = [z for z in ordered if z not in have]
        ends = [z for _, info in providers for z in (info.min_zoom, info.max_zoom)]
        instead = have or [min(ends, key=lambda z: min(abs(z - wanted) for wanted in ordered))]
        raise PlanError(
            f"no selected provider has zoom {_list(missing)}: {_what_they_have(providers)}",
            hint=f"Pass --zoom {_option(instead)}, or add a --provider that has them.",
        )
    return ordered


def _camera(flight: Flight, request: BuildCacheRequest) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera to count with, and what is to be said of it."""
    if request.camera is not None:
        if not _is_usable(request.camera):
            raise PlanError(
                f"the camera {request.camera.name} has a size that is not greater than 0",
                hint="Mend its entry in the configuration.",
            )
        return request.camera, ()
    if flight.camera is None:
        if request.height_m is not None or request.coarser_zooms != USUAL_COARSER_ZOOMS:
            what = (
                "--height tells what a camera sees" if request.height_m is not None else "--coarser is about a camera"
            )
            raise PlanError(
                f"{what}, and no camera is known",
                hint="Name the camera with --camera NAME; operator-tool cameras list shows them.",
            )
        return None, ()
    if not _is_usable(flight.camera):
        return None, (f"The flight's own camera {flight.camera.name} is left out: its sizes are not all given.",)
    return flight.camera, ()


def _is_usable(camera: Camera) -> bool:
    sizes = (
        camera.sensor_width_mm,
        camera.sensor_height_mm,
        camera.focal_length_mm,
        camera.image_width_px,
        camera.image_height_px,
    )
    return all(math.isfinite(size) and size > 0 for size in sizes)


def _heights(flight: Flight, request: BuildCacheRequest, camera: Camera) -> Heights:
    if request.height_m is not None and not 0.0 < request.height_m <= MAX_HEIGHT_M:
        raise PlanError(
            f"a height of {request.height_m:g} m above the ground: it must be more than 0 and at most "
            f"{MAX_HEIGHT_M:,.0f} metres",
            hint="Pass --height METRES, such as --height 120.",
        )
    heights = heights_of(flight, request.height_m)
    if not heights.places and request.camera is not None:
        why = " ".join(heights.notes)
        raise PlanError(
            f"what the camera {camera.name} sees can't be told without its height above the ground. {why}",
            hint="Give the height with --height METRES; or leave --camera out, and give zooms with --zoom.",
        )
    return heights


def _usual(
    flight: Flight, request: BuildCacheRequest, camera: Camera | None, providers: _Chain
) -> tuple[tuple[int, ...], str]:
    """Return the usual zooms, with one more where the finest of them is too coarse so near to the equator."""
    why = "no camera is known" if camera is None else f"the height of {camera.name} is not known"
    zooms, reason = checked_zooms(DEFAULT_ZOOMS, providers), f"the usual ones: {why}"
    max_gsd_m = MAX_GSD_M if request.max_gsd_m is None else request.max_gsd_m
    finer = zooms[-1] + 1
    if pixel_m(flight, zooms[-1], providers) > max_gsd_m and any(
        i.min_zoom <= finer <= i.max_zoom for _, i in providers
    ):
        return (*zooms, finer), f"{reason}; {zooms[-1]} is coarser than {max_gsd_m:g} m a pixel here, so {finer} too"
    return zooms, reason


def _from_camera(
    camera: Camera, heights: Heights, coarser_zooms: int, providers: _Chain
) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """Return the zooms that the camera needs, the reason in words, and the notes."""
    if not 0 <= coarser_zooms <= MAX_COARSER_ZOOMS:
        raise PlanError(
            f"imagery can't be {coarser_zooms} zooms coarser than the camera's pixels",
            hint=f"Pass --coarser with 0 to {MAX_COARSER_ZOOMS}; 2 is usual.",
        )
    # Of tiles of several sizes the smallest need the finest zoom.
    size_px = min(info.tile_size_px for _, info in providers)
    needed = [
        math.ceil(zoom_equal(camera_gsd_m(camera, height_m), lat_deg, size_px) - coarser_zooms)
        for lat_deg, height_m in heights.places
    ]
    finest = min(max(max(needed), 1), MAX_ZOOM)
    coarsest = min(max(min(needed) - 1, 0), finest - 1)
    zooms = _to_be_had(coarsest, finest, providers)
    lowest_m, highest_m = heights.range_m or (0.0, 0.0)
    least_gsd_m = camera_gsd_m(camera, lowest_m)
    reason = (
        f"from {camera.name}, {_range(lowest_m, highest_m)} m above the ground: its pixels are "
        f"{_range(least_gsd_m, camera_gsd_m(camera, highest_m))} m, imagery may be {2**coarser_zooms} times as coarse"
    )
    if zooms == tuple(range(coarsest, finest + 1)):
        return zooms, reason, ()
    note = f"The camera asks for zooms {coarsest} to {finest}; {_what_they_have(providers)}"
    if zooms[-1] < finest:
        lat_deg = min(abs(lat_deg) for lat_deg, _ in heights.places)
        times = tile_gsd_m(zooms[-1], lat_deg, size_px) / least_gsd_m
        note += f": at zoom {zooms[-1]} a pixel is {times:.1f} times as large as the camera's"
    return zooms, reason, (f"{note}.",)


def _to_be_had(coarsest: int, finest: int, providers: _Chain) -> tuple[int, ...]:
    """Return the zooms that some provider has: at least two, where there are two, and the nearest where none is."""
    exist = [z for z in range(MAX_ZOOM + 1) if any(info.min_zoom <= z <= info.max_zoom for _, info in providers)]
    if not exist:
        raise PlanError(f"no selected provider has a zoom: {_what_they_have(providers)}", hint="Select another one.")
    chosen = {z for z in exist if coarsest <= z <= finest} or {min(exist, key=lambda z: abs(z - finest))}
    if len(chosen) < 2:
        # A coarser one first: a matcher begins coarsely.
        others = sorted((z for z in exist if z not in chosen), key=lambda z: (abs(z - min(chosen)), z))
        chosen.update(others[:1])
    return tuple(sorted(chosen))


def _range(low: float, high: float) -> str:
    first, last = f"{low:.3g}", f"{high:.3g}"
    return first if first == last else f"{first} to {last}"


def _what_they_have(providers: _Chain) -> str:
    return "; ".join(
        f"{name} has zooms {info.min_zoom} to {info.max_zoom}"
        + (f" by its metadata; {escape_controls(info.extent_hint, limit=200)}" if info.extent_hint else "")
        for name, info in providers
    )


def _list(zooms: Sequence[int]) -> str:
    return ", ".join(map(str, zooms))


def _option(zooms: Sequence[int]) -> str:
    """Return zooms as ``--zoom`` takes them: ``15-18`` where none is left out, else ``15,17``."""
    if len(zooms) > 2 and zooms[-1] - zooms[0] == len(zooms) - 1:
        return f"{zooms[0]}-{zooms[-1]}"
    return ",".join(map(str, zooms))
