"""Listener ``record``: what passes between the tool and its companions, in a file that ``--transport replay`` plays.

Enabled by ``--record FILE`` on every command that reaches companions.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Annotated

from operator_tool.api import CompanionTransport, Meta, PluginSettings, Provisioner, RunContext, hookimpl

from .recording import Recording
from .transport import recorded

__all__ = [
    "RecordSettings",
    "make_companion_transport",
    "make_provisioner",
    "plugin_settings",
    "start_listening",
    "stop_listening",
]


class RecordSettings(PluginSettings, frozen=True, kw_only=True):
    """Where the recording goes."""

    file: Annotated[str, Meta(min_length=1, description="The recording; there must be no such file yet.")]


_recording: Recording | None = None


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings' class."""
    return RecordSettings


@hookimpl.start_listening
def start_listening(settings: RecordSettings, context: RunContext) -> None:
    """Make the file, so that one that can't be written is told before anything is connected."""
    global _recording
    _recording = Recording.begun(Path(settings.file).expanduser(), context)


@hookimpl(wrapper=True)
def make_companion_transport(context: RunContext) -> Generator[None, CompanionTransport, CompanionTransport]:
    """Record what goes over the transport that was made, whichever it is."""
    made = yield
    if _recording is None:
        return made
    return recorded(made, _recording, _recording.companion(context, made.address))


@hookimpl(wrapper=True)
def make_provisioner(context: RunContext) -> Generator[None, Provisioner, Provisioner]:
    """Note who builds."""
    made = yield
    if _recording is not None:
        _recording.note_provisioner(context)
    return made


@hookimpl.stop_listening
def stop_listening() -> None:
    """End the file."""
    global _recording
    if _recording is not None:
        _recording.end()
    _recording = None
