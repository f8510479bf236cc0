"""The tile store as the core sees it."""

from __future__ import annotations

import errno
import hashlib
import math
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from operator_tool.api import ConfigError, DownloadError, PictureFormat, Tile, TileId, TileRecord

from .disk import make_durable_folder
from .index import Index
from .packs import PackReader, PackWriter, sweep_orphans
from .records import Batch, Place, StoredTile

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

_FRESH_CONTENTS = 16_384


class TileStore:
    """The tiles of one provider and data set. A context manager; leaving it drops what was not committed.

    ``put``, ``put_absent``, ``put_not_modified`` and ``commit`` belong to one thread; the rest may be called from any.
    Several processes may fill the same store at once. What is asked shows what is committed, never the open batch.
    Raises ``DownloadError`` when the disk refuses, ``ConfigError`` when the store is not this tool's to use.
    """

    def __init__(self, folder: Path, *, provider: str, dataset: str) -> None:
        self._folder = folder
        self._provider = provider
        self._dataset = dataset
        self._lock = threading.Lock()
        """Guards the two that read."""
        self._reading: Index | None = None
        self._packs = PackReader(folder / "packs")
        self._writing: Index | None = None
        self._pack = PackWriter(folder / "packs")
        self._batch = Batch()
        self._pending_bytes = 0
        self._fresh: dict[bytes, Place] = {}
        """Where the contents of the latest batches lie: what was just committed is what is read next."""

    @classmethod
    def open(cls, folder_of_stores: Path, *, provider: str, dataset: str) -> TileStore:
        """Open the store of a data set; one that isn't there is made at the first ``commit`` or picture, not before."""
        if not _PROVIDER_NAME.fullmatch(provider):
            raise ConfigError(f"{provider!r} can't name a tile store's folder")
        name = f"{provider}-{hashlib.sha256(dataset.encode()).hexdigest()[:12]}"
        store = cls(folder_of_stores / name, provider=provider, dataset=dataset)
        store.count()  # a store that can't be used is refused here, not in the middle of a run
        return store

    @property
    def folder(self) -> Path:
        """Where the store lies, or will lie."""
        return self._folder

    def held(self, z: int, y: int, x0: int, x1: int) -> list[StoredTile]:
        """Return the tiles held of one row of tiles, ``x0`` and ``x1`` included, ascending."""
        with self._lock:
            index = self._index_to_read()
            return index.held(z, y, x0, x1) if index else []

    def absent(self, z: int, y: int, x0: int, x1: int, *, within_s: float = math.inf) -> list[int]:
        """Return the x of the tiles that the provider said it doesn't have, ``x0`` and ``x1`` included, ascending.

        Only what it said ``within_s`` seconds of now counts.
        """
        since_s = datetime.now(UTC).timestamp() - within_s
        with self._lock:
            index = self._index_to_read()
            return index.absent(z, y, x0, x1, since_s) if index else []

    def count(self) -> int:
        """Return how many tiles are held."""
        with self._lock:
            index = self._index_to_read()
            return index.count() if index else 0

    def read(self, record: TileRecord) -> bytes:
        """Return a committed picture, verified against its SHA-256.

        When it is damaged, its pack is checked as a whole, every tile with a damaged picture is forgotten so that the
        next run fetches it again, and a ``DownloadError`` names the tile.
        """
        with self._lock:
            index = self._index_to_read()
            place = self._fresh.get(record.sha256) or (index.place(record.sha256) if index else None)
            if place is not None and (data := self._read_verified(record.sha256, place)) is not None:
                return data
            forgotten = self._forget_damaged(index, record.sha256, place) if index else 0
        raise DownloadError(
            f"tile {record.id} of the tile store {self._folder} is damaged; {forgotten} stored pictures were forgotten",
            hint="Run the same command again: the damaged tiles are fetched anew.",
        )

    def put(self, tile: Tile, picture_format: PictureFormat) -> TileRecord:
        """Add a tile to the open batch; a picture that the store holds already is not written again."""
        sha256 = hashlib.sha256(tile.data).digest()
        record = TileRecord(tile.id, sha256, len(tile.data), picture_format)
        if sha256 not in self._batch.contents and self._index_to_write().place(sha256) is None:
            try:
                self._batch.contents[sha256] = self._pack.append(tile.data)
            except DownloadError:
                self._drop_batch()
                raise
            self._pending_bytes += len(tile.data)
        self._batch.drop(tile.id)
        self._batch.tiles[tile.id] = StoredTile(record, tile.etag, datetime.now(UTC), tile.imagery_date)
        return record

    def put_absent(self, tile_id: TileId) -> None:
        """Add to the open batch that the provider doesn't have a tile; a stored copy is no longer held after it."""
        self._batch.drop(tile_id)
        self._batch.absent[tile_id] = datetime.now(UTC)

    def put_not_modified(self, tile_id: TileId) -> None:
        """Add to the open batch that the stored copy is still the provider's: its fetch time becomes now."""
        self._batch.drop(tile_id)
        self._batch.confirmed[tile_id] = datetime.now(UTC)

    @property
    def pending_tiles(self) -> int:
        """How many tiles the open batch says something of."""
        return len(self._batch.tiles) + len(self._batch.absent) + len(self._batch.confirmed)

    @property
    def pending_bytes(self) -> int:
        """How many bytes of new pictures the open batch has."""
        return self._pending_bytes

    def commit(self) -> None:
        """Make the open batch durable: it is on the disk when this returns. On an error it is dropped as a whole."""
        if not self._batch:
            return
        try:
            # Nothing refers to what is not yet durable: the pictures first, then the rows that name them.
            self._pack.make_durable()
            self._index_to_write().apply(self._batch)
            if len(self._fresh) > _FRESH_CONTENTS:
                self._fresh.clear()
            self._fresh.update(self._batch.contents)
        finally:
            self._batch = Batch()
            self._pending_bytes = 0

    def close(self) -> None:
        """Drop the open batch and free what the store holds."""
        self._drop_batch()
        self._pack.close()
        if self._writing is not None:
            self._writing.close()
            self._writing = None
        with self._lock:
            self._packs.close()
            if self._reading is not None:
                self._reading.close()
                self._reading = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _drop_batch(self) -> None:
        self._batch = Batch()
        self._pending_bytes = 0

    def _index_to_read(self) -> Index | None:
        if self._reading is None:
            self._reading = Index.open(self._folder / "index.sqlite", provider=self._provider, dataset=self._dataset)
        return self._reading

    def _index_to_write(self) -> Index:
        if self._writing is None:
            packs = self._folder / "packs"
            try:
                make_durable_folder(packs)
            except OSError as error:
                raise DownloadError(f"the tile store {self._folder} can't be made: {error.strerror}") from error
            self._writing = Index.open_or_create(
                self._folder / "index.sqlite", provider=self._provider, dataset=self._dataset
            )
            sweep_orphans(packs, self._writing.knows_pack)
        return self._writing

    def _read_verified(self, sha256: bytes, place: Place) -> bytes | None:
        """Return the content at a place, or None when it is damaged there."""
        try:
            data = self._packs.read(place)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EIO):
                return None
            raise DownloadError(f"the tile store {self._folder} can't be read: {error.strerror}") from error
        return data if hashlib.sha256(data).digest() == sha256 else None

    def _forget_damaged(self, index: Index, sha256: bytes, place: Place | None) -> int:
        damaged: list[tuple[bytes, Place | None]] = [(sha256, place)]
        if place is not None:
            damaged = [(s, p) for s, p in index.contents_of(place.pack) if self._read_verified(s, p) is None]
        index.forget(damaged)
        return len(damaged)
