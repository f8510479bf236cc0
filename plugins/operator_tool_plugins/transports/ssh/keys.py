"""The private keys to log in with: of configured files, of the agent, or of the account's default files."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from paramiko import PKey  # type: ignore[import-untyped]
from paramiko.ssh_exception import PasswordRequiredException  # type: ignore[import-untyped]

from operator_tool.api import CompanionError, ConfigError

from .route import Endpoint

log = logging.getLogger(__name__)

MOST_KEYS = 5
"""OpenSSH hangs up at the sixth key that it refuses."""
DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_TRIES = 3
_MAGIC = b"openssh-key-v1\0"


class Candidate(NamedTuple):
    """A key to try, and how to call it."""

    name: str
    key: Any


class PassphraseWantedError(CompanionError):
    """A key needs a passphrase that nobody could be asked for."""


class Keyring:
    """Makes keys ready to be used; remembers those that a passphrase was typed for, so that it is typed once.

    Any thread may use it: while somebody types, the threads of other companions wait for that answer.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._opened: dict[tuple[Path, int, int], Any] = {}

    def candidates(
        self, server: Endpoint, agent_keys: tuple[Any, ...], ask: Callable[[str], str] | None
    ) -> list[Candidate]:
        """Return the keys to try for a server, the configured ones alone where there are any.

        A key that is locked and that the agent doesn't hold is asked for. Raises ``CompanionError``, ``ConfigError``
        for a key of the settings that can't be used; one that ~/.ssh/config names may be missing.
        """
        found: list[Candidate] = []
        for path in server.key_files:
            if server.keys_are_set or path.exists():
                found.append(self._configured(path, agent_keys, ask))
            else:
                log.info("%s is not there; it is not used", path)
        if server.key_files:
            if not found:
                raise CompanionError(
                    f"there is no key to log in to {server.address} with: {', '.join(map(str, server.key_files))} of "
                    "the SSH configuration is not there",
                    hint="Set ssh.key_file, or mend IdentityFile in ~/.ssh/config.",
                )
            return found[:MOST_KEYS]
        found += [Candidate(f"the agent's {key.get_name()}", key) for key in agent_keys]
        for path in (Path(name).expanduser() for name in DEFAULT_FILES):
            if path.exists():
                try:
                    found.append(Candidate(str(path), _load(path)))
                except (CompanionError, ConfigError, _EncryptedError) as error:
                    log.info("%s is not used: %s", path, error)
        if not found:
            raise CompanionError(
                f"there is no key to log in to {server.address} with: none in the agent, none in "
                f"{', '.join(DEFAULT_FILES)}",
                hint="Set ssh.key_file, or add a key to the agent with ssh-add.",
            )
        return found[:MOST_KEYS]

    def _configured(self, path: Path, agent_keys: tuple[Any, ...], ask: Callable[[str], str] | None) -> Candidate:
        try:
            return Candidate(str(path), _load(path))
        except _EncryptedError:
            public = _public_blob(path)
            for key in agent_keys:
                if key.asbytes() == public:
                    return Candidate(f"{path}, by the agent,", key)
        now = path.stat()
        file = (path, now.st_ino, now.st_mtime_ns)
        with self._asking:
            if file not in self._opened:
                if ask is None:
                    raise PassphraseWantedError(
                        f"the key file {path} is protected by a passphrase, and the agent does not hold its key",
                        hint=f"Run: ssh-add {path}",
                    )
                self._opened[file] = _unlock(path, ask)
            return Candidate(str(path), self._opened[file])


OF_THIS_RUN = Keyring()
"""What was typed for one companion's sake opens the same key for all others of the run."""


class _EncryptedError(Exception):
    """The key needs a passphrase."""


def _load(path: Path, passphrase: str | None = None) -> Any:
    try:
        others_may_read = bool(path.stat().st_mode & 0o077)
        key = PKey.from_path(path, passphrase.encode() if passphrase is not None else None)
    except OSError as error:
        raise ConfigError(f"ssh.key_file: {path} can't be read: {error.strerror}") from error
    except (PasswordRequiredException, TypeError) as error:  # TypeError: cryptography's, for a missing passphrase
        raise _EncryptedError("it is protected by a passphrase") from error
    except Exception as error:  # whatever the parsers of key formats raise, the file is not usable
        if passphrase is not None:
            raise _EncryptedError("it is protected by another passphrase") from None
        raise CompanionError(
            f"the key file {path} is not a private key that can be used: {error}", hint="Set ssh.key_file."
        ) from error
    if others_may_read:
        raise CompanionError(
            f"the key file {path} may be read by others, so it is not used", hint=f"Run: chmod 600 {path}"
        )
    return key


def _unlock(path: Path, ask: Callable[[str], str]) -> Any:
    """Ask for the passphrase until it fits; nothing typed gives up."""
    again = ""
    for _ in range(_TRIES):
        passphrase = ask(f"{again}Passphrase of the key {path}: ")
        if not passphrase:
            break
        try:
            return _load(path, passphrase)
        except _EncryptedError:
            again = "It does not fit. "
    raise CompanionError(
        f"the key file {path} is protected by a passphrase, and the one that was typed does not fit it",
        hint=f"Try again, or run: ssh-add {path}",
    )


def _public_blob(path: Path) -> bytes | None:
    """Return the public key of a locked one: of the file beside it, or of the open part of OpenSSH's format."""
    try:
        return base64.b64decode(path.with_name(path.name + ".pub").read_text("utf-8").split()[1], validate=True)
    except (OSError, IndexError, ValueError, binascii.Error):
        pass
    try:
        # PROTOCOL.key: magic, cipher, key derivation, its options, how many keys, the public key.
        data = base64.b64decode(b"".join(path.read_bytes().strip().splitlines()[1:-1]))
    except (OSError, ValueError, binascii.Error):
        return None
    if not data.startswith(_MAGIC):
        return None
    rest = data[len(_MAGIC) :]
    for _ in range(3):
        rest = rest[4 + int.from_bytes(rest[:4], "big") :]
    size = int.from_bytes(rest[4:8], "big")
    return rest[8 : 8 + size] or None
