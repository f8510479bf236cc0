"""Plugins' objects that live in memory: every role, whole, with nothing outside of the process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from operator_tool.api import (
    Absent,
    CacheOrder,
    CompanionIdentity,
    CompanionSession,
    CompanionState,
    Flight,
    ProviderInfo,
    RemoteBuildReport,
    RemoteRun,
    RunLimits,
    Tile,
    TileId,
    TileResult,
    TileSupply,
    TransferSummary,
    WantedTile,
    Waypoint,
    tiles_digest,
)
from tests.support.pictures import real_jpeg


def flight_of(*places: tuple[float, float]) -> Flight:
    """Return a flight over these places, latitude first."""
    return Flight(
        id="F-1",
        name="survey",
        source="memory",
        waypoints=tuple(
            Waypoint(ordinal=ordinal, lat_deg=lat, lon_deg=lon, alt_m=100.0)
            for ordinal, (lat, lon) in enumerate(places)
        ),
    )


FLIGHT = flight_of((47.0553187, 8.3104262), (47.0580214, 8.3187341))


def picture_of(tile_id: TileId) -> bytes:
    """Return a real picture with bytes that are this tile's own."""
    return real_jpeg(str(tile_id))


class MemorySource:
    """A flight source that knows one flight."""

    def __init__(self, flight: Flight = FLIGHT, *, before: Callable[[], object] = lambda: None) -> None:
        self._flight = flight
        self._before = before

    def resolve(self, reference: str) -> Flight:
        self._before()
        return self._flight


class MemoryProvider:
    """A provider that has every tile but the absent ones, and counts what it was asked for."""

    def __init__(
        self,
        *,
        absent: Callable[[TileId], bool] = lambda _: False,
        answer: Callable[[WantedTile], TileResult] | None = None,
        info: ProviderInfo | None = None,
    ) -> None:
        self.asked: list[TileId] = []
        self.closed = False
        self._absent = absent
        self._answer = answer or self._picture
        self._info = info or ProviderInfo(dataset="memory-1", attribution="© memory")

    def describe(self) -> ProviderInfo:
        return self._info

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        for tile in wanted:
            self.asked.append(tile.id)
            yield Absent(tile.id) if self._absent(tile.id) else self._answer(tile)

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def _picture(tile: WantedTile) -> TileResult:
        return Tile(tile.id, picture_of(tile.id))


class MemorySession:
    """A session that is only there to be opened and closed."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def identity(self) -> CompanionIdentity:
        return CompanionIdentity(address=self._transport.address)

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        raise AssertionError("nothing runs in memory")

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        raise AssertionError("nothing is put in memory")

    def get(self, path: str, *, max_bytes: int = 0) -> bytes:
        raise AssertionError("nothing is read in memory")

    def close(self) -> None:
        self._transport.open_sessions -= 1


class MemoryTransport:
    """A transport that counts its open sessions."""

    address = "memory"

    def __init__(self) -> None:
        self.open_sessions = 0

    def connect(self) -> CompanionSession:
        self.open_sessions += 1
        return MemorySession(self)


class MemoryProvisioner:
    """A companion in memory: it keeps what it was sent, and its current generation."""

    site = "memory"

    def __init__(self, *, before: Callable[[str], object] = lambda _: None) -> None:
        self.current: str | None = None
        self.pictures: dict[TileId, bytes] = {}
        self.orders: list[CacheOrder] = []
        self._before = before
        self._staged: dict[TileId, bytes] = {}

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        self._before("companion")
        self.orders.append(order)
        return CompanionState(
            companion_id="m-1",
            agent_version="1",
            generation=self.current,
            up_to_date=self.current == order.content_key,
            verified_tiles=len(self.pictures),
            tiles_digest=self._digest(),
        )

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        self._staged = {}
        rows: list[tuple[int, int, int, bytes]] = []
        for batch in tiles.batches():
            self._before("transfer")
            for record in batch:
                self._staged[record.id] = tiles.read(record)
                rows.append((record.id.z, record.id.x, record.id.y, record.sha256))
        return TransferSummary(
            offered_tiles=len(rows),
            sent_tiles=len(rows),
            sent_bytes=sum(map(len, self._staged.values())),
            saved_bytes=0,
            tiles_digest=tiles_digest(iter(sorted(rows))),
        )

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        self._before("build")
        before, self.current, self.pictures = self.current, order.content_key, self._staged
        return RemoteBuildReport(
            generation=order.content_key,
            previous_generation=before,
            tiles=len(self.pictures),
            bytes=sum(map(len, self.pictures.values())),
            tiles_digest=self._digest(),
        )

    def _digest(self) -> str:
        rows = sorted((t.z, t.x, t.y, hashlib.sha256(data).digest()) for t, data in self.pictures.items())
        return tiles_digest(iter(rows))
