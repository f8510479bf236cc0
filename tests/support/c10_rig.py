"""A rig for the provisioner c10: orders, supplies of tiles, and the agent as a subprocess without any transport."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from operator_tool.api import (
    AreaRequest,
    CacheGaps,
    CacheInputs,
    CacheOrder,
    CompanionSession,
    Event,
    Flight,
    PictureFormat,
    ProviderKey,
    RemoteBuildReport,
    RunContext,
    TileId,
    TileRecord,
    TransferSummary,
    Waypoint,
    tiles_digest,
)
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from operator_tool_plugins.provisioners.c10.settings import C10Settings
from operator_tool_plugins.provisioners.c10.wire import PROTOCOL, data_frame, lacking, offer_frame, seal_frame

ZOOM = 16


def picture(seed: int, size_bytes: int = 2000) -> bytes:
    """Return bytes that start as a JPEG does, the same for the same seed."""
    return b"\xff\xd8\xff" + random.Random(seed).randbytes(size_bytes - 3)


def record_of(place: int, data: bytes) -> TileRecord:
    """Return the record of the ``place``-th tile, row by row 64 wide."""
    tile = TileId(ZOOM, 30000 + place % 64, 20000 + place // 64)
    return TileRecord(tile, hashlib.sha256(data).digest(), len(data), PictureFormat.JPEG)


class Supply:
    """A supply of tiles from memory, in batches."""

    def __init__(self, pictures: Sequence[bytes], batch_tiles: int = 100) -> None:
        self.pictures = {hashlib.sha256(data).digest(): data for data in pictures}
        self.records = [record_of(place, data) for place, data in enumerate(pictures)]
        self.read_tiles = 0
        self._batch_tiles = batch_tiles
        self.lacking = CacheGaps()

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield the records in batches."""
        for start in range(0, len(self.records), self._batch_tiles):
            yield self.records[start : start + self._batch_tiles]

    def read(self, record: TileRecord) -> bytes:
        """Return one picture."""
        self.read_tiles += 1
        return self.pictures[record.sha256]

    def gaps(self) -> CacheGaps:
        """Return what the cache will lack."""
        return self.lacking


def supply_of(tiles: int, *, size_bytes: int = 2000, first_seed: int = 0, changed: Sequence[int] = ()) -> Supply:
    """Return a supply of so many tiles; those at ``changed`` show other pictures."""
    other = set(changed)
    return Supply([picture(first_seed + i + (10**6 if i in other else 0), size_bytes) for i in range(tiles)])


def order_of(
    tiles: int,
    *,
    run_id: str = "run-1",
    lat_deg: float = 49.0,
    dry_run: bool = False,
    expected_bytes: int | None = None,
) -> CacheOrder:
    """Return an order; another latitude is another cache."""
    flight = Flight(
        id="f1", name="Field 7", source="file:t.plan", waypoints=(Waypoint(ordinal=0, lat_deg=lat_deg, lon_deg=11.0),)
    )
    inputs = CacheInputs(
        route=((lat_deg, 11.0, None),),
        takeoff_origin=flight.takeoff_origin,
        area=AreaRequest(),
        zooms=(ZOOM,),
        providers=(ProviderKey(name="synthetic", dataset="1"),),
        allow_gaps=0,
    )
    return CacheOrder(
        run_id=run_id,
        inputs=inputs,
        content_key=inputs.content_key,
        flight=flight,
        wanted_tiles=tiles,
        bounds_deg=(11.0, 48.9, 11.2, 49.1),
        expected_bytes=expected_bytes,
        attribution="nobody",
        operator="op@desk",
        dry_run=dry_run,
    )


class Told(list[Event]):
    """The events of a run."""


def context_of(folder: Path, told: Told | None = None) -> RunContext:
    """Return a run's context that keeps its events."""
    sink: Callable[[Event], None] = told.append if told is not None else lambda _event: None
    return RunContext(run_id="run-1", state_dir=folder / "state", user_agent="operator-tool/test", emit=sink)


def provisioner_of(root: Path, context: RunContext, **settings: Any) -> C10Provisioner:
    """Return the runner for a cache root."""
    return C10Provisioner(C10Settings(cache_root=str(root), **{"allow_volatile_root": True, **settings}), context)


def agent_file(folder: Path) -> Path:
    """Write the zipapp and return its path."""
    path = folder / agent_bundle().name
    path.write_bytes(agent_bundle().data)
    return path


class Agent:
    """One call of the agent with its standard input held open; a context manager that ends it."""

    python: ClassVar[str] = sys.executable

    def __init__(
        self,
        file: Path,
        verb: str,
        request: dict[str, object],
        *,
        through: Sequence[str] = (),
    ) -> None:
        self.process = subprocess.Popen(
            [*through, self.python, "-I", "-S", "-B", str(file), verb],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # An agent that hangs would hang the test with it.
        self._watchdog = threading.Timer(60, self.process.kill)
        self._watchdog.start()
        self.say(json.dumps(request).encode() + b"\n")

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def say(self, data: bytes) -> None:
        """Write to its standard input; an agent that is gone hears nothing."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Close its standard input."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def until(self, event: str) -> dict[str, Any] | None:
        """Return the next event of that name, None when it ends first."""
        return next((said for said in self.lines() if said.get("event") == event), None)

    def complete(self, ordered: str, signature: str | None = None) -> dict[str, Any] | None:
        """Answer what was made with the final manifest; return the event ``ready``, None when it ends first."""
        made = self.until("made")
        if made is not None:
            self.say(final_line(ordered, made["files"], signature))
        return self.until("ready")

    def report(self) -> dict[str, Any]:
        """Return its last line once it has ended."""
        said = list(self.lines())
        self.process.wait()
        return said[-1] if said else {}


def manifest_of(order: CacheOrder, supply: Supply, *, seq: int, companion_id: str, **changes: object) -> str:
    """Return the least order that the agent takes."""
    rows = sorted((r.id.z, r.id.x, r.id.y, r.sha256) for r in supply.records)
    fields = {
        "format": 2,
        "content_key": order.content_key,
        "nonce": "",
        "metadata": {"name": "n"},
        "artefacts": [],
        "stages": [],
        "seq": seq,
        "companion_id": companion_id,
        "run_id": order.run_id,
        "tiles": len(rows),
        "bytes": sum(record.length_bytes for record in supply.records),
        "tiles_digest": tiles_digest(iter(rows)),
    }
    return json.dumps({**fields, **changes})


def ask(file: Path, verb: str, root: Path, order: CacheOrder, **fields: object) -> dict[str, Any]:
    """Return the report of a verb that needs nothing but its request."""
    with Agent(file, verb, request_of(root, order, **fields)) as agent:
        return agent.report()


def build_once(
    file: Path,
    root: Path,
    order: CacheOrder,
    supply: Supply,
    *,
    commit: bool = True,
    through: Sequence[str] = (),
    **changes: Any,
) -> dict[str, Any]:
    """Have what was received built, with or without the commit; return the report."""
    greeting = ask(file, "hello", root, order)
    fields: dict[str, Any] = {"seq": greeting["highest_seq"] + 1, "companion_id": greeting["companion_id"], **changes}
    ordered = manifest_of(order, supply, **fields)
    with Agent(file, "build", request_of(root, order, manifest=ordered), through=through) as agent:
        report: dict[str, Any] = {}
        for said in agent.lines():
            if said.get("event") == "made":
                agent.say(final_line(ordered, said["files"]))
            if said.get("event") == "ready":
                agent.say(b"commit\n") if commit else agent.hang_up()
            report = said
        return report


def final_line(ordered: str, files: list[dict[str, Any]], signature: str | None = None) -> bytes:
    """Return what answers ``made``: the order with these files."""
    manifest = json.dumps({**json.loads(ordered), "files": files})
    return json.dumps({"manifest": manifest, "signature": signature}).encode() + b"\n"


def receive_once(file: Path, root: Path, order: CacheOrder, supply: Supply) -> tuple[int, dict[str, Any]]:
    """Have all tiles received; return how many pictures were sent, and the report."""
    with Agent(file, "receive", request_of(root, order)) as agent:
        return receive_all(agent, supply)


def whole_way(file: Path, root: Path, order: CacheOrder, supply: Supply) -> dict[str, Any]:
    """Receive and build; return the build's report."""
    _sent, received = receive_once(file, root, order, supply)
    assert received["ok"], received
    built = build_once(file, root, order, supply)
    assert built["ok"], built
    return built


def tiles_in(database: Path) -> dict[tuple[int, int, int], bytes]:
    """Return the tiles of an MBTiles file by z, x, y in the XYZ scheme, read as any GIS tool does."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    return {(z, x, (1 << z) - 1 - row): data for z, x, row, data in rows}


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each path below a folder with its inode and time of change."""
    return {str(path): (path.lstat().st_ino, path.lstat().st_ctime_ns) for path in sorted(folder.rglob("*"))}


def request_of(root: Path, order: CacheOrder, **fields: object) -> dict[str, object]:
    """Return a request for any verb."""
    return {
        "protocol": PROTOCOL,
        "run_id": order.run_id,
        "root": str(root),
        "content_key": order.content_key,
        "operator": order.operator,
        # A developer's folder for temporary files may lie in memory.
        "allow_volatile_root": True,
        **fields,
    }


def receive_all(agent: Agent, supply: Supply, *, seal: bool = True) -> tuple[int, dict[str, Any]]:
    """Serve one ``receive`` to its end, batch by batch; return how many pictures were sent, and the report."""
    sent = 0
    for number, batch in enumerate(supply.batches()):
        agent.say(offer_frame(number, batch))
        answer = next(said for said in agent.lines() if said.get("event") == "lacks" or "report" in said)
        if "report" in answer:
            return sent, answer
        wanted = lacking(batch, answer["bits"])
        sent += len(wanted)
        for start in range(0, len(wanted), 32):
            agent.say(data_frame(number, [supply.pictures[r.sha256] for r in wanted[start : start + 32]]))
    if seal:
        agent.say(seal_frame(len(supply.records), sum(record.length_bytes for record in supply.records)))
    else:
        agent.hang_up()
    return sent, agent.report()


def build_cache(
    session: CompanionSession,
    root: Path,
    supply: Supply,
    *,
    lat_deg: float = 49.0,
    told: Told | None = None,
    **settings: Any,
) -> tuple[TransferSummary, RemoteBuildReport]:
    """Go the whole way over a session, as the core does."""
    order = order_of(len(supply.records), lat_deg=lat_deg)
    provisioner = provisioner_of(root, context_of(root.parent, told), **settings)
    provisioner.prepare(session, order)
    summary = provisioner.transfer(session, order, supply)
    return summary, provisioner.build(session, order, summary)
