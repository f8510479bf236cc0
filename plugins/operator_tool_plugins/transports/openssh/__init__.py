"""Transport ``openssh``: the companion by the system's own ``ssh``, for hardware keys, certificates, and full speed."""

from __future__ import annotations

import msgspec

from operator_tool.api import CompanionTransport, PluginSettings, RunContext, hookimpl

from .._secure_shell.addresses import host_and_port
from .settings import OpensshSettings
from .transport import OpensshTransport

__all__ = ["OpensshSettings", "OpensshTransport", "make_companion_transport", "plugin_settings"]


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return OpensshSettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport:
    """Return the transport to the companion of the settings; connects nothing yet. Raises ``ConfigError``."""
    assert isinstance(settings, OpensshSettings)
    host, port = host_and_port("openssh.host", settings.host, settings.port)
    return OpensshTransport(msgspec.structs.replace(settings, host=host, port=port), context)
