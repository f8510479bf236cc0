"""Transport ``ssh``: the companion over SSH, with known host keys only; paramiko is imported when it connects."""

from __future__ import annotations

from operator_tool.api import CompanionTransport, PluginSettings, RunContext, hookimpl

from .settings import SshSettings
from .transport import SshTransport

__all__ = ["SshSettings", "SshTransport", "make_companion_transport", "plugin_settings"]


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return SshSettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport:
    """Return the transport to the companion of the settings; connects nothing yet."""
    assert isinstance(settings, SshSettings)
    return SshTransport(settings, context)
