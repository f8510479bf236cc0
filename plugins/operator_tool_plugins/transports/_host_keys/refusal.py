"""Whether a host key that was shown is the one that the operator has confirmed, and what is said if it isn't."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from operator_tool.api import CompanionError

from .known_hosts import KnownKeys


class ShownKey(msgspec.Struct, frozen=True):
    """The type and the fingerprint of a key that a host has shown."""

    type: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


def refusal(
    label: str,
    shown: ShownKey,
    known: KnownKeys,
    path: Path,
    *,
    enrol: str,
    whose: str = "the companion's own",
    otherwise: str = "",
) -> CompanionError | None:
    """Return why a key is refused, None for one that is pinned.

    ``enrol`` is the command that has the operator confirm it, ``whose`` says what to compare it with, ``otherwise``
    ends the hint.
    """
    if any(key.fingerprint == shown.fingerprint for key in known.revoked):
        return CompanionError(
            f"the host key of {label} is revoked in {path}: {shown}",
            hint="Don't connect to this companion until it has a new host key.",
        )
    if any(key.fingerprint == shown.fingerprint for key in known.pinned):
        return None
    if known.pinned:
        expected = ", ".join(f"{pinned.type} {pinned.fingerprint}" for pinned in known.pinned)
        return CompanionError(
            f"HOST KEY CHANGED: {label} shows {shown}, but {path} has {expected}",
            hint="This may be another machine, or somebody in between. Only if you know why it changed: "
            f"{enrol} (it shows both keys and asks).",
        )
    return CompanionError(
        f"the host key of {label} is not known: {shown}",
        hint=f"To compare it with {whose} and to trust it: {enrol}{otherwise}",
    )


def enrol_command(transport: str, host: str, port: int | None, options: Mapping[str, str | None]) -> str:
    """Return the command that has the operator confirm a host's key, with the options that lead to the same place."""
    words = ["operator-tool", "companion", "enrol", "--transport", transport, "--companion-host", host]
    words += ["--companion-port", str(port)] if port is not None else []
    for name, value in options.items():
        words += ["-o", f"{transport}.{name}={value}"] if value is not None else []
    return shlex.join(words)
