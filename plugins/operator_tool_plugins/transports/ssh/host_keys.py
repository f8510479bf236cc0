"""Whether a server's host key is the one that the operator has confirmed. Nothing is ever confirmed here."""

from __future__ import annotations

from pathlib import Path

import msgspec

from operator_tool.api import ConfigError, RunContext

from .._host_keys.known_hosts import HostKey, KnownKeys, parse_known_keys, read_file
from .._host_keys.refusal import ShownKey, enrol_command, refusal
from .route import Endpoint
from .settings import SshSettings

_USERS_OWN = "~/.ssh/known_hosts"


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one server."""

    known: KnownKeys
    path: Path
    """The file that says so, or that would have to."""
    enrol: str
    """The command that has the operator confirm its key."""
    is_hop: bool = False


def pin_file(settings: SshSettings, context: RunContext) -> Path | None:
    """Return the file that keys are pinned in, None where there is none."""
    if settings.known_hosts is not None:
        return Path(settings.known_hosts).expanduser()
    return context.trust_dir / "known_hosts" if context.trust_dir is not None else None


def pins_of(server: Endpoint, settings: SshSettings, context: RunContext, *, is_hop: bool) -> Pins:
    """Return what is known of a server. Raises ``ConfigError`` when a file can't be read.

    Of a jump host, which is the operator's daily way and no drone, also the account's own file may tell.
    """
    pinned = pin_file(settings, context)
    users_own = Path(_USERS_OWN).expanduser()
    path = pinned or users_own
    known = parse_known_keys(read_file(path), server.label, str(path))
    if is_hop and known == KnownKeys():
        known = parse_known_keys(read_file(users_own), server.label, str(users_own))
        path = users_own if known != KnownKeys() else path
    return Pins(known=known, path=path, enrol=_enrol_command(server, settings, is_hop=is_hop), is_hop=is_hop)


def check_host_key(server: Endpoint, pins: Pins, key: HostKey) -> None:
    """Raise ``CompanionError`` unless the key is a known one."""
    whose = "the jump host's own" if pins.is_hop else "the companion's own"
    otherwise = f"; or log in to it once with ssh, which asks, too: ssh {server.name}" if pins.is_hop else ""
    shown = ShownKey(key.type, key.fingerprint)
    error = refusal(server.label, shown, pins.known, pins.path, enrol=pins.enrol, whose=whose, otherwise=otherwise)
    if error is not None:
        raise error


def place_to_pin(settings: SshSettings, context: RunContext) -> Path:
    """Return the file that a key is pinned in. Raises ``ConfigError`` where there is none."""
    path = pin_file(settings, context)
    if path is None:
        raise ConfigError("there is no folder to pin a host key in", hint="Set ssh.known_hosts to a file.")
    return path


def _enrol_command(server: Endpoint, settings: SshSettings, *, is_hop: bool) -> str:
    host, port = (server.name, server.port) if is_hop else (settings.host, settings.port)
    options = {"known_hosts": settings.known_hosts, "config_file": settings.config_file}
    return enrol_command("ssh", host, port, options)
