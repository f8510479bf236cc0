"""The manifest of a generation, as this side writes it: once as the order, once with the files that were made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Protocol

import msgspec

from operator_tool.api import CacheGaps, CacheInputs, CacheOrder, RunContext, TakeoffOrigin, TileTable

from .escaping import carried
from .fields import Count, Hex64, Word

MANIFEST_FORMAT = 2
DATABASE = "tiles.mbtiles"
MAX_OPERATOR = 200
_MAX_NAME = 500
_MAX_ATTRIBUTION = 20_000


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a generation."""

    path: Annotated[str, msgspec.Meta(max_length=512)]
    sha256: Hex64
    bytes: Count


class StageEntry(msgspec.Struct, frozen=True):
    """One of the companion's own stages, as its greeting tells of it."""

    name: Word
    digest: Hex64


class ManifestFlight(msgspec.Struct, frozen=True, kw_only=True):
    """The flight that a cache was built for."""

    id: str
    name: str
    source: str
    waypoints: int
    takeoff_origin: TakeoffOrigin


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What lies beside a generation's database: what it holds, for which companion, from which inputs."""

    format: int
    content_key: str
    seq: int
    companion_id: str
    run_id: str
    tiles: int
    bytes: int
    tiles_digest: str
    inputs: CacheInputs
    flight: ManifestFlight
    attribution: str
    synthetic: bool
    operator: str
    created_by: str
    created_at: int
    """Seconds since 1970, by the workstation's clock."""
    nonce: str
    """The agent's own, of the process that was asked: a signature over it can't be an older one."""
    metadata: dict[str, str]
    gaps: CacheGaps
    """The tiles of the plan that it lacks."""
    artefacts: tuple[FileEntry, ...] = ()
    stages: tuple[StageEntry, ...] = ()
    files: tuple[FileEntry, ...] = ()
    """What the companion made: empty in the order."""


class Companion(Protocol):
    """What a companion says of itself that its manifest is bound to."""

    @property
    def companion_id(self) -> str: ...

    @property
    def highest_seq(self) -> int: ...

    @property
    def nonce(self) -> str: ...

    @property
    def stages(self) -> Sequence[StageEntry]: ...


def manifest_of(
    context: RunContext,
    order: CacheOrder,
    companion: Companion,
    table: TileTable,
    tiles_digest: str,
    artefacts: Sequence[FileEntry],
    gaps: CacheGaps,
) -> Manifest:
    """Return the order for what was offered, as the generation after those that the companion told of."""
    flight = order.flight
    return Manifest(
        format=MANIFEST_FORMAT,
        content_key=order.content_key,
        seq=companion.highest_seq + 1,
        companion_id=companion.companion_id,
        run_id=order.run_id,
        tiles=table.tiles,
        bytes=table.bytes,
        tiles_digest=tiles_digest,
        inputs=order.inputs,
        flight=ManifestFlight(
            id=carried(flight.id, at_most=_MAX_NAME),
            name=carried(flight.name, at_most=_MAX_NAME),
            source=carried(flight.source, at_most=_MAX_NAME),
            waypoints=len(flight.waypoints),
            takeoff_origin=flight.takeoff_origin,
        ),
        attribution=carried(order.attribution, at_most=_MAX_ATTRIBUTION),
        synthetic=order.synthetic,
        operator=carried(order.operator, at_most=MAX_OPERATOR),
        created_by=carried(context.user_agent, at_most=_MAX_NAME),
        created_at=int(time.time()),
        nonce=companion.nonce,
        metadata=_metadata(order, table),
        gaps=gaps,
        artefacts=tuple(artefacts),
        stages=tuple(companion.stages),
    )


def _metadata(order: CacheOrder, table: TileTable) -> dict[str, str]:
    """Return the rows of MBTiles' metadata table."""
    west, south, east, north = order.bounds_deg
    # Where the area crosses 180°, MBTiles' bounds can only say "all round".
    crossing = west > east
    zooms = table.zooms or [0]
    metadata = {
        "name": carried(order.flight.name or order.flight.id, at_most=_MAX_NAME),
        "format": str(table.format),
        "type": "baselayer",
        "version": "1",
        "description": f"{table.tiles} tiles for flight {carried(order.flight.id, at_most=_MAX_NAME)}"
        + (", synthetic imagery" if order.synthetic else ""),
        "bounds": f"{-180.0 if crossing else west:.7f},{south:.7f},{180.0 if crossing else east:.7f},{north:.7f}",
        "minzoom": str(zooms[0]),
        "maxzoom": str(zooms[-1]),
        "attribution": carried(order.attribution, at_most=_MAX_ATTRIBUTION),
    }
    if len(table.formats) > 1:
        # The row "format" has room for one of them: readers that trust it must be able to learn of the others.
        metadata["formats"] = ",".join(f"{kind}:{number}" for kind, number in table.formats.items())
    if not crossing:
        metadata["center"] = f"{(west + east) / 2:.7f},{(south + north) / 2:.7f},{zooms[0]}"
    return metadata
