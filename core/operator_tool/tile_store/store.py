"""The tile store as the core sees it."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from operator_tool.api import DownloadError, PictureFormat, Tile, TileId, TileRecord
from operator_tool.failpoints import failpoint

from .damaged import DamagedTileError
from .disk import free_text, make_durable_folder
from .folder import INDEX_NAME, PACKS_NAME, FolderLock, check_owner, store_folder
from .index import Index
from .packs import PackReader, PackWriter, sweep_orphans
from .records import Batch, Place, StoredTile

_FRESH_CONTENTS = 16_384
_FORGET_AT_ONCE = 1_000


class TileStore:
    """The tiles of one provider and data set. A context manager; leaving it drops what was not committed.

    ``put``, ``put_absent``, ``put_not_modified`` and ``commit`` belong to one thread; the rest may be called from any.
    Several processes may fill the same store at once; pruning keeps off it while it is open. What is asked shows what
    is committed, never the open batch.
    Raises ``DownloadError`` when the disk refuses, ``ConfigError`` when the store is not this tool's to use.
    """

    def __init__(self, folder: Path, *, provider: str, dataset: str) -> None:
        self._folder = folder
        self._provider = provider
        self._dataset = dataset
        self._lock = threading.Lock()
        """Guards the two that read, and the folder's lock."""
        self._folder_lock: FolderLock | None = None
        self._reading: Index | None = None
        self._packs = PackReader(folder / PACKS_NAME)
        self._writing: Index | None = None
        self._pack = PackWriter(folder / PACKS_NAME)
        self._batch = Batch()
        self._took_back = False
        """Whether the open batch may have contents that none of its tiles shows any longer."""
        self._pending_bytes = 0
        self._fresh: dict[bytes, Place] = {}
        """Where the contents of the latest batches lie: what was just committed is what is read next."""
        self._holds_more_than_fresh = False

    @classmethod
    def open(cls, folder_of_stores: Path, *, provider: str, dataset: str) -> TileStore:
        """Open the store of a data set; one that isn't there is made at the first ``commit`` or picture, not before."""
        folder = store_folder(folder_of_stores, provider=provider, dataset=dataset)
        check_owner(folder)
        store = cls(folder, provider=provider, dataset=dataset)
        try:
            with store._lock:
                store._index_to_read()  # a store that can't be used is refused here, not in the middle of a run
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_existing(cls, folder: Path) -> TileStore | None:
        """Open the store that lies in a folder, of whichever data set it is; None when there is none."""
        check_owner(folder)
        index = Index.open_any(folder / INDEX_NAME)
        if index is None:
            return None
        try:
            meta = index.meta()
        finally:
            index.close()
        return cls(folder, provider=meta["provider"], dataset=meta["dataset"])

    @property
    def folder(self) -> Path:
        """Where the store lies, or will lie."""
        return self._folder

    @property
    def provider(self) -> str:
        """Whose tiles they are."""
        return self._provider

    @property
    def dataset(self) -> str:
        """Which data they are of."""
        return self._dataset

    def held(self, z: int, y: int, x0: int, x1: int) -> list[StoredTile]:
        """Return the tiles held of one row of tiles, ``x0`` and ``x1`` included, ascending."""
        with self._lock:
            index = self._index_to_read()
            return index.held(z, y, x0, x1) if index else []

    def held_counts(self, z: int, y: int, x0: int, x1: int) -> int:
        """Return how many tiles are held of one row of tiles, ``x0`` and ``x1`` included."""
        with self._lock:
            index = self._index_to_read()
            return index.held_count(z, y, x0, x1) if index else 0

    def held_counts_by_block(self, z: int, y: int, x0: int, x1: int, bits: int) -> list[tuple[int, int]]:
        """Return ``x >> bits`` and how many tiles are held that have it, of one row of tiles, ascending: a picture of
        millions of tiles is drawn in blocks of them."""
        with self._lock:
            index = self._index_to_read()
            return index.held_count_by_block(z, y, x0, x1, bits) if index else []

    def tiles_with(self, sha256: bytes, limit: int = 16) -> list[TileId]:
        """Return the tiles that show a content, at most ``limit`` of them."""
        with self._lock:
            index = self._index_to_read()
            return index.tiles_with(sha256, limit) if index else []

    def mean_bytes(self) -> float | None:
        """Return the mean size of the stored pictures, from a sample of thousands; None when there is none."""
        with self._lock:
            index = self._index_to_read()
            return index.mean_bytes() if index else None

    def absent(self, z: int, y: int, x0: int, x1: int, *, within_s: float = math.inf) -> list[int]:
        """Return the x of the tiles that the provider said it doesn't have, ``x0`` and ``x1`` included, ascending.

        Only what it said within the last ``within_s`` seconds counts; what was said after now, by a wrong clock, was
        said nobody knows when.
        """
        now_s = datetime.now(UTC).timestamp()
        with self._lock:
            index = self._index_to_read()
            return index.absent(z, y, x0, x1, now_s - within_s, now_s) if index else []

    def count(self) -> int:
        """Return how many tiles are held."""
        with self._lock:
            index = self._index_to_read()
            return index.count() if index else 0

    def read(self, record: TileRecord) -> bytes:
        """Return a committed picture, verified against its SHA-256.

        When it is damaged, its pack is checked as a whole, every tile with a damaged picture is forgotten so that the
        next run fetches it again, and a ``DamagedTileError`` names the tile.
        """
        with self._lock:
            index = self._index_to_read()
            place = self._fresh.get(record.sha256)
            if place is not None and (data := self._packs.verified(record.sha256, place)) is not None:
                return data
            # What was remembered may be out of date: the index has the last word.
            self._fresh.pop(record.sha256, None)
            place = index.place(record.sha256) if index else None
            if place is not None and (data := self._packs.verified(record.sha256, place)) is not None:
                return data
            forgotten = self._forget_damaged(index, record.sha256, place) if index else 0
            self._forget_fresh()
        raise DamagedTileError(
            f"tile {record.id} of the tile store {self._folder} is damaged; {forgotten} stored pictures were forgotten",
            hint="Run the same command again: the damaged tiles are fetched anew.",
        )

    def put(self, tile: Tile, picture_format: PictureFormat) -> TileRecord:
        """Add a tile to the open batch; a picture that the store holds already is not written again."""
        sha256 = hashlib.sha256(tile.data).digest()
        record = TileRecord(tile.id, sha256, len(tile.data), picture_format)
        if not self._has_content(sha256):
            try:
                self._batch.contents[sha256] = self._pack.append(tile.data)
            except DownloadError:
                self._drop_batch()
                raise
            self._pending_bytes += len(tile.data)
        self.drop(tile.id)
        self._batch.tiles[tile.id] = StoredTile(record, tile.etag, datetime.now(UTC), tile.imagery_date)
        return record

    def put_absent(self, tile_id: TileId) -> None:
        """Add to the open batch that the provider doesn't have a tile; a stored copy is no longer held after it."""
        self.drop(tile_id)
        self._batch.absent[tile_id] = datetime.now(UTC)

    def put_not_modified(self, tile_id: TileId) -> None:
        """Add to the open batch that the stored copy is still the provider's: its fetch time becomes now."""
        self.drop(tile_id)
        self._batch.confirmed[tile_id] = datetime.now(UTC)

    def drop(self, tile_id: TileId) -> bool:
        """Take back what the open batch says of a tile; False when it says nothing. What is committed stays."""
        dropped = self._batch.drop(tile_id)
        self._took_back |= dropped
        return dropped

    def forget_tiles(self, ids: Sequence[TileId]) -> None:
        """Hold these tiles no longer, neither in the open batch nor in the store: on the disk when this returns."""
        for tile_id in ids:
            self.drop(tile_id)
        if ids and (self._writing is not None or self._folder.exists()):
            self._index_to_write().forget_tiles(ids)

    def forget_content(self, sha256: bytes) -> None:
        """Hold no tile any longer that shows a content: on the disk when this returns."""
        while ids := self.tiles_with(sha256, _FORGET_AT_ONCE):
            self.forget_tiles(ids)

    def has(self, record: TileRecord) -> bool:
        """Say whether a picture is committed here."""
        with self._lock:
            if record.sha256 in self._fresh:
                return True
            index = self._index_to_read()
            return index is not None and index.place(record.sha256) is not None

    def note_attribution(self, attribution: str) -> None:
        """Keep whom the pictures are to be credited to, for who exports the store; one that isn't there gets no note.

        Writes only what is new.
        """
        with self._lock:
            index = self._index_to_read()
            known = index is None or index.meta().get("attribution", "") == attribution
        if not known:
            self._index_to_write().note("attribution", attribution)

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
        if self._took_back:
            self._batch.leave_unused_contents()
        try:
            # Nothing refers to what is not yet durable: the pictures first, then the rows that name them.
            self._pack.make_durable()
            failpoint("store.after_pack_synced")
            self._index_to_write().apply(self._batch)
            if len(self._fresh) > _FRESH_CONTENTS:
                self._forget_fresh()
            self._fresh.update(self._batch.contents)
        finally:
            self._drop_batch()

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
            if self._folder_lock is not None:
                self._folder_lock.release()
                self._folder_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _forget_fresh(self) -> None:
        self._fresh.clear()
        self._holds_more_than_fresh = True

    def _has_content(self, sha256: bytes) -> bool:
        """Say whether a content is held, or in the open batch. Where all that can be held is fresh, no index is asked:
        that would be the dearest step of a first download."""
        index = self._index_to_write()
        if sha256 in self._batch.contents or sha256 in self._fresh:
            return True
        return self._holds_more_than_fresh and index.place(sha256) is not None

    def _drop_batch(self) -> None:
        self._batch = Batch()
        self._pending_bytes = 0
        self._took_back = False

    def _lock_folder(self) -> bool:
        """Hold off pruning until the store is closed; False when there is no folder yet. Under ``_lock``."""
        if self._folder_lock is None:
            self._folder_lock = FolderLock.share(self._folder)
        return self._folder_lock is not None

    def _index_to_read(self) -> Index | None:
        if self._reading is None and self._lock_folder():
            self._reading = Index.open(self._folder / INDEX_NAME, provider=self._provider, dataset=self._dataset)
        return self._reading

    def _index_to_write(self) -> Index:
        if self._writing is None:
            packs = self._folder / PACKS_NAME
            try:
                with self._lock:
                    make_durable_folder(self._folder)
                    while not self._lock_folder():
                        make_durable_folder(self._folder)
                make_durable_folder(packs)
            except OSError as error:
                raise DownloadError(
                    f"the tile store {self._folder} can't be made: {error.strerror}; {free_text(self._folder)}",
                    hint="Make room on this disk, or choose another with --data-dir.",
                ) from error
            check_owner(self._folder)
            self._writing = Index.open_or_create(
                self._folder / INDEX_NAME, provider=self._provider, dataset=self._dataset
            )
            sweep_orphans(packs, self._writing.knows_pack)
            self._holds_more_than_fresh |= self._writing.mean_bytes() is not None
        return self._writing

    def _forget_damaged(self, index: Index, sha256: bytes, place: Place | None) -> int:
        if place is None:
            return index.forget([(sha256, None)]).contents
        damaged = (one for one in index.contents_of(place.pack) if self._packs.verified(*one) is None)
        forgotten = 0
        while part := list(islice(damaged, _FORGET_AT_ONCE)):
            forgotten += index.forget(part).contents
        return forgotten
