"""The file of a private key, in OpenSSH's format (OpenSSH, PROTOCOL.key): whose it is, and its open part."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import shlex
import stat
from pathlib import Path

from operator_tool.api import ConfigError

from .sshsig import raw_key, read_text

_MAGIC = b"openssh-key-v1\0"
_BEGIN, _END = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END OPENSSH PRIVATE KEY-----"
_MAX_BYTES = 64 * 1024
_MAKE_ONE = "Make one that only signs: ssh-keygen -t ed25519 -f FILE"


def private_bytes(path: Path, what: str) -> bytes:
    """Return the bytes of a file of our own that nobody else may read, and that no link leads to."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigError(
                f"{what}: {path} is a symbolic link, which somebody else could turn", hint="Name the file itself."
            ) from None
        raise ConfigError(f"{what}: {path} can't be read: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{what}: {path} is not a regular file")
        if hasattr(os, "geteuid"):
            _check_private(found, path, what)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{what}: {path} is larger than {_MAX_BYTES} bytes, which is no key")
    return data


def _check_private(found: os.stat_result, path: Path, what: str) -> None:
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{what}: {path} belongs to another user (uid {found.st_uid})")
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~0o600:
        raise ConfigError(
            f"{what}: {path} has mode {mode:04o}; a private key's file has 0600 or 0400",
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )


def public_part(data: bytes, path: Path, what: str) -> bytes:
    """Return the public key, which stands there in the open also where a passphrase protects the private one."""
    lines = data.strip().splitlines()
    if not lines or lines[0].strip() != _BEGIN or lines[-1].strip() != _END:
        raise ConfigError(f"{what}: {path} is not a private key in OpenSSH's format", hint=_MAKE_ONE)
    try:
        public = _open_part(base64.b64decode(b"".join(lines[1:-1]), validate=True))
        raw_key(public)
    except binascii.Error:
        raise ConfigError(f"{what}: {path} is damaged: it is not base64") from None
    except ValueError as error:
        raise ConfigError(f"{what}: {path} is not an Ed25519 key: {error}", hint=_MAKE_ONE) from None
    return public


def _open_part(body: bytes) -> bytes:
    if not body.startswith(_MAGIC):
        raise ValueError("its beginning is not OpenSSH's")
    rest = body[len(_MAGIC) :]
    for _ in ("cipher", "key derivation", "its options"):
        _text, rest = read_text(rest)
    public, _private = read_text(rest[4:])
    return public
