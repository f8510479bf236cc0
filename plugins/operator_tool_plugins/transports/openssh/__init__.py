"""Transport ``openssh``: the companion by the system's own ``ssh``, for hardware keys, certificates, and full speed."""

from __future__ import annotations

from operator_tool.api import CompanionTransport, PluginSettings, RunContext, hookimpl

from .settings import OpensshSettings
from .transport import OpensshTransport

__all__ = ["OpensshSettings", "OpensshTransport", "make_companion_transport", "plugin_settings"]


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return OpensshSettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport:
    """Return the transport to the companion of the settings; connects nothing yet."""
    assert isinstance(settings, OpensshSettings)
    return OpensshTransport(settings, context)
