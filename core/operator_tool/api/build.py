"""One build: what is asked for, and what is reported."""

from __future__ import annotations

import enum

import msgspec

from .flight import Camera, TakeoffOrigin
from .order import AreaRequest, CacheGaps, GapPlace


class FailurePhase(enum.StrEnum):
    """The phase that a build failed in."""

    FLIGHT_RESOLVE = "flight_resolve"
    PLAN = "plan"
    COMPANION = "companion"
    DOWNLOAD = "download"
    TRANSFER = "transfer"
    BUILD = "build"
    VERIFY = "verify"


class BuildCacheOutcome(enum.StrEnum):
    """How a run ended."""

    SUCCESS = "success"
    NO_OP = "idempotent_no_op"
    """The companion holds this very cache already, verified; nothing was sent."""
    DRY_RUN = "dry_run"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"
    """The operator or the system ended it; the same command goes on where it was."""


class GapCause(enum.StrEnum):
    """Why a tile that is needed is missing."""

    ABSENT = "absent"
    """The provider has no such tile, by its own word."""
    OUT_OF_BOUNDS = "out_of_bounds"
    """It lies outside of the ground, or below the zooms, that the provider has."""
    TOO_COARSE = "too_coarse"
    """The provider's imagery is coarser than what is asked for."""
    TOO_OLD = "too_old"
    """The provider's imagery is older than its sector allows."""
    REFUSED = "refused"
    """The provider would not give it."""
    UNREACHABLE = "unreachable"
    """It could not be had now."""
    CORRUPT = "corrupt"
    """What came was not a whole picture of the declared size."""
    PLACEHOLDER = "placeholder"
    """What came was a picture that stands for "no imagery here"."""


class BuildCacheRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks for, before anything is resolved."""

    flight: str
    """What the flight source resolves: an id for ``api``, a path for ``file``."""
    area: AreaRequest = AreaRequest()
    zooms: tuple[int, ...] = ()
    """Empty: from the camera and the flight's height where a camera is known, else 15 to 18."""
    camera: Camera | None = None
    """The camera to navigate by; None: the one that the flight was planned for, where it says so."""
    height_m: float | None = None
    """The height above the ground that zooms and footprint are told from; None: from the flight's altitudes."""
    coarser_zooms: int = 2
    """How many zooms coarser than the camera's own pixels the imagery may be; matchers take one four times coarser."""
    accept_implausible: bool = False
    """A flight that can hardly be meant is taken all the same."""
    max_tiles: int = 1_000_000
    allow_gaps: int = 0
    max_age_s: float | None = None
    """Tiles that were fetched or confirmed longer ago are asked for again; None: what is held is used."""
    max_gsd_m: float | None = None
    """Imagery whose pixels are larger on the ground, at the finest zoom, is refused; None: 0.5 where neither zooms nor
    a camera say how sharp it must be, and where a sector says how fresh; else any is taken."""
    tile_size_px: int | None = None
    """Only providers whose tiles have this size are asked; None: all, and a chain whose sizes differ is refused."""
    replace: bool = False
    """A young cache of another flight or operator may be replaced."""
    replace_after_s: float = 1800.0
    """A cache of another flight or operator that is older than this may be replaced in any case."""
    dry_run: bool = False
    lock_timeout_s: float = 0.0


class RemoteBuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the companion reported, after it was judged against exit status, run id and hashes."""

    generation: str
    previous_generation: str | None
    tiles: int
    bytes: int
    tiles_digest: str
    recovered: bool = False
    """The link broke after the switch was ordered, and the companion, asked again, says that it was made."""
    signer: str | None = None
    """The fingerprint of the key that signed for it, where one did."""


class FlightSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The flight as the report names it."""

    id: str
    name: str
    source: str
    sha256: str
    """Over the route's geometry, hex."""
    waypoints: int
    takeoff_origin: TakeoffOrigin
    notes: tuple[str, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One tile that is needed and missing, and where along the route it would have been."""

    z: int
    x: int
    y: int
    cause: GapCause
    reason: str
    route_m: float
    """Metres along the route to the point that is nearest to the tile."""
    waypoint: int
    """The ordinal of the waypoint that this leg starts from."""


class TileCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the wanted tiles."""

    wanted: int = 0
    reused: int = 0
    downloaded: int = 0
    absent: int = 0
    missing: int = 0
    """All gaps, the absent ones among them."""
    by_cause: dict[str, int] = {}
    """The gaps by their cause."""
    by_zoom: dict[str, int] = {}
    """The gaps by their zoom; zooms without one are left out."""
    nearest_gap: GapPlace | None = None
    """The gap that is nearest to the route."""
    unchanged: int = 0
    """Of the reused ones: those that the provider was asked about, and confirmed without sending them."""
    undated: int = 0
    """Tiles of which nobody says when the imagery was taken."""
    unjudged: dict[str, int] = {}
    """Of the undated ones: those in a sector, by its kind. Its rule can't be applied to them, and refuses none."""
    downgraded: int = 0
    """Tiles that are kept although their imagery is old for their sector."""
    gaps: tuple[Gap, ...] = ()
    """The first gaps of them, at most 1,000."""


class ByteCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of pictures."""

    downloaded: int = 0
    sent: int = 0
    saved: int = 0
    """Not sent because the companion held them."""


class ProviderShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider of the chain gave."""

    name: str
    dataset: str
    tiles: int
    """Tiles of this cache that are its own, reused ones among them."""
    downloaded: int
    lacked: dict[str, int] = {}
    """The tiles that it was asked for and did not give, by cause."""
    version: str = ""
    attribution: str = ""
    synthetic: bool = False
    formats: dict[str, int] = {}
    """How many of its tiles have which picture format."""
    imagery_dates: tuple[str, str] | None = None
    """The oldest and the newest date known of its tiles."""


class CompanionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The companion as the report names it."""

    address: str
    transport: str
    id: str = ""
    fingerprint: str | None = None
    generation_before: str | None = None
    generation_after: str | None = None
    reconnects: int = 0
    """How often the link broke and was taken up again."""
    recovered: bool = False
    """The switch was made although the link broke before its report came."""
    simulated: str = ""
    """What stood in for the companion, where there was none."""
    signer: str | None = None
    """The fingerprint of the key that signed for what was built, where one did."""


class PluginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin that took part, known without importing it."""

    role: str
    name: str
    distribution: str
    version: str


class CacheBuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one run ended: one JSON document for a script, a short table for a person."""

    run_id: str
    outcome: BuildCacheOutcome
    exit_code: int = 0
    failure_phase: FailurePhase | None = None
    failure_exception_type: str | None = None
    message: str = ""
    remediation: str = ""
    retryable: bool = False
    started_at: str = ""
    """ISO 8601, UTC."""
    duration_s: dict[str, float] = {}
    """Seconds by phase, and ``total``; download and transfer overlap."""
    flight: FlightSummary | None = None
    area: AreaRequest | None = None
    zooms: tuple[int, ...] = ()
    content_key: str = ""
    verdict: str = ""
    """What an operator acts on: ``built``, ``built WITH GAPS``, ``already there``, ``downloaded`` and the like; empty
    where the run failed."""
    gaps: CacheGaps | None = None
    """What the cache lacks that was built or found, or the store for it; None where that is not known."""
    tiles: TileCounts = TileCounts()
    bytes: ByteCounts = ByteCounts()
    provider: tuple[ProviderShare, ...] = ()
    companion: CompanionSummary | None = None
    plugins: tuple[PluginRecord, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = 1


class FleetReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one run for several companions ended: each has a report of its own."""

    outcome: BuildCacheOutcome
    """``failure`` when one of them failed; ``success`` when one was built; else what all of them say."""
    exit_code: int
    """0, or that of the first one that failed, in the order in which they were named."""
    builds: dict[str, CacheBuildReport]
    """By the companion's name, in that order."""
    schema: int = 1
