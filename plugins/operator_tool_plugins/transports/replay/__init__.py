"""Transport ``replay``: a recording in place of a companion, as ``--record FILE`` made it."""

from __future__ import annotations

from pathlib import Path

from operator_tool.api import PluginSettings, RunContext, SimulatedTransport, hookimpl

from .reading import read_recording
from .settings import ReplaySettings
from .transport import ReplayTransport, chosen

__all__ = ["ReplaySettings", "ReplayTransport", "make_companion_transport", "plugin_settings"]


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return ReplaySettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: ReplaySettings, context: RunContext) -> SimulatedTransport:
    """Return the transport to the companion that the file has. Raises ``ConfigError`` for a file that can't be used."""
    recording = read_recording(Path(settings.file).expanduser())
    return ReplayTransport(recording, chosen(recording, settings, context), settings, context)
