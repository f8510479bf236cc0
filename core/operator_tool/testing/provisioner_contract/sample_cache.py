"""Small caches for a provisioner under test: an order, and a supply of real pictures that sees how it is used."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence

from operator_tool.api import (
    AreaRequest,
    CacheGaps,
    CacheInputs,
    CacheOrder,
    Flight,
    PictureFormat,
    ProviderKey,
    TileId,
    TileRecord,
    TileTable,
    Waypoint,
)

from ..pictures import picture_of

_ZOOMS = (16, 17)
_COLUMNS, _ROWS = 10, 6
_BATCH_TILES = 25


class SampleSupply:
    """A ``TileSupply`` from memory: batches of different sizes, an empty one among them as while nothing is ready."""

    def __init__(self, pictures: dict[TileId, bytes]) -> None:
        self.records = [_record(tile, picture) for tile, picture in pictures.items()]
        self.read_tiles = 0
        self.problems: list[str] = []
        """What a provisioner did with it that it may not."""
        self._pictures = {hashlib.sha256(picture).digest(): picture for picture in pictures.values()}
        self._puller: int | None = None

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield all records, from the first again with each call."""
        self._puller = threading.get_ident()
        for start in range(0, len(self.records), _BATCH_TILES):
            self._look("a batch was pulled")
            yield self.records[start : start + _BATCH_TILES]
            if start == 0:
                yield []

    def read(self, record: TileRecord) -> bytes:
        """Return one picture."""
        self._look("a picture was read")
        self.read_tiles += 1
        return self._pictures[record.sha256]

    def gaps(self) -> CacheGaps:
        """Return that nothing is missing."""
        return CacheGaps()

    def _look(self, what: str) -> None:
        if self._puller != threading.get_ident():
            self.problems.append(f"{what} in another thread than the one that pulls the batches")


class FailingSupply(SampleSupply):
    """One that fails in the middle, while batches are pulled or while a picture is read."""

    def __init__(self, pictures: dict[TileId, bytes], where: str, error: Exception) -> None:
        super().__init__(pictures)
        self._where, self._error = where, error

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield some."""
        for number, batch in enumerate(super().batches()):
            if self._where == "batches" and number == 2:
                raise self._error
            yield batch

    def read(self, record: TileRecord) -> bytes:
        """Return the first ten pictures."""
        if self._where == "read" and self.read_tiles == 10:
            raise self._error
        return super().read(record)


class WaitingSupply(SampleSupply):
    """One whose download goes on for a minute after the first batch."""

    def __init__(self, pictures: dict[TileId, bytes]) -> None:
        super().__init__(pictures)
        self.waits = threading.Event()
        """The first batch was taken in."""

    def batches(self) -> Iterator[Sequence[TileRecord]]:
        """Yield one batch, and then that nothing is ready."""
        yield next(super().batches())
        for _ in range(600):
            self.waits.set()
            time.sleep(0.1)
            yield []


class SampleCache:
    """What is to be built: caches of neighbouring numbers share half of their pictures, as those of two flights do."""

    def __init__(self, number: int, run_id: str = "") -> None:
        self.pictures = dict(_pictures(number))
        self.supply = SampleSupply(self.pictures)
        self.order = _order(number, run_id or f"kit-{number}", len(self.pictures))
        table = TileTable()
        table.add(self.supply.records)
        self.tiles, self.bytes, self.digest = table.tiles, table.bytes, table.digest()


def _pictures(number: int) -> Iterator[tuple[TileId, bytes]]:
    for zoom in _ZOOMS:
        left = 30_000 + number * _COLUMNS // 2
        for place in range(_COLUMNS * _ROWS):
            tile = TileId(zoom, left + place % _COLUMNS, 20_000 + place // _COLUMNS)
            # Two tiles in a row show the same: open water.
            yield tile, picture_of(TileId(zoom, 0, 0) if place in (7, 8) else tile)


def _record(tile: TileId, picture: bytes) -> TileRecord:
    return TileRecord(tile, hashlib.sha256(picture).digest(), len(picture), PictureFormat.JPEG)


def _order(number: int, run_id: str, tiles: int) -> CacheOrder:
    lat_deg = 49.0 + number / 1000
    flight = Flight(
        id=f"kit-{number}",
        name=f"Conformance {number}",
        source="operator_tool.testing",
        waypoints=(
            Waypoint(ordinal=0, lat_deg=lat_deg, lon_deg=11.0),
            Waypoint(ordinal=1, lat_deg=lat_deg, lon_deg=11.02),
        ),
    )
    inputs = CacheInputs(
        route=tuple((point.lat_deg, point.lon_deg, None) for point in flight.waypoints),
        takeoff_origin=flight.takeoff_origin,
        area=AreaRequest(),
        zooms=_ZOOMS,
        providers=(ProviderKey(name="kit", dataset="1"),),
        allow_gaps=0,
    )
    return CacheOrder(
        run_id=run_id,
        inputs=inputs,
        content_key=inputs.content_key,
        flight=flight,
        wanted_tiles=tiles,
        bounds_deg=(11.0, lat_deg - 0.01, 11.02, lat_deg + 0.01),
        attribution="the conformance kit",
        operator="kit@workstation",
    )
