"""Transport ``ssh``: the companion over SSH, with known host keys only; paramiko is imported when it connects."""

from __future__ import annotations

import getpass
from typing import Annotated

from operator_tool.api import (
    CompanionSession,
    CompanionTransport,
    ConfigError,
    Meta,
    PluginSettings,
    RunContext,
    hookimpl,
)


class SshSettings(PluginSettings, frozen=True, kw_only=True):
    """How the companion is reached over SSH."""

    host: Annotated[str, Meta(pattern=r"^[^\s@/]+$", description="Name or address of the companion.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="Port of its SSH server.")] = 22
    user: Annotated[
        str | None, Meta(description="Account on the companion; the operator's own login name if not given.")
    ] = None
    key_file: Annotated[
        str | None, Meta(description="Private key to log in with; no other key is offered when it is given.")
    ] = None
    use_agent: Annotated[bool, Meta(description="Whether keys of the SSH agent may be used.")] = True
    known_hosts: Annotated[
        str | None, Meta(description="File of known host keys, as OpenSSH writes it; ~/.ssh/known_hosts if not given.")
    ] = None
    connect_timeout_s: Annotated[
        float, Meta(gt=0, le=45, description="Longest wait for each step of connecting, in seconds.")
    ] = 15.0
    keepalive_s: Annotated[
        int, Meta(ge=0, le=3600, description="Send something when the link was idle for so many seconds; 0: never.")
    ] = 15


@hookimpl
def plugin_settings() -> type[PluginSettings]:
    """Return the settings of this transport."""
    return SshSettings


@hookimpl
def make_companion_transport(settings: PluginSettings, context: RunContext) -> CompanionTransport:
    """Return the transport to the companion of the settings; connects nothing yet."""
    assert isinstance(settings, SshSettings)
    return SshTransport(settings, context)


class SshTransport:
    """Reaches a companion over SSH."""

    def __init__(self, settings: SshSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._user = settings.user or _login_name()

    @property
    def address(self) -> str:
        """``ssh://user@host:port``."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"ssh://{self._user}@{host}:{self._settings.port}"

    def connect(self) -> CompanionSession:
        """Connect, check the host key, log in."""
        from .connect import open_link
        from .session import SshSession

        link = open_link(self._settings, self._user, self.address, self._context)
        return SshSession(link, self._context)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("ssh.user is not set, and this account has no login name") from error
