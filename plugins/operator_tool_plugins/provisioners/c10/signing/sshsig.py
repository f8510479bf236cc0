"""SSHSIG, the form of OpenSSH's signatures over files (OpenSSH, PROTOCOL.sshsig), for Ed25519 keys."""

from __future__ import annotations

import base64
import hashlib

KEY_TYPE = "ssh-ed25519"
SIGNATURE_BYTES = 64
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = "sha512"
_COLUMNS = 70
_KEY_BYTES = 32


def to_be_signed(data: bytes, namespace: str) -> bytes:
    """Return the bytes that the key itself signs: they bind the namespace, so that no other use can be made of it."""
    return _MAGIC + texts(namespace.encode("ascii"), b"", _HASH.encode("ascii"), hashlib.sha512(data).digest())


def armored(public_key: bytes, namespace: str, signature: bytes) -> str:
    """Return the text form of a raw Ed25519 signature, byte for byte as ``ssh-keygen -Y sign`` writes it."""
    signed = texts(KEY_TYPE.encode("ascii"), signature)
    fields = texts(public_key, namespace.encode("ascii"), b"", _HASH.encode("ascii"), signed)
    text = base64.b64encode(_MAGIC + _VERSION.to_bytes(4, "big") + fields).decode("ascii")
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def raw_key(public_key: bytes) -> bytes:
    """Return the 32 bytes of an Ed25519 key; raises ``ValueError`` naming another kind."""
    kind, rest = read_text(public_key)
    if kind != KEY_TYPE.encode("ascii"):
        raise ValueError(f"it is a key of the type {kind[:40].decode('ascii', 'backslashreplace')}")
    raw, rest = read_text(rest)
    if len(raw) != _KEY_BYTES or rest:
        raise ValueError("its key is damaged")
    return raw


def fingerprint_of(public_key: bytes) -> str:
    """Return a key's fingerprint as ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public_key).digest()).decode("ascii").rstrip("=")


def words_of(public_key: bytes) -> str:
    """Return the two words of a ``.pub`` file."""
    return f"{KEY_TYPE} {base64.b64encode(public_key).decode('ascii')}"


def texts(*values: bytes) -> bytes:
    """Return values as SSH's strings: each with its length before it."""
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


def read_text(data: bytes) -> tuple[bytes, bytes]:
    """Return SSH's string at the beginning of ``data``, and what follows; raises ``ValueError``."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 or len(data) < 4 + size:
        raise ValueError("it is cut short")
    return data[4 : 4 + size], data[4 + size :]
