"""What is to be built: the order that the core gives to a provisioner, and the tiles that go with it."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from .flight import Flight, GroundPolygon, TakeoffOrigin
from .tiles import PictureFormat, TileId

CONTENT_KEY_FORMAT = 2
"""Rises when the same inputs must give another cache than before."""


class AreaKind(enum.StrEnum):
    """The two shapes of the ground that a flight needs."""

    CORRIDOR = "corridor"
    """Everything within ``metres`` of where the drone flies."""
    BOX = "box"
    """The bounding box of where it flies, ``metres`` wider on each side."""


class AreaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which ground the cache must cover: that around where the drone flies, and the polygons."""

    kind: AreaKind = AreaKind.CORRIDOR
    metres: float = 500.0
    footprint_m: float = 0.0
    """How far the camera sees beyond the place below it: half the diagonal of its picture on the ground. It is added to
    ``metres``."""
    polygons: tuple[GroundPolygon, ...] = ()
    """Ground that is needed besides, as it is drawn."""
    home_legs: bool = True
    """The ways from home to the first waypoint and back are flown too."""
    within_fence: bool = True
    """What lies outside of the flight's inclusion fences is left out, unless the route leaves them; ``polygons`` stay
    whole."""


class ProviderKey(msgspec.Struct, frozen=True, kw_only=True):
    """One provider of the chain, as far as it decides what is in the cache."""

    name: str
    dataset: str


class CacheInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what a cache must contain, and nothing else: no name, clock, path or secret.

    The flight's geometry counts to the last bit: a takeoff origin that moved by 1 mm is another cache.
    """

    route: tuple[tuple[float, float, float | None], ...]
    """Latitude and longitude in degrees and altitude in metres of each waypoint, in order."""
    takeoff_origin: TakeoffOrigin
    ground: str = ""
    """SHA-256, in hex, over what else of the flight decides on the ground: circles, areas, home, fences; empty where
    there is none."""
    area: AreaRequest
    zooms: tuple[int, ...]
    providers: tuple[ProviderKey, ...]
    allow_gaps: int
    max_gsd_m: float | None = None
    sectors: str = ""
    """SHA-256, in hex, over the sectors that the area touches; empty where there is none."""
    format: int = CONTENT_KEY_FORMAT

    @property
    def content_key(self) -> str:
        """SHA-256 over these inputs, 64 hex digits: equal key and verified bytes make a build a no-op."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class GapPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One tile that is missing, and the place on the route that is nearest to it."""

    z: int
    x: int
    y: int
    route_m: int
    """Whole metres along the route to that place."""
    waypoint: int
    """The ordinal of the waypoint that this leg starts from."""
    off_m: int
    """Whole metres from that place to the tile's centre."""


class CacheGaps(msgspec.Struct, frozen=True, kw_only=True):
    """The tiles of a plan that a cache lacks."""

    missing: int = 0
    by_zoom: dict[str, int] = {}
    """How many of them at each zoom; zooms without a gap are left out. Empty where that is not known."""
    nearest: GapPlace | None = None
    """The gap that is nearest to the route; None where there is none, or where that is not known."""


class CacheOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One build, as the provisioner is told of it."""

    run_id: str
    inputs: CacheInputs
    content_key: str
    flight: Flight
    wanted_tiles: int
    bounds_deg: tuple[float, float, float, float]
    """West, south, east, north of the tiles' area; west is greater than east where it crosses 180°."""
    expected_bytes: int | None = None
    """The size of the pictures where it is known from the store; None where nothing is known yet."""
    attribution: str = ""
    synthetic: bool = False
    dry_run: bool = False
    """Only ask: nothing may be written on the companion."""
    operator: str = ""
    """Who builds: user@workstation, for the companion's audit and for whoever finds the lock held."""
    replaces: str | None = None
    """The name of the current generation that the operator agreed to replace, empty for none; None where nothing was
    agreed. A provisioner whose companion has another one current by the time of the switch refuses with a
    ``NotReadyError``, unless that one is of this very run."""


class TileRecord(msgspec.Struct, frozen=True, gc=False):
    """One tile of the cache, without its picture."""

    id: TileId
    sha256: bytes
    length_bytes: int
    format: PictureFormat


class TileSupply(Protocol):
    """The tiles of one build as they become ready: durable in the workstation's store, ready to be sent."""

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield each tile of the cache once, in batches, as the download gets them; ends when all are there.

        A batch is empty when nothing became ready for a second: time to do something else. Each call begins with the
        first tile again. Raises the download's own error when it fails; let it pass through. From any one thread.
        """
        ...

    def read(self, record: TileRecord) -> bytes:
        """Return one picture, verified against its SHA-256, from the thread that pulls the batches."""
        ...

    def gaps(self) -> CacheGaps:
        """Return what the cache will lack; known once ``batches`` has come to its end."""
        ...


def tiles_digest(rows: Iterator[tuple[int, int, int, bytes]]) -> str:
    """Return the SHA-256, in hex, over the rows ``(z, x, y, sha256)`` of a cache, given in ascending order.

    Each row is three unsigned 32-bit big-endian integers and the 32 bytes of the picture's SHA-256. Workstation and
    companion both compute it: a cache is complete when they agree.
    """
    digest = hashlib.sha256()
    for z, x, y, sha256 in rows:
        digest.update(z.to_bytes(4, "big") + x.to_bytes(4, "big") + y.to_bytes(4, "big") + sha256)
    return digest.hexdigest()
