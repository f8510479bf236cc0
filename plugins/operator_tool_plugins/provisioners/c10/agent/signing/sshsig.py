"""What an armored SSHSIG says of itself, before anybody believes it (OpenSSH, PROTOCOL.sshsig)."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple, Tuple

MAX_CHARACTERS = 4096
"""Ed25519's has some 300."""
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----\n", "\n-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_MAGIC = b"SSHSIG\0\0\0\x01"
_HASHES = (b"sha512", b"sha256")
_SIGNATURE_BYTES = 64


class Claim(NamedTuple):
    """Who is said to have signed, and what for."""

    key: bytes
    namespace: bytes


def parse(armored: str) -> Claim:
    """Return what the signature claims; raises ``ValueError`` where it isn't one by an Ed25519 key, to the byte.

    One signature has one form, that of ``ssh-keygen``: a byte that was changed is told, also where it means nothing.
    """
    if len(armored) > MAX_CHARACTERS:
        raise ValueError("it is longer than %d characters" % MAX_CHARACTERS)
    try:
        data = base64.b64decode(armored[len(_BEGIN) : -len(_END)].encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("it is not an SSH SIGNATURE block") from None
    if armored != armor(data):
        raise ValueError("it is not an SSH SIGNATURE block as ssh-keygen writes it")
    if not data.startswith(_MAGIC):
        raise ValueError("it is not an SSHSIG of version 1")
    rest = data[len(_MAGIC) :]
    key, rest = _text(rest)
    namespace, rest = _text(rest)
    reserved, rest = _text(rest)
    hashed, rest = _text(rest)
    signature, rest = _text(rest)
    if rest or reserved or hashed not in _HASHES:
        raise ValueError("it has fields that are not known")
    kind, value = _text(signature)
    value, left = _text(value)
    if kind != b"ssh-ed25519" or len(value) != _SIGNATURE_BYTES or left:
        raise ValueError("it was not made with an Ed25519 key")
    return Claim(key, namespace)


def armor(data: bytes) -> str:
    """Return the text form of a signature."""
    text = base64.b64encode(data).decode("ascii")
    return _BEGIN + "\n".join(text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)) + _END


def _text(data: bytes) -> Tuple[bytes, bytes]:
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 or len(data) < 4 + size:
        raise ValueError("it is cut short")
    return data[4 : 4 + size], data[4 + size :]
