"""The tile store: what is committed is held, once, verified, and nothing else is."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, DownloadError, PictureFormat, Tile, TileId, TileRecord
from operator_tool.tile_store import TileStore

JPEG = PictureFormat.JPEG


def picture(number: int, length: int = 5_000) -> bytes:
    """Bytes of their own for each number."""
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(length)


def open_store(folder: Path, dataset: str = "set") -> TileStore:
    return TileStore.open(folder, provider="test", dataset=dataset)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TileStore]:
    with open_store(tmp_path) as opened:
        yield opened


def fill(store: TileStore, numbers: range, *, z: int = 17, y: int = 5) -> list[TileRecord]:
    """Put a tile for each number at x = number, and commit."""
    records = [store.put(Tile(TileId(z, number, y), picture(number)), JPEG) for number in numbers]
    store.commit()
    return records


def packs(store: TileStore) -> list[Path]:
    return sorted((store.folder / "packs").glob("*.pack"))


def test_a_committed_tile_is_held_with_all_that_is_known_of_it(store: TileStore) -> None:
    """Record, ETag byte for byte, imagery date and fetch time come back."""
    before = datetime.now(UTC)
    tile = Tile(TileId(17, 9, 5), picture(1), 'W/"odd \xe9 etag"', "2026-05-01")
    record = store.put(tile, PictureFormat.WEBP)
    store.commit()
    (held,) = store.held(17, 5, 0, 100)
    assert held.record == record == TileRecord(tile.id, hashlib.sha256(tile.data).digest(), 5_000, PictureFormat.WEBP)
    assert (held.etag, held.imagery_date) == (tile.etag, "2026-05-01")
    assert before <= held.fetched_at <= datetime.now(UTC)
    assert store.read(record) == tile.data


def test_held_gives_one_row_ascending_with_both_ends(store: TileStore) -> None:
    """A range includes both of its ends, and neither another row nor another zoom."""
    for x in (7, 3, 5, 4, 8):
        store.put(Tile(TileId(17, x, 5), picture(x)), JPEG)
    store.put(Tile(TileId(17, 4, 6), picture(90)), JPEG)
    store.put(Tile(TileId(18, 4, 5), picture(91)), JPEG)
    store.commit()
    assert [tile.record.id.x for tile in store.held(17, 5, 4, 7)] == [4, 5, 7]
    assert store.count() == 7


def test_the_open_batch_shows_in_no_answer_and_is_dropped_on_leaving(tmp_path: Path) -> None:
    """Held means durable."""
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(17, 1, 5), picture(1)), JPEG)
        store.put_absent(TileId(17, 2, 5))
        assert (store.pending_tiles, store.pending_bytes) == (2, 5_000)
        assert (store.count(), store.held(17, 5, 0, 9), store.absent(17, 5, 0, 9)) == (0, [], [])
    with open_store(tmp_path) as store:
        assert (store.count(), store.absent(17, 5, 0, 9), packs(store)) == (0, [], [])


def test_nothing_refers_to_what_is_not_yet_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the index comes to name a picture, its pack and the pack's own name have been synced, bytes and all."""
    synced: dict[int, int] = {}
    sync = os.fsync

    def note(fd: int) -> None:
        with open_store(tmp_path) as other:
            seen_while_syncing.append(other.count())
        sync(fd)
        synced[os.fstat(fd).st_ino] = os.fstat(fd).st_size

    seen_while_syncing: list[int] = []
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(17, 0, 5), picture(0)), JPEG)
        monkeypatch.setattr(os, "fsync", note)
        for count in (10, 20):
            fill(store, range(count - 10, count))
            (pack,) = packs(store)
            assert synced[pack.stat().st_ino] == pack.stat().st_size == count * 5_000
            assert pack.parent.stat().st_ino in synced
        assert seen_while_syncing == [0, 0, 10]


def test_a_commit_empties_the_pending_counts(store: TileStore) -> None:
    """The counts are of the open batch alone."""
    fill(store, range(3))
    assert (store.pending_tiles, store.pending_bytes) == (0, 0)


def test_only_reading_a_store_that_is_not_there_writes_nothing(tmp_path: Path) -> None:
    """No folder appears for a question."""
    with open_store(tmp_path / "stores") as store:
        assert (store.count(), store.held(1, 0, 0, 1), store.absent(1, 0, 0, 1)) == (0, [], [])
        store.commit()
    assert list(tmp_path.iterdir()) == []


def test_only_reading_a_store_that_is_there_leaves_its_files_as_they_were(tmp_path: Path) -> None:
    """A run that changes nothing leaves no trace behind."""
    with open_store(tmp_path) as store:
        records = fill(store, range(3))
        folder = store.folder

    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    before = state()
    with open_store(tmp_path) as store:
        assert store.read(records[1]) == picture(1)
    assert state() == before


def test_identical_content_is_written_once(tmp_path: Path) -> None:
    """A hundred tiles of sea, in one batch or in several sessions, are one picture on the disk."""
    sea = picture(7)
    for start in (0, 100):
        with open_store(tmp_path) as store:
            for x in range(start, start + 50):
                store.put(Tile(TileId(17, x, 5), sea), JPEG)
            assert store.pending_bytes == (5_000 if start == 0 else 0)
            store.commit()
            for x in range(start + 50, start + 100):
                store.put(Tile(TileId(17, x, 5), sea), JPEG)
            store.commit()
            assert store.count() == start + 100
    assert [pack.stat().st_size for pack in packs(store)] == [5_000]


def test_a_tile_that_is_put_again_replaces_the_old_one(store: TileStore) -> None:
    """Also within one batch the last word counts."""
    fill(store, range(1, 2))
    store.put(Tile(TileId(17, 1, 5), picture(50), '"two"'), JPEG)
    record = store.put(Tile(TileId(17, 1, 5), picture(51), '"three"'), JPEG)
    store.commit()
    (held,) = store.held(17, 5, 0, 9)
    assert (held.record, held.etag) == (record, '"three"')
    assert store.read(held.record) == picture(51)


def test_a_tile_is_either_held_or_absent(store: TileStore) -> None:
    """The provider's last word counts, across batches and within one."""
    store.put_absent(TileId(17, 1, 5))
    store.commit()
    assert store.absent(17, 5, 0, 9) == store.absent(17, 5, 0, 9, within_s=60) == [1]
    assert store.absent(17, 5, 0, 9, within_s=-60) == []
    fill(store, range(1, 3))
    assert (store.absent(17, 5, 0, 9), store.count()) == ([], 2)
    store.put_absent(TileId(17, 1, 5))
    store.put(Tile(TileId(17, 2, 5), picture(2)), JPEG)
    store.put_absent(TileId(17, 2, 5))
    store.commit()
    assert (store.absent(17, 5, 0, 9), store.count()) == ([1, 2], 0)


def test_a_tile_that_came_after_it_was_called_absent_in_the_same_batch_is_held(store: TileStore) -> None:
    """The provider's last word counts, whichever word it is."""
    store.put_absent(TileId(17, 3, 5))
    fill(store, range(3, 4))
    assert (store.absent(17, 5, 0, 9), store.count()) == ([], 1)


def test_the_same_content_from_two_sessions_at_once_is_read_by_both(tmp_path: Path) -> None:
    """Neither knew of the other's picture when it was put; the first commit's place counts."""
    with open_store(tmp_path) as one, open_store(tmp_path) as two:
        first = one.put(Tile(TileId(17, 1, 5), picture(1)), JPEG)
        second = two.put(Tile(TileId(17, 2, 5), picture(1)), JPEG)
        one.commit()
        two.commit()
        assert one.read(second) == two.read(first) == picture(1)


def test_a_tile_that_was_not_modified_is_as_fresh_as_now(store: TileStore) -> None:
    """The fetch time moves, the rest stays."""
    fill(store, range(1, 2))
    (before,) = store.held(17, 5, 1, 1)
    store.put_not_modified(TileId(17, 1, 5))
    store.commit()
    (after,) = store.held(17, 5, 1, 1)
    assert after.fetched_at > before.fetched_at
    assert after.record == before.record


def test_data_sets_have_stores_of_their_own(tmp_path: Path) -> None:
    """One folder a provider and data set, named by a hash, whatever the data set is called."""
    with open_store(tmp_path, "../a") as a, open_store(tmp_path, "b") as b:
        fill(a, range(2))
        assert (a.count(), b.count()) == (2, 0)
    assert [path.name for path in tmp_path.iterdir()] == [f"test-{hashlib.sha256(b'../a').hexdigest()[:12]}"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65, "a\x00"])
def test_a_provider_name_that_is_no_name_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    """Names are checked before a folder is named by them."""
    with pytest.raises(ConfigError):
        TileStore.open(tmp_path, provider=name, dataset="set")


def test_reading_works_from_another_thread_while_this_one_puts_and_commits(tmp_path: Path) -> None:
    """The sender reads what is committed while the download goes on."""
    with open_store(tmp_path) as store:
        committed: list[TileRecord] = fill(store, range(20))
        done = threading.Event()
        wrong: list[TileRecord] = []
        reads = 0

        def read_all() -> None:
            nonlocal reads
            while not done.is_set() or reads == 0:
                for record in list(committed):
                    if store.read(record) != picture(record.id.x):
                        wrong.append(record)
                    reads += 1

        reader = threading.Thread(target=read_all)
        reader.start()
        for start in range(20, 400, 20):
            committed.extend(fill(store, range(start, start + 20)))
        done.set()
        reader.join(30)
        assert not reader.is_alive()
        assert (wrong, store.count()) == ([], 400)
        assert reads > 0


def test_reading_many_packs_keeps_few_files_open(tmp_path: Path) -> None:
    """Twenty sessions are twenty packs, and not twenty descriptors."""
    records: list[TileRecord] = []
    for start in range(20):
        with open_store(tmp_path) as store:
            records += fill(store, range(start, start + 1))
    with open_store(tmp_path) as store:
        assert len(packs(store)) == 20
        before = len(os.listdir("/proc/self/fd"))
        for record in records * 2:
            assert store.read(record) == picture(record.id.x)
        assert len(os.listdir("/proc/self/fd")) - before <= 16


def test_the_store_closes_all_that_it_opened(tmp_path: Path) -> None:
    """No descriptor is left behind."""
    before = os.listdir("/proc/self/fd")
    with open_store(tmp_path) as store:
        for record in fill(store, range(3)):
            store.read(record)
    assert os.listdir("/proc/self/fd") == before


def test_reading_what_was_never_held_is_an_error(store: TileStore) -> None:
    """A record from elsewhere is not invented."""
    fill(store, range(1))
    with pytest.raises(DownloadError, match="1/0/0"):
        store.read(TileRecord(TileId(1, 0, 0), bytes(32), 5, JPEG))
