"""The SSH handshake over a connection that is there: greeting, algorithms, keys. Nobody is trusted or logged in yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from paramiko import SSHException  # type: ignore[import-untyped]
from paramiko.ssh_exception import IncompatiblePeer  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, Deadline, escape_controls

from .._host_keys.known_hosts import HostKey, KnownKeys
from .client import ClientTransport, Connection, closed_on_error
from .route import Endpoint

_HOST_KEY_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signature algorithms of each type of host key, without SHA-1."""
_EVERY = tuple(name for names in _HOST_KEY_ALGORITHMS.values() for name in names)
_MAX_NAMED = 300


def shake_hands(
    server: Endpoint, dial: Callable[[], Connection], known: KnownKeys, *, step_s: float, deadline: Deadline
) -> ClientTransport:
    """Exchange keys, asking for a host key of a pinned type where one is pinned: a server may have several.

    ``dial`` makes a connection each time. Raises ``CompanionError``.
    """
    pinned = tuple(name for key in known.pinned for name in _HOST_KEY_ALGORITHMS.get(key.type, ()))
    if pinned:
        # Nothing is sent over a second connection: it shows what key of another type there is, for the message.
        with contextlib.suppress(_WeakError):
            return _negotiate(server, dial(), pinned, step_s, deadline)
    try:
        return _negotiate(server, dial(), _EVERY, step_s, deadline)
    except _WeakError as weak:
        raise CompanionError(
            f"{server.where} {weak}",
            hint="Update the companion's SSH server; ssh-rsa with SHA-1, CBC ciphers, MD5 and SHA-1 are not used.",
        ) from weak


def host_key(transport: ClientTransport) -> HostKey:
    """Return the key that the server has shown, and proved to hold."""
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def check_strict(server: Endpoint, transport: ClientTransport) -> None:
    """Raise ``CompanionError`` unless messages can't be dropped from the handshake unseen."""
    if not transport.agreed_on_strict_kex:
        raise CompanionError(
            f"{server.address} does not offer strict key exchange, so the link could be tampered with (CVE-2023-48795)",
            hint="Update the companion's SSH server.",
        )


class _WeakError(Exception):
    """There is no algorithm in common; its text says what there is."""


def _negotiate(
    server: Endpoint, connection: Connection, host_key_algorithms: tuple[str, ...], step_s: float, deadline: Deadline
) -> ClientTransport:
    with closed_on_error(ClientTransport(connection)) as transport:
        transport.banner_timeout = transport.handshake_timeout = step_s
        transport.get_security_options().key_types = host_key_algorithms
        try:
            transport.start_client(timeout=deadline.remaining_s(2 * step_s))
        except IncompatiblePeer as error:
            raise _WeakError(_nothing_in_common(transport) or f"can't be spoken to: {_shown(str(error))}") from error
        except EOFError as error:
            raise CompanionError(
                f"{server.where} closed the connection while keys were exchanged", retryable=True
            ) from error
        except (SSHException, OSError) as error:
            raise CompanionError(
                f"{server.where} does not greet as an SSH server does: {_shown(str(error))}", retryable=True
            ) from error
        if not transport.initial_kex_done:
            seen = (
                "stalled while keys were exchanged"
                if transport.remote_version
                else "does not greet as an SSH server does"
            )
            raise CompanionError(f"{server.where} {seen}", retryable=True)
        return transport


def _nothing_in_common(transport: ClientTransport) -> str | None:
    """Return what the server offers of the first kind of algorithm that has none in common; None: all kinds have."""
    options = transport.get_security_options()
    for kind, key, ours in (
        ("key exchange", "kex_algo_list", options.kex),
        ("host key signatures", "server_key_algo_list", options.key_types),
        ("ciphers", "client_encrypt_algo_list", options.ciphers),
        ("ciphers", "server_encrypt_algo_list", options.ciphers),
        ("message authentication", "client_mac_algo_list", options.digests),
        ("message authentication", "server_mac_algo_list", options.digests),
    ):
        offered = transport.offered.get(key)
        if offered is not None and set(ours).isdisjoint(offered):
            names = [name for name in offered if not name.startswith(("ext-info-", "kex-strict-"))]
            return f"offers only algorithms for {kind} that are too weak to use: {_shown(', '.join(names))}"
    return None


def _shown(text: str) -> str:
    """Return what the other side sent, short and harmless to print."""
    return escape_controls(text, limit=_MAX_NAMED)
