"""Logging in with one key after another."""

from __future__ import annotations

from collections.abc import Sequence

from paramiko import SSHException  # type: ignore[import-untyped]
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, Deadline, escape_bytes, escape_controls

from .._host_keys.known_hosts import HostKey
from .client import ClientTransport
from .keys import Candidate
from .route import Endpoint

_BANNER_LINES = 4


def log_in(
    transport: ClientTransport, server: Endpoint, candidates: Sequence[Candidate], *, step_s: float, deadline: Deadline
) -> None:
    """Log in, or raise ``CompanionError`` naming the user and the keys that were tried."""
    refused: list[str] = []
    for candidate in candidates:
        transport.auth_timeout = deadline.remaining_s(step_s)
        if _accepted(transport, server, candidate, Deadline.after(transport.auth_timeout)):
            return
        refused.append(f"{candidate.name} {HostKey('', candidate.key.asbytes()).fingerprint}")
        if not transport.is_active():
            break
    then = "" if transport.is_active() else ", then it hung up"
    raise CompanionError(
        f"{server.address} refused user {server.user}; tried {', '.join(refused)}{then}{_said(transport)}",
        hint="Add the public key to ~/.ssh/authorized_keys of that account on the companion, or set ssh.key_file.",
    )


def _said(transport: ClientTransport) -> str:
    """Return what the server said about the login, for the end of a message."""
    banner = transport.get_banner() or b""
    lines = [escape_bytes(line.strip(), limit=200) for line in banner.splitlines() if line.strip()]
    words = " | ".join([*lines[-_BANNER_LINES:], *([transport.last_words] if transport.last_words else [])])
    return f"; it said: {words}" if words else ""


def _accepted(transport: ClientTransport, server: Endpoint, candidate: Candidate, deadline: Deadline) -> bool:
    address, user = server.address, server.user
    try:
        further = transport.auth_publickey(user, candidate.key)
    except BadAuthenticationType as error:
        raise CompanionError(
            f"{address} lets nobody log in with a key, only with {escape_controls(', '.join(error.allowed_types))}",
            hint="Allow PubkeyAuthentication in the companion's SSH server.",
        ) from error
    except AuthenticationException as error:
        if deadline.passed:
            raise CompanionError(f"{address} stalled while user {user} logged in", retryable=True) from error
        return False
    except (SSHException, EOFError, OSError) as error:
        why = transport.last_words or str(error) or "it hung up"
        raise CompanionError(f"{address} was lost while user {user} logged in: {why}", retryable=True) from error
    if further:
        raise CompanionError(
            f"{address} asks for more than a key: {escape_controls(', '.join(further))}, which is not supported"
        )
    return True
