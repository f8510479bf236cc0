"""Where the companion is and over which jump hosts, from the settings and the operator's ``~/.ssh/config``."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from operator_tool.api import ConfigError

from .._host_keys.known_hosts import host_label
from .settings import SshSettings
from .user_config import UserConfig, read_user_config

_MAX_HOPS = 8
_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@\s]+)@)?(?:\[(?P<v6>[^\]\s]+)\]|(?P<host>[^:\s]+))(?::(?P<port>\d+))?/?")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One SSH server on the way, the companion's or a jump host's."""

    name: str
    """How the operator calls it."""
    host: str
    port: int
    user: str
    label: str
    """How it is named among the known host keys."""
    key_files: tuple[Path, ...] = ()
    """The keys to log in with; none: those of the agent and the account's own."""
    keys_are_set: bool = False
    """The key is one of the tool's own settings: it has to be there."""
    agent: str | None = None
    """The agent's socket, None where none is used."""

    @property
    def address(self) -> str:
        """``ssh://user@host:port``."""
        return f"ssh://{self.user}@{self.where}"

    @property
    def where(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_route(settings: SshSettings) -> tuple[Endpoint, ...]:
    """Return the servers to go over in their order, the companion the last. Raises ``ConfigError``."""
    config = read_user_config(settings.config_file)
    options = config.of(settings.host)
    companion = _endpoint(config, settings.host, options, settings, user=settings.user, port=settings.port)
    if settings.key_file is not None:
        key = Path(settings.key_file).expanduser()
        companion = msgspec.structs.replace(companion, key_files=(key,), keys_are_set=True)
    return (*_hops(config, settings.host, options, settings, _MAX_HOPS), companion)


def _hops(
    config: UserConfig, name: str, options: dict[str, Any], settings: SshSettings, left: int
) -> tuple[Endpoint, ...]:
    """Return the jump hosts before a host; those before the first of them are what the file says of it."""
    # Of the two the one that comes first in the file counts; the options are in that order.
    by = next((key for key in options if key in ("proxyjump", "proxycommand")), None)
    if by is None or options[by] is None or options[by].lower() == "none":
        return ()
    if by == "proxycommand":
        raise ConfigError(
            f"{config.path} reaches {name} by a ProxyCommand, which the transport ssh does not run",
            hint="Use --transport openssh, or a ProxyJump in its place.",
        )
    specs = [spec.strip() for spec in options[by].split(",")]
    if len(specs) > left:
        raise config.broken(f"ProxyJump of {name} leads over more than {_MAX_HOPS} hosts, or in a circle")
    hops: list[Endpoint] = []
    for position, spec in enumerate(specs):
        parts = _HOP.fullmatch(spec)
        if parts is None:
            raise config.broken(f"ProxyJump of {name} is not a host: {spec!r}")
        hop = parts["v6"] or parts["host"]
        found = config.of(hop)
        if position == 0:
            hops += _hops(config, hop, found, settings, left - len(specs))
        port = int(parts["port"]) if parts["port"] else None
        hops.append(_endpoint(config, hop, found, settings, user=parts["user"], port=port))
    return tuple(hops)


def _endpoint(
    config: UserConfig, name: str, options: dict[str, Any], settings: SshSettings, *, user: str | None, port: int | None
) -> Endpoint:
    """Return the server of that name: what is given, and for what is not what the file says."""
    host = str(options["hostname"])
    port = port if port is not None else _port(config, name, options.get("port", "22"))
    alias = options.get("hostkeyalias")
    files = [file for file in options.get("identityfile", ()) if file.lower() != "none"]
    return Endpoint(
        name=name,
        host=host,
        port=port,
        user=user or options.get("user") or _login_name(),
        label=alias.lower() if alias else host_label(host, port),
        key_files=tuple(Path(file).expanduser() for file in files),
        agent=_agent(options.get("identityagent")) if settings.use_agent else None,
    )


def _port(config: UserConfig, name: str, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 65_535:
        raise config.broken(f"Port of {name} is {value!r}, not a number from 1 to 65535")
    return int(value)


def _agent(value: str | None) -> str | None:
    """Return the socket that an IdentityAgent means; without one it is the environment's."""
    if value is None or value == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK") or None
    if value.lower() == "none":
        return None
    return str(Path(os.path.expandvars(value)).expanduser())


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("ssh.user is not set, and this account has no login name") from error
