"""The companion computer, as a transport and a provisioner speak of it."""

from __future__ import annotations

import msgspec

from .order import CacheGaps


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


class EnrolledSigner(msgspec.Struct, frozen=True, kw_only=True):
    """One whose signature a companion takes."""

    principal: str
    """The name that the companion knows the signer by."""
    fingerprint: str
    """``SHA256:`` and the hash of the public key, as ``ssh-keygen -l`` shows it."""


class KeptGeneration(msgspec.Struct, frozen=True, kw_only=True):
    """One cache that lies on the companion, as its own list tells of it; what it holds was not looked at."""

    name: str
    seq: int
    bytes: int
    kept_for: tuple[str, ...] = ()
    """Why tidying leaves it: ``current``, ``good``, ``pinned by NAME``, ``recent``; empty where it would go."""
    flight_id: str = ""
    run_id: str = ""
    created_by: str = ""
    problem: str = ""
    """Why these could not be read, where they couldn't."""


class CompanionHoldings(msgspec.Struct, frozen=True, kw_only=True):
    """What lies on the companion beside the current cache, and what was done there lately."""

    generations: tuple[KeptGeneration, ...] = ()
    """The newest first."""
    stagings: dict[str, int] = {}
    """The bytes of each cache that was begun and not finished, by its content key."""
    quarantine: dict[str, int] = {}
    """The bytes of each generation that turned out not to be what was built."""
    signers: tuple[EnrolledSigner, ...] = ()
    """Whose caches it takes; empty where it takes what is not signed."""
    audit: tuple[dict[str, str], ...] = ()
    """The last lines of the companion's own log, the oldest first; ``event`` and ``time`` are in each."""


class CurrentCache(msgspec.Struct, frozen=True, kw_only=True):
    """What the current generation says of itself. What it does not say is None, or empty."""

    content_key: str = ""
    flight_id: str = ""
    flight_name: str = ""
    operator: str = ""
    """Who built it: user@workstation."""
    created_at: int | None = None
    """Seconds since 1970, by the clock of the workstation that built it: a companion's own clock is often wrong."""
    tiles: int | None = None
    allow_gaps: int | None = None
    """How many gaps its build allowed."""
    gaps: CacheGaps | None = None
    """The tiles of its plan that it lacks."""


class CompanionState(msgspec.Struct, frozen=True, kw_only=True):
    """What the companion answered when it was asked whether it can be built."""

    companion_id: str
    agent_version: str
    generation: str | None = None
    """The name of the current generation, None when there is none, or where ``unknown`` says why it can't be told."""
    current: CurrentCache | None = None
    """What that generation says of itself; None when there is none, or where the provisioner does not tell."""
    unknown: str = ""
    """Why it could not be found out what lies there, where it couldn't; empty where it was."""
    up_to_date: bool = False
    """The current generation has the order's content key, and its bytes are known to be what was built: they were read
    just now, or since the companion started and are untouched (``facts["verified"]`` may say which)."""
    verified_tiles: int = 0
    """How many tiles that verification found, where ``up_to_date``."""
    tiles_digest: str | None = None
    """The digest over those tiles (``tiles_digest``), where ``up_to_date``; None where the provisioner doesn't tell."""
    damage: str = ""
    """What that verification found wrong, where the current generation has the order's content key and is damaged."""
    missing_files: tuple[str, ...] = ()
    """The files that a flight needs there and that can't be read, each with what was seen: no reason not to build, and
    not ready to fly."""
    free_bytes: int | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it can't be built now. Only ``status`` returns them; ``prepare`` raises a ``NotReadyError``."""
    facts: dict[str, str] = {}
    """What else is worth knowing, by name, for people: the version of its Python, its clock."""
    holdings: CompanionHoldings | None = None
    """What else lies there. Only ``status`` returns it, and only where the provisioner keeps more than one cache."""


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


class SoundnessAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How thoroughly a companion is to look at what it holds."""

    quick: bool = False
    """Signature, names and sizes alone; else every byte is read and hashed."""
    sample: int = 0
    """Beside it, so many pictures picked at random are hashed."""
    all_generations: bool = False
    """All that are kept, and not the current one alone."""


class CheckedGeneration(msgspec.Struct, frozen=True, kw_only=True):
    """One cache on the companion, and what was found when it was looked at."""

    name: str
    how: str
    """In words, such as ``full`` or ``quick and 100 pictures``."""
    current: bool = False
    problems: tuple[str, ...] = ()
    """Each names the file that it is about, where it is about one. Empty: it is what was built."""
    code: str = ""
    """What kind of problem, for a program: ``verify``, ``signature``, ``signers``."""


class Soundness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what lies on the companion is what was built."""

    generations: tuple[CheckedGeneration, ...]
    problems: tuple[str, ...] = ()
    """What is wrong beside the generations: the pointer to the current one, the companion's own records."""
    codes: tuple[str, ...] = ()
    """The kinds of all problems, such as ``pointer``, ``state``, ``verify``, ``signature``."""

    @property
    def is_sound(self) -> bool:
        """Nothing was found."""
        return not self.problems and not any(one.problems for one in self.generations)


class RollbackReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of going back to an earlier cache."""

    from_generation: str | None
    to_generation: str
    """The one that is current now; it was verified before it became so."""
    tiles: int
    signer: str = ""
    """Who ordered it, as the companion knows the signer; empty where it knows none."""


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on the companion that was removed, or would be."""

    name: str
    kind: str
    """``generation``, ``staging``, ``quarantine``, ``leftover``."""
    bytes: int


class GcReport(msgspec.Struct, frozen=True, kw_only=True):
    """What tidying the companion came to."""

    removed: tuple[Removal, ...]
    kept: tuple[KeptGeneration, ...]
    freed_bytes: int
    notes: tuple[str, ...] = ()
    """What was let be, and why: names that nobody knows, a pin to nothing."""
    dry_run: bool = False
    """Nothing was removed: it is what would be."""


class SignerOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key that a companion may be told to take, and those that it takes already."""

    principal: str
    fingerprint: str
    public_key: str
    """The key's line, as in a ``.pub`` file."""
    enrolled: tuple[EnrolledSigner, ...] = ()
    """Empty where the companion takes what is not signed."""


class SignerEnrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What came of enrolling a signer."""

    principal: str
    fingerprint: str
    enrolled: tuple[EnrolledSigner, ...]
    """All that are enrolled now."""
    revoked: tuple[str, ...] = ()
    """The fingerprints that were put on the revocation list."""
    written_to: str = ""
    """The companion's file; empty where the key was enrolled already and nothing was written."""
