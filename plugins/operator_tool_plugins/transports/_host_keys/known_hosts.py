"""Which host keys are known: OpenSSH's known_hosts, read by a parser that no line can stop."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
from pathlib import Path

import msgspec

from operator_tool.api import ConfigError

log = logging.getLogger(__name__)

_MAX_BYTES = 16 * 1024 * 1024


class HostKey(msgspec.Struct, frozen=True):
    """A host's public key: ``ssh-ed25519`` and its blob."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As OpenSSH prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


class KnownKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of one host."""

    pinned: tuple[HostKey, ...] = ()
    revoked: tuple[HostKey, ...] = ()


def host_label(host: str, port: int) -> str:
    """Return how the file names a host: its name alone on port 22, else ``[name]:port``."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def read_known_keys(path: Path, host: str, port: int) -> KnownKeys:
    """Return the keys that the file holds for this host; none when there is no file.

    A line that can't be read is passed over and logged by its number, so is ``@cert-authority``, which isn't
    supported. Raises ``ConfigError`` when the file is there and can't be read.
    """
    return parse_known_keys(read_file(path), host_label(host, port), str(path))


def read_file(path: Path) -> bytes:
    """Return what the file holds, nothing when there is none. Raises ``ConfigError`` when it can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"the known host keys in {path} can't be read: {error.strerror}") from error
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"the file of known host keys, {path}, is larger than {_MAX_BYTES:,} bytes")
    return data


def parse_known_keys(data: bytes, label: str, name: str = "known_hosts") -> KnownKeys:
    """Return the keys that a file of this content holds for a label of :func:`host_label`."""
    pinned: list[HostKey] = []
    revoked: list[HostKey] = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        fields = raw.decode("utf-8", "replace").split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker == "@cert-authority":
            log.warning("%s line %d: host certificates are not supported; the line is passed over", name, number)
            continue
        key = _key(fields) if marker in ("", "@revoked") else None
        if key is None:
            log.warning("%s line %d is not a host key; it is passed over", name, number)
        elif names_host(fields[0], label):
            (revoked if marker else pinned).append(key)
    return KnownKeys(pinned=tuple(pinned), revoked=tuple(revoked))


def _key(fields: list[str]) -> HostKey | None:
    """Return the key of ``hosts type base64 ...``; None when it isn't one, or when its blob is of another type."""
    if len(fields) < 3:
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    key_type = fields[1].encode()
    if not blob.startswith(len(key_type).to_bytes(4, "big") + key_type):
        return None
    return HostKey(fields[1], blob)


def names_host(hosts: str, label: str) -> bool:
    """Tell whether a list of hosts names the label; a negated pattern that matches wins over all others."""
    found = False
    for pattern in hosts.split(","):
        negated = pattern.startswith("!")
        if matches(pattern.removeprefix("!"), label):
            if negated:
                return False
            found = True
    return found


def matches(pattern: str, label: str) -> bool:
    """Tell whether one pattern, wildcards or a hash, is of the label."""
    if pattern.startswith("|"):
        return _matches_hashed(pattern, label)
    # Only * and ? are special: a port's brackets are meant as they stand.
    glob = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in re.sub(r"\*+", "*", pattern.lower()))
    return re.fullmatch(glob, label) is not None


def _matches_hashed(pattern: str, label: str) -> bool:
    """Compare with ``|1|salt|HMAC-SHA1(salt, label)``."""
    try:
        _, version, salt, digest = pattern.split("|")
        expected = base64.b64decode(digest, validate=True)
        key = base64.b64decode(salt, validate=True)
    except (ValueError, binascii.Error):
        return False
    return version == "1" and hmac.compare_digest(hmac.digest(key, label.encode(), "sha1"), expected)
