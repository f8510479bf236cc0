"""The command line of ssh: what we insist on comes first, and so wins over the operator's configuration."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from operator_tool.api import ConfigError

from .._secure_shell.algorithms import CIPHERS, HOST_KEYS, KEY_EXCHANGES_FIRST, MACS
from .settings import OpensshSettings

_NOTHING = "/dev/null"
_LOG = "/dev/stdout"
"""ssh writes nothing else there; its standard error it shares with jump hosts, proxy commands and banners."""

_KEY_EXCHANGES = f"^{','.join(KEY_EXCHANGES_FIRST)}"
"""The others stay possible as ssh has them, since it would refuse a name that it does not know yet."""
_HOST_KEYS = "-ssh-rsa,ssh-dss,*-cert-v0?@openssh.com"
"""No SHA-1, and no certificate: a host key is pinned as it is. Only of a list that takes away does ssh put first what
is pinned for the host."""
_LOGIN_KEYS = "-ssh-rsa,ssh-rsa-cert-v0?@openssh.com,ssh-dss*"
_OFFERED_HOST_KEYS = tuple(name for names in HOST_KEYS.values() for name in names)

_INSISTED = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": _NOTHING,
    "UpdateHostKeys": "no",
    "CheckHostIP": "no",
    "VerifyHostKeyDNS": "no",
    "KnownHostsCommand": "none",
    "NoHostAuthenticationForLocalhost": "no",
    "Ciphers": ",".join(CIPHERS),
    "MACs": ",".join(MACS),
    "KexAlgorithms": _KEY_EXCHANGES,
    "HostKeyAlgorithms": _HOST_KEYS,
    "PubkeyAcceptedAlgorithms": _LOGIN_KEYS,
    "FingerprintHash": "sha256",
    "VisualHostKey": "no",
    "NumberOfPasswordPrompts": "0",
    "Compression": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "GSSAPIDelegateCredentials": "no",
    "Tunnel": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "EscapeChar": "none",
    "ConnectionAttempts": "1",
    "ControlPersist": "no",
    "ForkAfterAuthentication": "no",
    "StdinNull": "no",
    "ServerAliveCountMax": "100000",
    "IPQoS": "none",
    "LogLevel": "DEBUG2",
}
"""ServerAliveCountMax: what is a dead link is judged by what comes over it, not by ssh. IPQoS: ssh's own mark for what
isn't typed (CS1) puts it behind all else on a Wi-Fi (RFC 8325, 4.3). LogLevel: what the server offers is told at 2."""


def master_argv(settings: OpensshSettings, known_hosts: Path, control_path: Path) -> list[str]:
    """Return the command that connects, and lets us start programs by its control socket."""
    return [
        *_ssh(settings, known_hosts, {"ControlMaster": "yes", "ControlPath": _quoted(control_path)}),
        "-N",
        *_destination(settings),
    ]


def offer_argv(settings: OpensshSettings, known_hosts: Path, types: Collection[str]) -> list[str]:
    """Return the command that writes the host's key into a file, and logs in to nothing but jump hosts.

    A key of one of these types is asked for first.
    """
    wanted = {"rsa-sha2-512", "rsa-sha2-256"}.union(types) if "ssh-rsa" in types else set(types)
    first = {
        "StrictHostKeyChecking": "accept-new",
        "HashKnownHosts": "no",
        "PreferredAuthentications": "none",
        "HostKeyAlgorithms": ",".join(sorted(_OFFERED_HOST_KEYS, key=lambda name: name not in wanted)),
    }
    return [
        *_ssh(settings, known_hosts, {**first, "ControlMaster": "no", "ControlPath": "none"}),
        "-N",
        *_destination(settings),
    ]


def resolve_argv(settings: OpensshSettings) -> list[str]:
    """Return the command that prints what the operator's configuration makes of the host's name."""
    return [settings.program, *_config(settings), "-G", *_destination(settings)]


def environment() -> dict[str, str]:
    """Return ssh's environment: no setting of ours, which may be a secret; nothing that could ask; English messages."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OPERATOR_TOOL_")}
    return ours | {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}


def _ssh(settings: OpensshSettings, known_hosts: Path, first: dict[str, str]) -> list[str]:
    options = {
        **first,
        **{name: value for name, value in _INSISTED.items() if name not in first},
        "UserKnownHostsFile": _quoted(known_hosts),
        "ConnectTimeout": str(max(1, round(settings.connect_timeout_s))),
        "ServerAliveInterval": str(settings.keepalive_s),
    }
    if not settings.use_agent:
        options["IdentityAgent"] = "none"
    if settings.key_file is not None:
        options["IdentitiesOnly"] = "yes"
        options["IdentityFile"] = _quoted(Path(settings.key_file).expanduser())
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [settings.program, *_config(settings), "-T", "-E", _LOG, *given]


def _config(settings: OpensshSettings) -> list[str]:
    if settings.config_file is None:
        return []
    return ["-F", _NOTHING if settings.config_file == "none" else str(Path(settings.config_file).expanduser())]


def _destination(settings: OpensshSettings) -> list[str]:
    port = ["-p", str(settings.port)] if settings.port is not None else []
    user = ["-l", settings.user] if settings.user is not None else []
    return [*port, *user, "--", settings.host]


def _quoted(path: Path) -> str:
    """Return a path as ssh reads it back from an option: in quotes, and without its tokens. Raises ``ConfigError``."""
    if "${" in str(path):
        raise ConfigError(f"ssh can't be given the path {path}: it would take its ${{ for a variable")
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'
