"""Logging in with a key: of the configured file, of the agent, or of the account's default files."""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from paramiko import Agent, PKey, SSHException, Transport  # type: ignore[import-untyped]
from paramiko.ssh_exception import (  # type: ignore[import-untyped]
    AuthenticationException,
    BadAuthenticationType,
    PasswordRequiredException,
)

from operator_tool.api import CompanionError, ConfigError, Deadline

from .._host_keys.known_hosts import HostKey
from . import SshSettings
from .bounded import within

log = logging.getLogger(__name__)

_MOST_KEYS = 5
"""OpenSSH hangs up at the sixth key that it refuses."""
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


class _Candidate(NamedTuple):
    name: str
    key: Any


def log_in(transport: Transport, settings: SshSettings, user: str, address: str, deadline: Deadline) -> None:
    """Log in, or raise ``CompanionError`` naming the user and the keys that were tried."""
    step_s = settings.connect_timeout_s
    with _agent_keys(settings.use_agent, deadline.remaining_s(step_s)) as agent_keys:
        candidates = _candidates(settings, agent_keys)
        if not candidates:
            raise CompanionError(
                f"there is no key to log in to {address} with: none in the agent, none in {', '.join(_DEFAULT_FILES)}",
                hint="Set ssh.key_file, or add a key to the agent with ssh-add.",
            )
        refused: list[str] = []
        for candidate in candidates[:_MOST_KEYS]:
            transport.auth_timeout = deadline.remaining_s(step_s)
            if _accepted(transport, user, candidate, address, Deadline.after(transport.auth_timeout)):
                return
            refused.append(f"{candidate.name} {HostKey('', candidate.key.asbytes()).fingerprint}")
            if not transport.is_active():
                break
    then = "" if transport.is_active() else ", then it hung up"
    raise CompanionError(
        f"{address} refused user {user}; tried {', '.join(refused)}{then}",
        hint="Add the public key to ~/.ssh/authorized_keys of that account on the companion, or set ssh.key_file.",
    )


def _accepted(transport: Transport, user: str, candidate: _Candidate, address: str, deadline: Deadline) -> bool:
    try:
        further = transport.auth_publickey(user, candidate.key)
    except BadAuthenticationType as error:
        raise CompanionError(
            f"{address} lets nobody log in with a key, only with {', '.join(error.allowed_types)}",
            hint="Allow PubkeyAuthentication in the companion's SSH server.",
        ) from error
    except AuthenticationException as error:
        if deadline.passed:
            raise CompanionError(f"{address} stalled while user {user} logged in", retryable=True) from error
        return False
    except (SSHException, EOFError, OSError) as error:
        raise CompanionError(f"{address} was lost while user {user} logged in: {error}", retryable=True) from error
    if further:
        raise CompanionError(f"{address} asks for more than a key: {', '.join(further)}, which is not supported")
    return True


def _candidates(settings: SshSettings, agent_keys: tuple[Any, ...]) -> list[_Candidate]:
    if settings.key_file is not None:
        return [_configured(Path(settings.key_file).expanduser(), agent_keys)]
    found = [_Candidate(f"the agent's {key.get_name()}", key) for key in agent_keys]
    for path in (Path(name).expanduser() for name in _DEFAULT_FILES):
        if path.exists():
            try:
                found.append(_Candidate(str(path), _load(path)))
            except (CompanionError, ConfigError, _EncryptedError) as error:
                log.info("%s is not used: %s", path, error)
    return found


def _configured(path: Path, agent_keys: tuple[Any, ...]) -> _Candidate:
    try:
        return _Candidate(str(path), _load(path))
    except _EncryptedError:
        public = _public_blob(path)
        for key in agent_keys:
            if key.asbytes() == public:
                return _Candidate(f"{path}, by the agent,", key)
    raise CompanionError(
        f"the key file {path} is protected by a passphrase, and the agent does not hold its key",
        hint=f"Run: ssh-add {path}",
    )


class _EncryptedError(Exception):
    """The key needs a passphrase."""


def _load(path: Path) -> Any:
    try:
        others_may_read = bool(path.stat().st_mode & 0o077)
        key = PKey.from_path(path)
    except OSError as error:
        raise ConfigError(f"ssh.key_file: {path} can't be read: {error.strerror}") from error
    except (PasswordRequiredException, TypeError) as error:  # TypeError: cryptography's, for a missing passphrase
        raise _EncryptedError("it is protected by a passphrase") from error
    except Exception as error:  # whatever the parsers of key formats raise, the file is not usable
        raise CompanionError(
            f"the key file {path} is not a private key that can be used: {error}", hint="Set ssh.key_file."
        ) from error
    if others_may_read:
        raise CompanionError(
            f"the key file {path} may be read by others, so it is not used", hint=f"Run: chmod 600 {path}"
        )
    return key


def _public_blob(path: Path) -> bytes | None:
    """Return the public key that ssh-keygen wrote beside the private one."""
    try:
        return base64.b64decode(path.with_name(path.name + ".pub").read_text("utf-8").split()[1], validate=True)
    except (OSError, IndexError, ValueError, binascii.Error):
        return None


@contextlib.contextmanager
def _agent_keys(wanted: bool, seconds: float) -> Iterator[tuple[Any, ...]]:
    """Give the agent's keys while it is connected; none when there is no agent, or it does not answer."""
    where = os.environ.get("SSH_AUTH_SOCK")
    if not wanted or not where:
        yield ()
        return
    try:
        _try_agent(where, seconds)
        agent = within(seconds, Agent)
    except (SSHException, OSError) as error:
        log.warning("the SSH agent at %s could not be asked: %s", where, str(error) or "no answer in time")
        yield ()
        return
    try:
        yield agent.get_keys()
    finally:
        agent.close()


def _try_agent(where: str, seconds: float) -> None:
    """Raise ``OSError`` unless an agent answers: paramiko waits for one without a limit, and leaks its socket."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(seconds)
        agent.connect(where)
        agent.sendall(b"\x00\x00\x00\x01\x0b")  # SSH_AGENTC_REQUEST_IDENTITIES
        if not agent.recv(1):
            raise OSError("it hung up")
