"""Flight source ``file``: a mission file of this machine, known by its content and not by its name's ending."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Annotated

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


class FileSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the flight source ``file``."""

    max_bytes: Annotated[int, Meta(ge=1, le=256 * 1024 * 1024, description="The largest file that is read.")] = (
        16 * 1024 * 1024
    )


class FileFlightSource:
    """Reads QGroundControl .plan, QGC WPL 110 and the tool's own flight JSON."""

    def __init__(self, settings: FileSettings) -> None:
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
            return read_flight(data, name=escaped(PurePath(reference).stem), source=f"file:{shown}")
        except (FlightFormatError, NoRouteError) as error:
            raise type(error)(f"{shown}: {error.message}", hint=error.hint) from None


def read_flight(data: bytes, *, name: str, source: str) -> Flight:
    from .._strict_json import parse_json
    from .flight_json import read_flight_json
    from .qgc_plan import read_plan
    from .sniffing import looks_like_json, not_a_mission, not_a_mission_json
    from .wpl import is_wpl, read_wpl

    if is_wpl(data):
        waypoints, notes = read_wpl(data)
    elif looks_like_json(data):
        document = parse_json(data)
        members = document.value if isinstance(document.value, dict) else {}
        if "waypoints" in members:
            return read_flight_json(document, source=source)
        if "fileType" not in members and "mission" not in members:
            raise not_a_mission_json(document)
        waypoints, notes = read_plan(document)
    else:
        raise not_a_mission(data)
    identity = hashlib.sha256(data).hexdigest()[:12]
    return Flight(id=identity, name=name, source=source, waypoints=waypoints, notes=notes)


@hookimpl
def plugin_settings() -> type[PluginSettings]:
    """Return the class of this source's settings."""
    return FileSettings


@hookimpl
def make_flight_source(settings: PluginSettings, context: RunContext) -> FlightSource:  # noqa: ARG001 - the hook's
    """Return the flight source."""
    assert isinstance(settings, FileSettings)
    return FileFlightSource(settings)
