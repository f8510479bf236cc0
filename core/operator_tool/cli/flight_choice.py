"""From options to what is asked for: which flight, which ground, which zooms."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.errors import UsageError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.order import AreaKind, AreaRequest
from operator_tool.build_cache.zooms import USUAL_COARSER_ZOOMS
from operator_tool.settings import SettingsSources

from .options import RunOptions

if TYPE_CHECKING:
    from operator_tool.api.flight import GroundPolygon
    from operator_tool.api.roles import FlightSource

DEFAULT_CORRIDOR_M = 500.0
FILE_SOURCE = "file"


def chosen_flight(options: RunOptions) -> tuple[str, str]:
    """Return the flight source's name and the reference for it. Raises ``UsageError``."""
    if (options.flight_id is None) == (options.flight_file is None):
        seen = "both were given" if options.flight_id is not None else "none was given"
        raise UsageError(f"a flight is named by --flight-id or by --flight-file: {seen}", hint="Give exactly one.")
    default, reference = ("api", options.flight_id) if options.flight_id is not None else ("file", options.flight_file)
    source = options.flight_source or default
    if options.flight_format is not None and source != FILE_SOURCE:
        raise UsageError(
            f"--flight-format says how a file is written; the flight source is {escape_controls(source, limit=64)}",
            hint="Leave it out, or give --flight-file.",
        )
    assert reference is not None
    return source, reference


def chosen_ground(options: RunOptions) -> AreaRequest:
    """Return the ground that is asked for, without the polygons of files. Raises ``UsageError``."""
    if options.box is not None and options.corridor is not None:
        raise UsageError("the area is a corridor or a box: both were given", hint="Give --corridor or --box.")
    if options.coarser is not None and options.zoom is not None:
        raise UsageError(
            "--coarser says which zooms follow from a camera, --zoom names them: both were given",
            hint="Give --zoom or --coarser.",
        )
    kind = AreaKind.CORRIDOR if options.box is None else AreaKind.BOX
    metres = options.corridor if options.box is None else options.box
    return AreaRequest(
        kind=kind,
        metres=DEFAULT_CORRIDOR_M if metres is None else metres,
        home_legs=options.home,
        within_fence=options.fence,
    )


def flight_sources(options: RunOptions, sources: SettingsSources) -> SettingsSources:
    """Return the settings for the flight source: ``--flight-format`` is its own, and not that of an ``--area``."""
    if options.flight_format is None:
        return sources
    return sources.with_options([f"{FILE_SOURCE}.format={options.flight_format}"])


def request_of(
    options: RunOptions,
    reference: str,
    ground: AreaRequest,
    sources: SettingsSources,
    file_source: FlightSource | None,
) -> BuildCacheRequest:
    """Return the request. ``file_source`` reads the files of ``--area``, and is there where one was given.

    Raises ``UsageError`` for a camera that nobody knows and a file without a polygon, and a ``FlightError`` for a file
    that can't be read.
    """
    camera = None
    if options.camera is not None:
        from operator_tool.cameras import find_camera

        camera = find_camera(options.camera, sources.cameras())
    polygons: list[GroundPolygon] = []
    for path in options.area:
        assert file_source is not None
        polygons += _polygons_of(file_source, path)
    return BuildCacheRequest(
        flight=reference,
        area=msgspec.structs.replace(ground, polygons=tuple(polygons)),
        zooms=options.zoom or (),
        camera=camera,
        height_m=options.height,
        coarser_zooms=USUAL_COARSER_ZOOMS if options.coarser is None else options.coarser,
        accept_implausible=options.accept_implausible,
        max_age_s=options.max_age,
        max_gsd_m=options.max_gsd,
        max_tiles=options.max_tiles,
        allow_gaps=options.allow_gaps,
        tile_size_px=options.tile_size,
        replace=options.replace,
        replace_after_s=options.replace_after,
        dry_run=options.dry_run,
        lock_timeout_s=options.lock_timeout,
    )


def _polygons_of(source: FlightSource, path: str) -> list[GroundPolygon]:
    from operator_tool.build_cache.resolve import asked_flight

    flight = asked_flight(source, path)
    name = escape_controls(PurePath(path).name, limit=80)
    if not flight.areas:
        raise UsageError(
            f"--area {name}: the file has no polygon, so it says of no ground that it is needed",
            hint="Draw the area as a polygon; a route belongs to --flight-file.",
        )
    return [
        msgspec.structs.replace(area, source=f"{name}, {area.source}" if area.source else name) for area in flight.areas
    ]
