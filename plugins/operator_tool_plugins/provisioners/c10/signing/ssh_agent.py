"""A signing key that an ssh-agent holds (draft-ietf-sshm-ssh-agent): asked over its socket, with limits.

The agent may be a program that hangs, or one that waits for its user to agree or to touch a token.
"""

from __future__ import annotations

import os
import socket
import struct

from operator_tool.api import ConfigError, RunContext

from .sshsig import (
    KEY_TYPE,
    SIGNATURE_BYTES,
    armored,
    fingerprint_of,
    raw_key,
    read_text,
    texts,
    to_be_signed,
    words_of,
)

SOCKET = "SSH_AUTH_SOCK"
ANSWER_S = 10.0
SIGN_S = 60.0
"""Somebody may have to look for the window that asks."""
_MAX_BYTES = 256 * 1024
_MAX_KEYS = 1000
_REQUEST_IDENTITIES, _IDENTITIES, _SIGN_REQUEST, _SIGN_RESPONSE = 11, 12, 13, 14


class SshAgent:
    """The agent of this process's environment; each question has a connection of its own."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def identities(self, what: str) -> list[tuple[bytes, str]]:
        """Return the Ed25519 keys that it holds, each with its comment. Raises ``ConfigError``."""
        try:
            rest = self._ask(bytes([_REQUEST_IDENTITIES]), _IDENTITIES, ANSWER_S)
            count, rest = int.from_bytes(rest[:4], "big"), rest[4:]
            found = []
            for _ in range(min(count, _MAX_KEYS)):
                key, rest = read_text(rest)
                comment, rest = read_text(rest)
                if key.startswith(texts(KEY_TYPE.encode("ascii"))):
                    raw_key(key)
                    found.append((key, comment.decode("utf-8", "backslashreplace")))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{what}: the ssh-agent can't be asked for its keys: {error or 'no answer in time'}",
                hint=f"Check that ssh-add -l works here: {SOCKET} must name a running agent's socket.",
            ) from None
        return found

    def holds(self, public_key: bytes) -> bool:
        """Tell whether there is an agent that holds this key."""
        try:
            return any(key == public_key for key, _comment in self.identities(""))
        except ConfigError:
            return False

    def sign(self, public_key: bytes, data: bytes, what: str) -> bytes:
        """Return the raw signature. Raises ``ConfigError`` where the agent, or its user, does not give a good one."""
        try:
            request = bytes([_SIGN_REQUEST]) + texts(public_key, data) + bytes(4)
            return _signature_in(self._ask(request, _SIGN_RESPONSE, SIGN_S), public_key, data)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{what}: the ssh-agent did not sign with {fingerprint_of(public_key)}: {error or 'no answer in time'}",
                hint="It may be locked (ssh-add -X), or want its user to agree.",
            ) from None

    def _ask(self, request: bytes, wanted: int, seconds: float) -> bytes:
        """Return the answer's body; raises ``ValueError`` where it is another kind, and ``OSError``."""
        where = os.environ.get(SOCKET)
        if not where:
            raise ValueError(f"there is none: {SOCKET} is not set")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(max(0.1, self._context.deadline.remaining_s(seconds)))
            connection.connect(where)
            connection.sendall(texts(request))
            size = struct.unpack(">I", _exactly(connection, 4))[0]
            if not 1 <= size <= _MAX_BYTES:
                raise ValueError(f"its answer would be {size} bytes")
            answer = _exactly(connection, size)
        if answer[0] != wanted:
            raise ValueError("it refused" if answer[0] == 5 else f"its answer is of the kind {answer[0]}")
        return answer[1:]


class AgentSigner:
    """Signs with a key that the agent holds."""

    def __init__(self, agent: SshAgent, public_key: bytes, what: str) -> None:
        self._agent = agent
        self._public = public_key
        self._what = what

    @property
    def fingerprint(self) -> str:
        """As ``ssh-add -l`` shows it."""
        return fingerprint_of(self._public)

    @property
    def public_key(self) -> str:
        """As ``ssh-add -L`` shows it, without the comment."""
        return words_of(self._public)

    def make_ready(self) -> None:
        """See that the agent holds the key now; whether its user agrees shows when it signs."""
        if not any(key == self._public for key, _comment in self._agent.identities(self._what)):
            raise ConfigError(
                f"{self._what}: the ssh-agent does not hold {self.fingerprint}", hint="Add the key with ssh-add."
            )

    def sign(self, data: bytes, namespace: str) -> str:
        """Return an armored SSHSIG."""
        signature = self._agent.sign(self._public, to_be_signed(data, namespace), self._what)
        return armored(self._public, namespace, signature)


def _signature_in(answer: bytes, public_key: bytes, data: bytes) -> bytes:
    """Return the raw signature of the agent's answer, which must be good; raises ``ValueError``."""
    signature, _rest = read_text(answer)
    kind, rest = read_text(signature)
    raw, _rest = read_text(rest)
    if kind != KEY_TYPE.encode("ascii") or len(raw) != SIGNATURE_BYTES or not _is_by(public_key, raw, data):
        raise ValueError("what it gave is not this key's signature")
    return raw


def _is_by(public_key: bytes, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(raw_key(public_key)).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _exactly(connection: socket.socket, size: int) -> bytes:
    pieces = []
    while size:
        piece = connection.recv(size)
        if not piece:
            raise ValueError("it hung up")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
