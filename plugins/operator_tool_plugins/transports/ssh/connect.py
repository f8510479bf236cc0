"""From the settings to a link that is logged in, over every jump host, each step under a deadline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from paramiko import ChannelException, SSHException  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, CompanionIdentity, Deadline, HostKeyOffer, RunContext

from .agent import agent_keys
from .client import ClientTransport, Connection, closed_on_error, hang_up
from .handshake import check_strict, host_key, shake_hands
from .host_keys import check_host_key, pins_of
from .keys import OF_THIS_RUN, Candidate
from .link import Link
from .login import log_in
from .route import Endpoint
from .settings import SshSettings
from .tcp import open_socket

_WHOLE_S = 45.0
_FORBIDDEN = 1
"""The reason of RFC 4254, 5.1, for a channel that the server's settings don't allow."""


class Connector:
    """Connects to the companion at the end of a route."""

    def __init__(self, settings: SshSettings, route: Sequence[Endpoint], context: RunContext) -> None:
        self._settings = settings
        self._hops, self._companion = tuple(route[:-1]), route[-1]
        self._context = context
        self._step_s = settings.connect_timeout_s

    def open_link(self, ask: Callable[[str], str] | None) -> Link:
        """Connect, check the host key, log in; ``ask`` is for passphrases. Raises ``CompanionError``, ``ConfigError``.

        Keys are made ready first: nothing waits, and no time runs, while somebody types a passphrase.
        """
        companion = self._companion
        with contextlib.ExitStack() as stack:
            keys = self._keys((*self._hops, companion), ask, stack)
            deadline = self._deadline()
            carriers = self._cross(keys, deadline, stack)
            pins = pins_of(companion, self._settings, self._context, is_hop=False)
            transport = stack.enter_context(
                closed_on_error(
                    shake_hands(
                        companion,
                        self._dial(companion, carriers, deadline),
                        pins.known,
                        step_s=self._step_s,
                        deadline=deadline,
                        given_up=self._context.cancelled,
                    )
                )
            )
            key = host_key(transport)
            check_host_key(companion, pins, key)
            check_strict(companion, transport)
            log_in(transport, companion, keys[-1], step_s=self._step_s, deadline=deadline)
            transport.set_keepalive(self._settings.keepalive_s)
            identity = CompanionIdentity(address=companion.address, fingerprint=key.fingerprint)
            return Link((*carriers, transport), identity)

    def offered_key(self, ask: Callable[[str], str] | None) -> HostKeyOffer:
        """Return the key that the companion shows; only jump hosts are logged in to. Raises as ``open_link``."""
        companion = self._companion
        pins = pins_of(companion, self._settings, self._context, is_hop=False)
        with contextlib.ExitStack() as stack:
            keys = self._keys(self._hops, ask, stack)
            deadline = self._deadline()
            carriers = self._cross(keys, deadline, stack)
            stack.callback(lambda: hang_up(*carriers) if carriers else None)
            dial = self._dial(companion, carriers, deadline)
            given_up = self._context.cancelled
            transport = shake_hands(
                companion, dial, pins.known, step_s=self._step_s, deadline=deadline, given_up=given_up
            )
            stack.callback(hang_up, transport)
            key = host_key(transport)
        return HostKeyOffer(
            label=companion.label,
            type=key.type,
            fingerprint=key.fingerprint,
            blob=key.blob,
            pinned=tuple(pinned.fingerprint for pinned in pins.known.pinned),
            revoked=key in pins.known.revoked,
        )

    def _deadline(self) -> Deadline:
        return Deadline.after(self._context.deadline.remaining_s(_WHOLE_S))

    def _keys(
        self, servers: Sequence[Endpoint], ask: Callable[[str], str] | None, stack: contextlib.ExitStack
    ) -> list[list[Candidate]]:
        """Return the keys for each server; agents stay connected, since they sign, until the stack is left."""
        found: list[list[Candidate]] = []
        for server in servers:
            held = stack.enter_context(agent_keys(server.agent, self._step_s))
            found.append(OF_THIS_RUN.candidates(server, held, ask))
        return found

    def _cross(
        self, keys: Sequence[Sequence[Candidate]], deadline: Deadline, stack: contextlib.ExitStack
    ) -> tuple[ClientTransport, ...]:
        """Log in to the jump hosts, each through the one before; the stack closes them when it is left by an error."""
        carriers: tuple[ClientTransport, ...] = ()
        for hop, candidates in zip(self._hops, keys, strict=False):
            pins = pins_of(hop, self._settings, self._context, is_hop=True)
            dial = self._dial(hop, carriers, deadline)
            carrier = stack.enter_context(
                closed_on_error(
                    shake_hands(
                        hop,
                        dial,
                        pins.known,
                        step_s=self._step_s,
                        deadline=deadline,
                        given_up=self._context.cancelled,
                    )
                )
            )
            check_host_key(hop, pins, host_key(carrier))
            check_strict(hop, carrier)
            log_in(carrier, hop, candidates, step_s=self._step_s, deadline=deadline)
            carrier.set_keepalive(self._settings.keepalive_s)
            carriers = (*carriers, carrier)
        return carriers

    def _dial(
        self, server: Endpoint, carriers: Sequence[ClientTransport], deadline: Deadline
    ) -> Callable[[], Connection]:
        if not carriers:
            return partial(open_socket, server.host, server.port, step_s=self._step_s, deadline=deadline)
        return partial(
            _through, carriers[-1], self._hops[len(carriers) - 1], server, step_s=self._step_s, deadline=deadline
        )


def _through(
    carrier: ClientTransport, hop: Endpoint, server: Endpoint, *, step_s: float, deadline: Deadline
) -> Connection:
    """Return a channel from a jump host to a server. Raises ``CompanionError``."""
    try:
        channel: Connection = carrier.open_channel(
            "direct-tcpip", (server.host, server.port), ("127.0.0.1", 0), timeout=deadline.remaining_s(step_s)
        )
    except ChannelException as error:
        if error.code == _FORBIDDEN:
            raise CompanionError(
                f"the jump host {hop.where} may not forward to {server.where}",
                hint="Allow TCP forwarding (AllowTcpForwarding, PermitOpen) in the SSH server of the jump host.",
            ) from error
        raise CompanionError(f"the jump host {hop.where} can't reach {server.where}", retryable=True) from error
    except (SSHException, EOFError, OSError) as error:
        raise CompanionError(
            f"the jump host {hop.where} did not connect to {server.where}: {error}", retryable=True
        ) from error
    return channel
