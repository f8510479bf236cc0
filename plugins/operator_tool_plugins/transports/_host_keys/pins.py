"""Writing a host key that the operator has confirmed into a file of known host keys."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from filelock import FileLock, Timeout

from operator_tool.api import CompanionError, ConfigError, replaced_file

from .known_hosts import HostKey, matches, names_host, parse_known_keys, read_file

_LOCK_S = 10.0
_LABEL = re.compile(r"[^\s,*?!|#@]+")
"""What stands for one host and no pattern."""


def pin_key(path: Path, label: str, key_type: str, blob: bytes) -> None:
    """Make this key the only one that the file holds for a label of ``host_label``; all else in it stays.

    The file is replaced as a whole and is the account's alone, so is its folder where it is made. Raises
    ``CompanionError`` for a key that the file revokes, ``ConfigError`` when it can't be written.
    """
    key = HostKey(key_type, blob)
    if not _LABEL.fullmatch(label):
        raise ConfigError(f"a host key can't be pinned for {label!r}: that is not the name or address of one host")
    path = path.resolve()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_LOCK_S, mode=0o600):
            data = read_file(path)
            if key in parse_known_keys(data, label, str(path)).revoked:
                raise CompanionError(
                    f"the host key of {label} is revoked in {path}: {key.type} {key.fingerprint}",
                    hint="Don't connect to this companion until it has a new host key.",
                )
            with replaced_file(path) as file:
                file.write(_without(data, label) + _line(label, key))
    except Timeout as error:
        raise ConfigError(f"the host key of {label} could not be pinned: another process is writing {path}") from error
    except OSError as error:
        raise ConfigError(
            f"the host key of {label} could not be pinned: {path} can't be written ({error.strerror})"
        ) from error


def _line(label: str, key: HostKey) -> bytes:
    return f"{label} {key.type} {base64.b64encode(key.blob).decode()}\n".encode()


def _without(data: bytes, label: str) -> bytes:
    """Return the lines so that none but revocations names the label; what they say of other hosts stays."""
    kept: list[bytes] = []
    for raw in data.splitlines(keepends=True):
        fields = raw.split(maxsplit=1)
        hosts = fields[0].decode("utf-8", "replace") if fields else ""
        if not hosts or hosts[0] in "#@" or not names_host(hosts, label):
            kept.append(raw)
            continue
        others = [
            pattern for pattern in hosts.split(",") if "*" in pattern or "?" in pattern or not matches(pattern, label)
        ]
        if names_host(",".join(others), label):
            others.append(f"!{label}")
        if any(not pattern.startswith("!") for pattern in others):
            kept.append(",".join(others).encode() + raw[raw.index(fields[0]) + len(fields[0]) :])
    if kept and not kept[-1].endswith(b"\n"):
        kept[-1] += b"\n"
    return b"".join(kept)
