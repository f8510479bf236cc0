"""Flight source ``file``: a mission file of this machine, known by its content and not by its name's ending."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Annotated, Literal

from operator_tool.api import (
    Flight,
    FlightFormatError,
    FlightSource,
    Meta,
    NoRouteError,
    PluginSettings,
    RunContext,
    hookimpl,
)

FormatName = Literal[
    "flight-json",
    "qgc-plan",
    "qgc-mission",
    "wpl",
    "kml",
    "kmz",
    "dji-wpml",
    "gpx",
    "geojson",
    "litchi-csv",
]
"""The names in ``formats.FORMATS``, which is not imported for a setting; a test holds them equal."""


class FileSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the flight source ``file``."""

    format: Annotated[FormatName | None, Meta(description="What the file is read as; by its content if not given.")] = (
        None
    )
    max_bytes: Annotated[int, Meta(ge=1, le=256 * 1024 * 1024, description="The largest file that is read.")] = (
        16 * 1024 * 1024
    )


class FileFlightSource:
    """Reads the mission files of planners and maps; ``formats.FORMATS`` lists the formats."""

    def __init__(self, settings: FileSettings) -> None:
        self._format = settings.format
        self._max_bytes = settings.max_bytes

    def resolve(self, reference: str) -> Flight:
        """Return the flight that the file at the path ``reference`` holds.

        Raises ``FlightFileError``, ``FlightFormatError`` naming the place in the file, or ``NoRouteError``.
        """
        from .._escaping import escaped
        from .reading import read_flight_file

        data = read_flight_file(reference, max_bytes=self._max_bytes)
        shown = escaped(PurePath(reference).name)
        try:
            return read_flight(
                data, name=escaped(PurePath(reference).stem), source=f"file:{shown}", format_name=self._format
            )
        except (FlightFormatError, NoRouteError) as error:
            raise type(error)(f"{shown}: {error.message}", hint=error.hint) from None


def read_flight(data: bytes, *, name: str, source: str, format_name: FormatName | None = None) -> Flight:
    """Return the flight that a file's bytes spell; ``name`` is its name unless the file gives itself one."""
    from .formats import Content, read_content

    found = read_content(Content(data, source), format_name)
    if isinstance(found, Flight):
        return found
    return Flight(
        id=hashlib.sha256(data).hexdigest()[:12],
        name=found.name or name,
        source=source,
        format=found.format,
        waypoints=found.waypoints,
        areas=found.areas,
        home=found.home,
        returns_home=found.returns_home,
        fences=found.fences,
        rally_points=found.rally_points,
        camera=found.camera,
        left_out=found.left_out,
        notes=found.notes,
    )


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of this source's settings."""
    return FileSettings


@hookimpl.make_flight_source
def make_flight_source(settings: PluginSettings, context: RunContext) -> FlightSource:  # noqa: ARG001 - the hook's
    """Return the flight source."""
    assert isinstance(settings, FileSettings)
    return FileFlightSource(settings)
