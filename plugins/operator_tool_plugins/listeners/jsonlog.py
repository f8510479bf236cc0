"""Listener ``jsonlog``: every event of a run as one JSON line, for whatever watches the workstation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from operator_tool.api import ConfigError, Event, Meta, PluginSettings, RunContext, appended_file, hookimpl


class Settings(PluginSettings, frozen=True, kw_only=True):
    """Where the lines go."""

    path: Annotated[str, Meta(description="The file that the lines are appended to.", min_length=1)]


_file: BinaryIO | None = None


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings' class."""
    return Settings


@hookimpl.start_listening
def start_listening(settings: PluginSettings, context: RunContext) -> None:  # noqa: ARG001 - the hook's signature
    """Open the file, so that a path that can't be written is told before the run."""
    global _file
    assert isinstance(settings, Settings)
    try:
        _file = appended_file(Path(settings.path).expanduser())
    except OSError as error:
        raise ConfigError(f"jsonlog.path {settings.path!r} can't be appended to: {error.strerror}") from error


@hookimpl.on_event
def on_event(event: Event) -> None:
    """Append the event."""
    if _file is not None:
        _file.write(_spelt(event) + b"\n")


def _spelt(event: Event) -> bytes:
    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 has no bytes for and JSON an escape
        return json.dumps(msgspec.to_builtins(event)).encode("ascii")


@hookimpl.stop_listening
def stop_listening() -> None:
    """Close the file."""
    global _file
    if _file is not None:
        _file.close()
    _file = None
