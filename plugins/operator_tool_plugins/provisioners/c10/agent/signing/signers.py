"""Whose signature this companion takes: ``allowed_signers`` and ``revoked_signers``, as OpenSSH writes them.

Those of ``/etc/c10`` count, or else those of the cache root. Only what this agent and ``ssh-keygen`` must read alike is
let through: a line for each signer, of one plain name, perhaps namespaces, and an Ed25519 key. Whatever else is there
makes the whole file one that can't be relied on; then nothing is taken, rather than anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from ..faults import AgentError
from ..layout import Layout
from .kept_file import read_kept

SYSTEM_FOLDER = "/etc/c10"
ALLOWED = "allowed_signers"
REVOKED = "revoked_signers"
MAX_SIGNERS = 64
PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}\Z")
_NAMESPACES = re.compile(r'namespaces="([A-Za-z0-9@._,-]+)"\Z')
_ED25519 = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
_ED25519_BYTES = len(_ED25519) + 32


class Signer(NamedTuple):
    """One line of ``allowed_signers``."""

    principal: str
    namespaces: Optional[Tuple[str, ...]]
    """None: any."""
    key: bytes
    """The public key as the SSH protocol encodes it."""


class Enrolled(NamedTuple):
    """What was found, read once."""

    path: str
    """The ``allowed_signers`` that counts."""
    data: bytes
    signers: Tuple[Signer, ...]
    revoked: FrozenSet[bytes]
    """The keys of both revocation lists: whoever may write one of them can only take away."""

    def usable(self) -> Tuple[Signer, ...]:
        """Return the signers that were not revoked."""
        return tuple(signer for signer in self.signers if signer.key not in self.revoked)


def enrolled(layout: Layout) -> Optional[Enrolled]:
    """Return whose signatures count, None where this companion takes what is not signed.

    Raises ``signers`` where that can't be told.
    """
    for folder in (SYSTEM_FOLDER, layout.root):
        path = os.path.join(folder, ALLOWED)
        data = _read(path)
        if data is not None:
            signers = _parsed(path, data)
            return Enrolled(path, data, signers, frozenset(key for at in _lists(layout) for key in _revoked(at)))
    return None


def signers(layout: Layout) -> Optional[List[Dict[str, str]]]:
    """Return what ``hello`` tells of ``enrolled``: principals and fingerprints, without those that were revoked."""
    found = enrolled(layout)
    if found is None:
        return None
    return [{"principal": one.principal, "fingerprint": fingerprint(one.key)} for one in found.usable()]


def fingerprint(key: bytes) -> str:
    """Return a public key's fingerprint as ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode("ascii").rstrip("=")


def parse_key(kind: str, text: str) -> bytes:
    """Return an Ed25519 key of its two words in a ``.pub`` file; raises ``ValueError``."""
    if kind != "ssh-ed25519":
        raise ValueError("it is not an ssh-ed25519 key")
    try:
        key = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("its key is not base64") from None
    if len(key) != _ED25519_BYTES or not key.startswith(_ED25519):
        raise ValueError("its key is not an ssh-ed25519 key")
    return key


def key_words(key: bytes) -> str:
    """Return the two words of a key."""
    return "ssh-ed25519 " + base64.b64encode(key).decode("ascii")


def _lists(layout: Layout) -> Tuple[str, str]:
    return os.path.join(SYSTEM_FOLDER, REVOKED), os.path.join(layout.root, REVOKED)


def _read(path: str) -> Optional[bytes]:
    try:
        return read_kept(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreliable(path, str(error)) from None


def _parsed(path: str, data: bytes) -> Tuple[Signer, ...]:
    found = []
    for number, words in _lines(path, data):
        try:
            found.append(_signer(words))
        except ValueError as error:
            raise _unreliable(path, "line %d: %s" % (number, error)) from None
    if not found:
        raise _unreliable(path, "it names no signer; delete it where caches need not be signed")
    if len(found) > MAX_SIGNERS:
        raise _unreliable(path, "it names more than %d signers" % MAX_SIGNERS)
    return tuple(found)


def _signer(words: List[str]) -> Signer:
    if not PRINCIPAL.match(words[0]):
        raise ValueError("expected one plain name of letters, digits and ._@+- before the key")
    namespaces: Optional[Tuple[str, ...]] = None
    if len(words) > 3 or (len(words) == 3 and words[1] != "ssh-ed25519"):
        match = _NAMESPACES.match(words[1])
        if match is not None:
            namespaces = tuple(match.group(1).split(","))
            words = [words[0], *words[2:]]
        elif words[1].lower().startswith(("valid-after", "valid-before")):
            raise ValueError("%s would have the companion's clock decide" % words[1].partition("=")[0])
    if len(words) < 3:
        raise ValueError('expected a name, perhaps namespaces="...", ssh-ed25519 and the key')
    return Signer(words[0], namespaces, parse_key(words[1], words[2]))


def _revoked(path: str) -> List[bytes]:
    data = _read(path)
    keys = []
    for number, words in _lines(path, data or b""):
        try:
            keys.append(parse_key(*words[:2]) if len(words) > 1 else parse_key("", ""))
        except ValueError as error:
            raise _unreliable(path, "line %d: expected a public key: %s" % (number, error)) from None
    return keys


def _lines(path: str, data: bytes) -> List[Tuple[int, List[str]]]:
    """Return the words of each line that is neither empty nor a comment."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreliable(path, "it is not text") from None
    if "\0" in text:
        raise _unreliable(path, "it is not text")
    numbered = enumerate(text.split("\n"), 1)
    lines = ((number, [word for word in re.split("[ \t\r]+", line) if word]) for number, line in numbered)
    return [(number, words) for number, words in lines if words and not words[0].startswith("#")]


def _unreliable(path: str, why: str) -> AgentError:
    return AgentError("signers", "%s can't be relied on: %s" % (path, why))
