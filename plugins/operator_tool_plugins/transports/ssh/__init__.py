"""Transport ``ssh``: the companion over SSH, with known host keys only; paramiko is imported when it connects."""

from __future__ import annotations

import msgspec

from operator_tool.api import CompanionTransport, PluginSettings, RunContext, hookimpl

from .._secure_shell.addresses import host_and_port
from .settings import SshSettings
from .transport import SshTransport

__all__ = ["SshSettings", "SshTransport", "make_companion_transport", "plugin_settings"]


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return SshSettings


@hookimpl.make_companion_transport
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport:
    """Return the transport to the companion of the settings; connects nothing yet. Raises ``ConfigError``."""
    assert isinstance(settings, SshSettings)
    host, port = host_and_port("ssh.host", settings.host, settings.port)
    return SshTransport(msgspec.structs.replace(settings, host=host, port=port), context)
