"""From a host's name to a link that is logged in, every step under a deadline."""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Iterator
from pathlib import Path

from paramiko import SSHException, Transport  # type: ignore[import-untyped]
from paramiko.ssh_exception import IncompatiblePeer  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, CompanionIdentity, Deadline, RunContext

from .._host_keys.known_hosts import HostKey, KnownKeys, host_label, read_known_keys
from . import SshSettings
from .link import Link
from .login import log_in
from .tcp import open_socket

log = logging.getLogger(__name__)

_WHOLE_S = 45.0

_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
_HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signature algorithms of each type of host key, without SHA-1."""


def open_link(settings: SshSettings, user: str, address: str, context: RunContext) -> Link:
    """Connect, check the host key, log in. Raises ``CompanionError``, ``ConfigError``."""
    _quieten_paramiko()
    deadline = Deadline.after(context.deadline.remaining_s(_WHOLE_S))
    path = Path(settings.known_hosts or "~/.ssh/known_hosts").expanduser()
    known = read_known_keys(path, settings.host, settings.port)
    with _closed_on_error(_shake_hands(settings, deadline, known)) as transport:
        host_key = _host_key(transport)
        _check_host_key(settings, known, host_key, path)
        if not transport.agreed_on_strict_kex:
            raise CompanionError(
                f"{address} does not offer strict key exchange, so the link could be tampered with (CVE-2023-48795)",
                hint="Update the companion's SSH server.",
            )
        log_in(transport, settings, user, address, deadline)
        transport.set_keepalive(settings.keepalive_s)
        return Link(transport, CompanionIdentity(address=address, fingerprint=host_key.fingerprint))


def _shake_hands(settings: SshSettings, deadline: Deadline, known: KnownKeys) -> Transport:
    """Exchange keys, asking for a host key of a pinned type where one is pinned: a server may have several."""
    pinned = tuple(name for key in known.pinned for name in _HOST_KEY_ALGORITHMS.get(key.type, ()))
    every = tuple(name for names in _HOST_KEY_ALGORITHMS.values() for name in names)
    if known.pinned and not pinned:
        raise CompanionError(
            f"the known host key of {settings.host} is of a type that can't be checked: {known.pinned[0].type}",
            hint="Add the companion's ssh-ed25519 key to the known host keys.",
        )
    try:
        return _negotiate(settings, deadline, pinned or every)
    except IncompatiblePeer as error:
        if not pinned:
            raise _nothing_in_common(settings, error) from error
    try:
        # Nothing is sent over this connection: it shows what key of another type there is, for the message.
        return _negotiate(settings, deadline, every)
    except IncompatiblePeer as error:
        raise _nothing_in_common(settings, error) from error


def _negotiate(settings: SshSettings, deadline: Deadline, host_key_algorithms: tuple[str, ...]) -> Transport:
    step_s = settings.connect_timeout_s
    where = f"{settings.host}:{settings.port}"
    connection = open_socket(settings.host, settings.port, step_s=step_s, deadline=deadline)
    with _closed_on_error(Transport(connection)) as transport:
        transport.banner_timeout = transport.handshake_timeout = step_s
        options = transport.get_security_options()
        options.ciphers, options.digests, options.key_types = _CIPHERS, _MACS, host_key_algorithms
        try:
            transport.start_client(timeout=deadline.remaining_s(2 * step_s))
        except IncompatiblePeer:
            raise
        except EOFError as error:
            raise CompanionError(f"{where} closed the connection while keys were exchanged", retryable=True) from error
        except (SSHException, OSError) as error:
            raise CompanionError(f"{where} does not greet as an SSH server does: {error}", retryable=True) from error
        if not transport.initial_kex_done:
            seen = (
                "stalled while keys were exchanged"
                if transport.remote_version
                else "does not greet as an SSH server does"
            )
            raise CompanionError(f"{where} {seen}", retryable=True)
        return transport


def _host_key(transport: Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def _check_host_key(settings: SshSettings, known: KnownKeys, key: HostKey, path: Path) -> None:
    """Raise ``CompanionError`` unless the key is a known one. Nothing is ever added to the file."""
    label = host_label(settings.host, settings.port)
    if key in known.revoked:
        raise CompanionError(
            f"the host key of {label} is revoked in {path}: {key.type} {key.fingerprint}",
            hint="Don't connect to this companion until it has a new host key.",
        )
    if key in known.pinned:
        return
    if known.pinned:
        expected = ", ".join(f"{pinned.type} {pinned.fingerprint}" for pinned in known.pinned)
        raise CompanionError(
            f"HOST KEY CHANGED: {label} shows {key.type} {key.fingerprint}, but {path} has {expected}",
            hint="This may be another machine, or somebody in between. Only if you know why it changed: "
            f"{shlex.join(['ssh-keygen', '-R', label, '-f', str(path)])}, and add the new key.",
        )
    keyscan = shlex.join(["ssh-keyscan", "-p", str(settings.port), "-t", _scan_type(key.type), settings.host])
    raise CompanionError(
        f"the host key of {label} is not known: {key.type} {key.fingerprint}",
        hint="Compare this fingerprint with what ssh-keygen -lf /etc/ssh/ssh_host_"
        f"{_scan_type(key.type)}_key.pub shows on the companion. If they are equal: "
        f"{keyscan} >> {shlex.quote(str(path))}",
    )


def _scan_type(key_type: str) -> str:
    """Return how ssh-keyscan and the names of host key files call a type of key."""
    return key_type.removeprefix("ssh-").split("-")[0]


def _nothing_in_common(settings: SshSettings, error: IncompatiblePeer) -> CompanionError:
    return CompanionError(
        f"{settings.host}:{settings.port} offers only algorithms that are too weak to use: {error}",
        hint="Update the companion's SSH server; ssh-rsa with SHA-1, CBC ciphers, MD5 and SHA-1 are not used.",
    )


@contextlib.contextmanager
def _closed_on_error(transport: Transport) -> Iterator[Transport]:
    try:
        yield transport
    except BaseException:
        transport.close()
        transport.sock.close()  # closing the transport does not close it before its thread was started
        if transport.is_alive():
            transport.join(1.0)
        raise


class _ToOurLog(logging.Handler):
    """Passes paramiko's log on at DEBUG: what matters of it is raised, and its tracebacks are not for an operator."""

    def emit(self, record: logging.LogRecord) -> None:
        log.debug("paramiko: %s", record.getMessage())


def _quieten_paramiko() -> None:
    theirs = logging.getLogger("paramiko")
    if not any(isinstance(handler, _ToOurLog) for handler in theirs.handlers):
        theirs.addHandler(_ToOurLog())
        theirs.propagate = False
