"""The SSH handshake over a connection that is there: greeting, algorithms, keys. Nobody is trusted or logged in yet."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from paramiko import SSHException  # type: ignore[import-untyped]
from paramiko.ssh_exception import IncompatiblePeer  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, Deadline, escape_controls

from .._host_keys.known_hosts import HostKey, KnownKeys
from .._secure_shell.algorithms import HOST_KEYS, STRICT_HINT, WEAK_HINT, not_strict, strong_among
from .._secure_shell.waiting import HungUpFirstError, patiently
from .client import ClientTransport, Connection, closed_on_error
from .route import Endpoint

_EVERY = tuple(name for names in HOST_KEYS.values() for name in names)
_MAX_NAMED = 300


def shake_hands(
    server: Endpoint,
    dial: Callable[[], Connection],
    known: KnownKeys,
    *,
    step_s: float,
    deadline: Deadline,
    given_up: threading.Event,
) -> ClientTransport:
    """Exchange keys, asking for a host key of a pinned type where one is pinned: a server may have several.

    ``dial`` makes a connection each time. A server that has too many logins under way is tried again for a while.
    Raises ``CompanionError``.
    """
    return patiently(lambda: _shaken(server, dial, known, step_s, deadline), deadline, given_up)


def _shaken(
    server: Endpoint, dial: Callable[[], Connection], known: KnownKeys, step_s: float, deadline: Deadline
) -> ClientTransport:
    pinned = tuple(name for key in known.pinned for name in HOST_KEYS.get(key.type, ()))
    if pinned:
        # Nothing is sent over a second connection: it shows what key of another type there is, for the message.
        with contextlib.suppress(_WeakError):
            return _negotiate(server, dial(), pinned, step_s, deadline)
    try:
        return _negotiate(server, dial(), _EVERY, step_s, deadline)
    except _WeakError as weak:
        raise CompanionError(f"{server.where} {weak}", hint=weak.hint) from weak


def host_key(transport: ClientTransport) -> HostKey:
    """Return the key that the server has shown, and proved to hold."""
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def check_strict(server: Endpoint, transport: ClientTransport) -> None:
    """Raise ``CompanionError`` unless messages can't be dropped from the handshake unseen."""
    if not transport.agreed_on_strict_kex:
        raise CompanionError(not_strict(server.address), hint=STRICT_HINT)


class _WeakError(Exception):
    """There is no algorithm in common; its text says what there is."""

    def __init__(self, text: str, hint: str = WEAK_HINT) -> None:
        super().__init__(text)
        self.hint = hint


def _negotiate(
    server: Endpoint, connection: Connection, host_key_algorithms: tuple[str, ...], step_s: float, deadline: Deadline
) -> ClientTransport:
    with closed_on_error(ClientTransport(connection)) as transport:
        transport.banner_timeout = transport.handshake_timeout = step_s
        transport.get_security_options().key_types = host_key_algorithms
        try:
            transport.start_client(timeout=deadline.remaining_s(2 * step_s))
        except IncompatiblePeer as error:
            raise _nothing_in_common(transport) or _WeakError(f"can't be spoken to: {_shown(str(error))}") from error
        except (EOFError, SSHException, OSError) as error:
            if transport.hung_up_first:
                raise HungUpFirstError(server.where, transport.said_first) from error
            if isinstance(error, EOFError):
                why = f": {transport.last_words}" if transport.last_words else ""
                raise CompanionError(
                    f"{server.where} closed the connection while keys were exchanged{why}", retryable=True
                ) from error
            nothing = f"it said nothing for {step_s:g} s" if transport.remote_version == "" else ""
            said = transport.said_first or nothing or _shown(str(error))
            raise CompanionError(
                f"{server.where} does not greet as an SSH server does: {said}", retryable=True
            ) from error
        if not transport.initial_kex_done:
            seen = (
                "stalled while keys were exchanged"
                if transport.remote_version
                else "does not greet as an SSH server does"
            )
            raise CompanionError(f"{server.where} {seen}", retryable=True)
        return transport


def _nothing_in_common(transport: ClientTransport) -> _WeakError | None:
    """Return the error with what the server offers of the first kind of algorithm that has none in common, if any."""
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
            offer = _shown(", ".join(names))
            if strong_among(names):
                hint = "--transport openssh reaches it, or let the companion's SSH server offer another as well."
                return _WeakError(f"offers only algorithms for {kind} that the transport ssh has not: {offer}", hint)
            return _WeakError(f"offers only algorithms for {kind} that are too weak to use: {offer}")
    return None


def _shown(text: str) -> str:
    """Return what the other side sent, short and harmless to print."""
    return escape_controls(text, limit=_MAX_NAMED)
