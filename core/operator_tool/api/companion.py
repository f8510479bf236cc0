"""The companion computer, as a transport and a provisioner speak of it."""

from __future__ import annotations

import msgspec


class CompanionIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a session is with."""

    address: str
    """``local`` or ``ssh://user@host:port``; for people and for the lock."""
    fingerprint: str | None = None
    """The host key's SHA-256 fingerprint, where the transport has host keys."""


class HostKeyOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The host key that a companion shows before anybody trusts it."""

    label: str
    """How the companion is named among the pinned keys, such as ``[192.0.2.7]:2222``."""
    type: str
    """``ssh-ed25519`` and the like."""
    fingerprint: str
    """``SHA256:...``, as OpenSSH prints it."""
    blob: bytes
    """The public key itself, as the SSH protocol encodes it."""
    pinned: tuple[str, ...] = ()
    """The fingerprints that are pinned for this companion now."""
    revoked: bool = False
    """The pinned keys say that this one must not be trusted any more."""


class RunLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The caps of one program run on the companion; whatever passes one ends the run with a ``LinkError``."""

    line_bytes: int = 64 * 1024
    total_bytes: int = 256 * 1024 * 1024
    stderr_tail_bytes: int = 8 * 1024
    silence_s: float = 120.0
    """The longest wait for the next line of standard output; beyond it the run ends with a ``LinkStalledError``."""
    run_s: float = 4 * 3600.0
    exit_s: float = 5.0
    """How long after its output ended the program may take to exit."""


class CompanionState(msgspec.Struct, frozen=True, kw_only=True):
    """What the companion answered when it was asked whether it can be built."""

    companion_id: str
    agent_version: str
    generation: str | None = None
    """The name of the current generation, None when there is none."""
    up_to_date: bool = False
    """The current generation has the order's content key, and its bytes are known to be what was built: they were read
    just now, or since the companion started and are untouched (``facts["verified"]`` may say which)."""
    verified_tiles: int = 0
    """How many tiles that verification found, where ``up_to_date``."""
    tiles_digest: str | None = None
    """The digest over those tiles (``tiles_digest``), where ``up_to_date``; None where the provisioner doesn't tell."""
    damage: str = ""
    """What that verification found wrong, where the current generation has the order's content key and is damaged."""
    free_bytes: int | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it can't be built now. Only ``status`` returns them; ``prepare`` raises a ``NotReadyError``."""
    facts: dict[str, str] = {}
    """What else is worth knowing, by name, for people: the version of its Python, its clock."""


class TransferSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What sending took."""

    offered_tiles: int
    sent_tiles: int
    sent_bytes: int
    """Bytes of pictures that were sent over the link, by all attempts together: what a broken link swallowed counts."""
    saved_bytes: int
    """Bytes of pictures that the companion held already."""
    tiles_digest: str
    """SHA-256 over the table of tiles as offered; the manifest and the report must agree with it."""
