"""A secret from a file of one's own."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from operator_tool.api import ConfigError

from .checked import MAX_SECRET_BYTES, decoded_secret


def read_secret_file(path: Path, what: str) -> str:
    """Return what the file holds, without one newline at its end; ``what`` names the setting in an error.

    Raises :class:`ConfigError` unless it is a regular file of our own, no link, with mode 0600 or 0400, at most 64 KiB.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP or path.is_symlink():
            raise ConfigError(
                f"{what}: {path} is a symbolic link, which somebody else could turn",
                hint="Name the file itself.",
            ) from None
        raise ConfigError(f"{what}: {path} can't be read: {error.strerror}") from None
    try:
        _check_private(os.fstat(descriptor), path, what)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{what}: {path} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(raw) > MAX_SECRET_BYTES:
        raise ConfigError(f"{what}: {path} is larger than {MAX_SECRET_BYTES} bytes, which is no secret")
    return decoded_secret(raw, f"{what}: {path}")


def _check_private(found: os.stat_result, path: Path, what: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{what}: {path} is not a regular file")
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{what}: {path} belongs to another user (uid {found.st_uid})")
    mode = stat.S_IMODE(found.st_mode)
    if mode & ~0o600:
        raise ConfigError(
            f"{what}: {path} has mode {mode:04o}; a secret's file has 0600 or 0400",
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )
