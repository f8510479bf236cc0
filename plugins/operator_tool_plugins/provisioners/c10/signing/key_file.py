"""A signing key in a file of one's own: loaded, or unlocked, or left to the agent that holds it."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from operator_tool.api import ConfigError, RunContext

from .private_file import private_bytes, public_part
from .ssh_agent import SshAgent
from .sshsig import armored, fingerprint_of, raw_key, to_be_signed, words_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_TRIES = 3
_one_question = threading.Lock()
_opened: dict[bytes, Ed25519PrivateKey] = {}
"""What a passphrase was typed for, by its public key: one answer opens it for all companions of a run."""


class FileSigner:
    """Signs with the key of a file; its passphrase is asked for when it is made ready, once in a run."""

    def __init__(self, path: Path, agent: SshAgent, context: RunContext, what: str) -> None:
        self._path = path
        self._agent = agent
        self._context = context
        self._what = what
        self._data = private_bytes(path, what)
        self._public = public_part(self._data, path, what)
        self._sign: Callable[[bytes], bytes] | None = None

    @property
    def fingerprint(self) -> str:
        """Of the open part of the file."""
        return fingerprint_of(self._public)

    @property
    def public_key(self) -> str:
        """The two words of the ``.pub`` file that belongs to it."""
        return words_of(self._public)

    def make_ready(self) -> None:
        """Load the key, by the agent where that holds a locked one, else by its passphrase."""
        if self._sign is None:
            self._sign = self._ready()

    def sign(self, data: bytes, namespace: str) -> str:
        """Return an armored SSHSIG."""
        self.make_ready()
        assert self._sign is not None
        return armored(self._public, namespace, self._sign(to_be_signed(data, namespace)))

    def _ready(self) -> Callable[[bytes], bytes]:
        try:
            return self._checked(self._load(None)).sign
        except TypeError:  # cryptography's, for a missing passphrase
            pass
        if self._agent.holds(self._public):
            return lambda data: self._agent.sign(self._public, data, self._what)
        with _one_question:
            if self._public not in _opened:
                _opened[self._public] = self._checked(self._unlocked())
            return _opened[self._public].sign

    def _load(self, passphrase: bytes | None) -> Ed25519PrivateKey:
        """Raises ``TypeError`` without a passphrase that is needed, ``ValueError`` with another one."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key

        try:
            key = load_ssh_private_key(self._data, passphrase)
        except UnsupportedAlgorithm as error:
            raise self._unusable(str(error)) from None
        except ValueError as error:
            if passphrase is not None:
                raise
            raise self._unusable(str(error)) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise self._unusable("its private part is of another type than its public part")
        return key

    def _checked(self, key: Ed25519PrivateKey) -> Ed25519PrivateKey:
        if key.public_key().public_bytes_raw() != raw_key(self._public):
            raise self._unusable("its two parts are not of one key")
        return key

    def _unlocked(self) -> Ed25519PrivateKey:
        """Ask for the passphrase until it fits; nothing typed gives up."""
        ask = self._context.ask_secret
        if ask is None:
            raise ConfigError(
                f"{self._what}: {self._path} is protected by a passphrase, the ssh-agent does not hold its key, and "
                "nobody can be asked",
                hint=f"Run: ssh-add {shlex.quote(str(self._path))}",
            )
        again = ""
        for _ in range(_TRIES):
            passphrase = ask(f"{again}Passphrase of the signing key {self._path}: ")
            if not passphrase:
                break
            try:
                return self._load(passphrase.encode())
            except ValueError:
                again = "It does not fit. "
        raise ConfigError(
            f"{self._what}: {self._path} is protected by a passphrase, and the one that was typed does not fit it",
            hint=f"Try again, or run: ssh-add {shlex.quote(str(self._path))}",
        )

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(f"{self._what}: {self._path} is not a private key that can be used: {why}")
