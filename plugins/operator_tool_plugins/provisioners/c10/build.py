"""``build``: the manifest goes over, the companion completes and verifies, the commit is given, the report judged."""

from __future__ import annotations

from typing import Any

import msgspec

from operator_tool.api import (
    BuildError,
    CacheInputs,
    CacheOrder,
    RemoteBuildReport,
    RunContext,
    TakeoffOrigin,
    TileTable,
    TransferSummary,
    VerifyError,
)

from .conversation import Conversation, NoAgentError, Progress, request_line
from .escaping import printable
from .place import Place
from .prepare import ORPHAN_WAIT_S, Greeting
from .report import AgentFailureError, Count
from .settings import C10Settings
from .wire import PROTOCOL

MANIFEST_FORMAT = 1


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


class Built(msgspec.Struct, frozen=True):
    """The report of ``build``."""

    generation: str
    previous_generation: str | None
    seq: Count
    tiles: Count
    bytes: Count
    tiles_digest: str


class PreparedBuild(msgspec.Struct, frozen=True):
    """A build as it is asked for: the manifest that will lie beside the database, and the request that holds it."""

    manifest: Manifest
    request: dict[str, object]


def prepare_build(
    place: Place,
    settings: C10Settings,
    context: RunContext,
    order: CacheOrder,
    greeting: Greeting,
    table: TileTable,
    tiles_digest: str,
) -> PreparedBuild:
    """Return the build of what was offered, as the generation after those that the greeting told of."""
    manifest = _manifest(context, order, greeting, table, tiles_digest)
    request: dict[str, object] = {
        "protocol": PROTOCOL,
        "run_id": order.run_id,
        "root": place.root,
        "content_key": order.content_key,
        "operator": order.operator,
        "lock_wait_s": settings.lock_wait_s,
        "orphan_wait_s": ORPHAN_WAIT_S,
        "manifest": msgspec.json.format(msgspec.json.encode(manifest), indent=1).decode(),
        "metadata": _metadata(order, table),
        "last": True,
    }
    return PreparedBuild(manifest, request)


def following_line(prepared: PreparedBuild) -> bytes:
    """Return the request as it is sent right behind the tiles; it means nothing where these were not received."""
    return request_line("build", {**prepared.request, "follows_receive": True})


def build(
    conversation: Conversation, settings: C10Settings, context: RunContext, prepared: PreparedBuild, *, said: bool
) -> RemoteBuildReport:
    """Order the switch, have the cache built, and return the report that was judged against what this side sent.

    The switch is ordered at once: the agent makes it only when all that it verified is what the manifest says.
    """
    manifest = prepared.manifest
    progress = Progress(context, "build")
    ready = False

    def on_event(event: dict[str, Any]) -> None:
        nonlocal ready
        ready = ready or event["event"] == "ready"
        if event["event"] == "progress" and isinstance(event.get("done"), int):
            progress.tell(min(max(event["done"], 0), manifest.tiles), manifest.tiles)

    try:
        built = conversation.call(
            "build",
            prepared.request,
            Built,
            BuildError,
            silence_s=settings.silence_s,
            last=lambda _report: True,
            on_event=on_event,
            said=said,
            then=b"commit\n",
        )
    except AgentFailureError as error:
        kind = VerifyError if error.code == "verify" else BuildError
        raise kind(f"the companion could not build the cache: {error}") from None
    except NoAgentError as error:
        raise BuildError(f"the companion's agent is gone: {error}") from None
    except BuildError as error:
        if ready:
            hint = "The switch had been ordered, and may have been made. Run the same command again: it looks first."
            raise BuildError(error.message, hint=hint, retryable=error.retryable) from None
        raise
    _compare(built, manifest)
    progress.tell(built.tiles, built.tiles)
    return RemoteBuildReport(
        generation=built.generation,
        previous_generation=built.previous_generation,
        tiles=built.tiles,
        bytes=built.bytes,
        tiles_digest=built.tiles_digest,
    )


def recovered(
    now: Greeting, order: CacheOrder, before: Greeting, transferred: TransferSummary, table: TileTable
) -> RemoteBuildReport | None:
    """Return the report of a build whose own report was lost, where the companion holds its cache, verified."""
    current, verified = now.current, now.verified
    if current is None or verified is None or not verified.ok:
        return None
    if (current.content_key, current.run_id) != (order.content_key, order.run_id):
        return None
    if not current.tiles_digest == verified.tiles_digest == transferred.tiles_digest:
        return None
    return RemoteBuildReport(
        generation=printable(current.name, at_most=64),
        previous_generation=printable(before.current.name, at_most=64) if before.current else None,
        tiles=verified.tiles,
        bytes=table.bytes,
        tiles_digest=verified.tiles_digest,
        recovered=True,
    )


def _compare(built: Built, manifest: Manifest) -> None:
    for name in ("tiles_digest", "tiles", "bytes", "seq"):
        theirs, ours = getattr(built, name), getattr(manifest, name)
        if theirs != ours:
            raise VerifyError(f"the companion reports {name} {theirs!r}, this side sent {ours!r}")
    name = f"{manifest.seq:08d}-{manifest.content_key[:12]}"
    if built.generation != name:
        raise VerifyError(f"the companion reports generation {built.generation!r}, expected was {name!r}")


def _manifest(
    context: RunContext,
    order: CacheOrder,
    greeting: Greeting,
    table: TileTable,
    tiles_digest: str,
) -> Manifest:
    flight = order.flight
    return Manifest(
        format=MANIFEST_FORMAT,
        content_key=order.content_key,
        seq=greeting.highest_seq + 1,
        companion_id=greeting.companion_id,
        run_id=order.run_id,
        tiles=table.tiles,
        bytes=table.bytes,
        tiles_digest=tiles_digest,
        inputs=order.inputs,
        flight=ManifestFlight(
            id=flight.id,
            name=flight.name,
            source=flight.source,
            waypoints=len(flight.waypoints),
            takeoff_origin=flight.takeoff_origin,
        ),
        attribution=order.attribution,
        synthetic=order.synthetic,
        operator=order.operator,
        created_by=context.user_agent,
    )


def _metadata(order: CacheOrder, table: TileTable) -> dict[str, str]:
    """Return the rows of MBTiles' metadata table."""
    west, south, east, north = order.bounds_deg
    # Where the area crosses 180°, MBTiles' bounds can only say "all round".
    crossing = west > east
    zooms = table.zooms or [0]
    metadata = {
        "name": order.flight.name or order.flight.id,
        "format": str(table.format),
        "type": "baselayer",
        "version": "1",
        "description": f"{table.tiles} tiles for flight {order.flight.id}"
        + (", synthetic imagery" if order.synthetic else ""),
        "bounds": f"{-180.0 if crossing else west:.7f},{south:.7f},{180.0 if crossing else east:.7f},{north:.7f}",
        "minzoom": str(zooms[0]),
        "maxzoom": str(zooms[-1]),
        "attribution": order.attribution,
    }
    if not crossing:
        metadata["center"] = f"{(west + east) / 2:.7f},{(south + north) / 2:.7f},{zooms[0]}"
    return metadata
