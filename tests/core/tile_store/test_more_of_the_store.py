"""What a download asks of the store beside putting and reading: counts, who shows what, and taking back."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from operator_tool.api import DownloadError, PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore
from operator_tool.tile_store.records import Place
from tests.support.stores import LENGTH, fill, held, open_store, packs_of, picture

PNG = PictureFormat.PNG
SEA = picture(7_777)
SEA_SHA256 = hashlib.sha256(SEA).digest()


def test_held_counts_counts_a_row_with_both_ends(tmp_path: Path) -> None:
    """The same tiles that ``held`` gives, and none of a store that isn't there."""
    with open_store(tmp_path) as store:
        assert store.held_counts(12, 0, 0, 4095) == 0
    fill(tmp_path, range(10))
    fill(tmp_path, range(3), y=1)
    with open_store(tmp_path) as store:
        assert [store.held_counts(12, 0, 2, 5), store.held_counts(12, 1, 0, 99), store.held_counts(13, 0, 0, 99)] == [
            4,
            3,
            0,
        ]


def test_tiles_with_names_who_shows_a_content(tmp_path: Path) -> None:
    """Up to the limit; what is not committed yet, is not shown yet."""
    with open_store(tmp_path) as store:
        assert store.tiles_with(SEA_SHA256) == []
        for x in range(20):
            store.put(Tile(TileId(12, x, 3), SEA), PNG)
        assert store.tiles_with(SEA_SHA256) == []
        store.commit()
        assert len(store.tiles_with(SEA_SHA256)) == 16
        assert store.tiles_with(SEA_SHA256, limit=100) == [TileId(12, x, 3) for x in range(20)]
        assert store.tiles_with(bytes(32)) == []


def test_mean_bytes_is_the_mean_of_the_pictures(tmp_path: Path) -> None:
    """None before there is one."""
    with open_store(tmp_path) as store:
        assert store.mean_bytes() is None
        for x, length in enumerate((1_000, 2_000, 6_000)):
            store.put(Tile(TileId(12, x, 0), picture(x, length)), PNG)
        store.commit()
        assert store.mean_bytes() == 3_000.0


def test_a_dropped_tile_is_not_committed_and_neither_is_its_picture(tmp_path: Path) -> None:
    """Unless another tile of the batch shows it, too; what is committed already stays."""
    fill(tmp_path, range(1))
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(12, 1, 0), picture(1)), PNG)
        for x in (2, 3):
            store.put(Tile(TileId(12, x, 1), SEA), PNG)
        store.put_absent(TileId(12, 9, 0))
        assert [store.drop(TileId(12, x, y)) for x, y in ((1, 0), (2, 1), (9, 0), (9, 0), (0, 0))] == [
            True,
            True,
            True,
            False,
            False,
        ]
        assert store.pending_tiles == 1
        store.commit()
        assert store.tiles_with(SEA_SHA256) == [TileId(12, 3, 1)]
        assert store.absent(12, 0, 0, 99) == []
        index = store._index_to_write()
        assert index.place(hashlib.sha256(picture(1)).digest()) is None
    assert held(tmp_path) == [0]


def test_a_batch_of_which_everything_was_dropped_commits_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    """A picture that was taken back and then put again is there."""
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(12, 1, 0), picture(1)), PNG)
        store.drop(TileId(12, 1, 0))
        store.commit()
        assert store.count() == 0
        store.put(Tile(TileId(12, 1, 0), picture(1)), PNG)
        store.commit()
    assert held(tmp_path) == [1]


def test_forgotten_tiles_are_gone_at_once_from_the_store_and_from_the_open_batch(tmp_path: Path) -> None:
    """Another process sees it before the batch is committed; the others stay."""
    fill(tmp_path, range(5))
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(12, 7, 0), picture(7)), PNG)
        store.put(Tile(TileId(12, 8, 0), picture(8)), PNG)
        store.forget_tiles([TileId(12, 1, 0), TileId(12, 7, 0), TileId(12, 99, 0)])
        assert held(tmp_path) == [0, 2, 3, 4]
        store.commit()
    assert held(tmp_path) == [0, 2, 3, 4, 8]


def test_forgetting_in_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    """There is nothing to forget."""
    with open_store(tmp_path) as store:
        store.forget_tiles([TileId(12, 1, 0)])
        store.note_attribution("© nobody")
    assert list(tmp_path.iterdir()) == []


def test_the_attribution_is_kept_and_written_only_when_it_is_new(tmp_path: Path) -> None:
    """Whoever exports the store can credit its provider."""
    place = fill(tmp_path, range(1))
    with open_store(tmp_path) as store:
        store.note_attribution("© Survey of 2026")
    with open_store(tmp_path) as store:
        store.note_attribution("© Survey of 2026")
        assert store._writing is None
        assert store._reading is not None
        assert store._reading.meta()["attribution"] == "© Survey of 2026"
    assert held(tmp_path) == [0]
    assert place.is_dir()


def test_a_store_opens_by_its_folder(tmp_path: Path) -> None:
    """Provider and data set are its own; a folder without a store has none."""
    place = fill(tmp_path, range(3), dataset="imagery of 2026", provider="xyz")
    store = TileStore.open_existing(place)
    assert store is not None
    with store:
        assert (store.provider, store.dataset, store.count()) == ("xyz", "imagery of 2026", 3)
        assert store.folder == place
    assert TileStore.open_existing(tmp_path / "nothing") is None


def test_case_046_what_was_remembered_of_a_place_is_asked_again_before_it_counts_as_damage(tmp_path: Path) -> None:
    """A picture that lies elsewhere by now is read there, and nothing is forgotten."""
    with open_store(tmp_path) as store:
        record = store.put(Tile(TileId(12, 1, 0), picture(1)), PNG)
        store.commit()
        store._fresh[record.sha256] = Place("0" * 32, 0, LENGTH)
        assert store.read(record) == picture(1)
        assert store.count() == 1


def test_case_046_thousands_of_damaged_pictures_are_forgotten_in_one_run(tmp_path: Path) -> None:
    """More than are forgotten at a time; the whole ones stay."""
    place = fill(tmp_path, range(2_500))
    (pack,) = packs_of(place)
    with pack.open("r+b") as file:
        file.truncate(100 * LENGTH)
    with open_store(tmp_path) as store:
        (rotten,) = store.held(12, 0, 2_000, 2_000)
        with pytest.raises(DownloadError, match="2400 stored pictures"):
            store.read(rotten.record)
    assert held(tmp_path) == list(range(100))
