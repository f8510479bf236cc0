"""Damage, foreign files and newer schemas: noticed, named, and never made worse."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, DownloadError, PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore
from operator_tool.tile_store.index import Index
from operator_tool.tile_store.records import Place

LENGTH = 1_000


def picture(number: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(LENGTH)


def open_store(folder: Path) -> TileStore:
    return TileStore.open(folder, provider="test", dataset="set")


def fill(folder: Path, numbers: range, copies: int = 1) -> Path:
    """Commit each number's picture at y = 0 to ``copies`` and x = number, in a pack of its own; return that pack."""
    with open_store(folder) as store:
        before = set((store.folder / "packs").glob("*.pack"))
        for number in numbers:
            for y in range(copies):
                store.put(Tile(TileId(12, number, y), picture(number)), PictureFormat.PNG)
        store.commit()
        (pack,) = set((store.folder / "packs").glob("*.pack")) - before
    return pack


def flip(pack: Path, number: int) -> None:
    with pack.open("r+b") as file:
        file.seek(number * LENGTH + 10)
        byte = file.read(1)
        file.seek(number * LENGTH + 10)
        file.write(bytes([byte[0] ^ 1]))


def test_case_046_bit_rot_is_noticed_and_every_tile_of_this_content_forgotten(tmp_path: Path) -> None:
    """The run ends with the tile's name; the next one finds it missing, fetches it, and reads it."""
    pack = fill(tmp_path, range(10), copies=2)
    flip(pack, 4)
    with open_store(tmp_path) as store:
        (rotten,) = store.held(12, 0, 4, 4)
        with pytest.raises(DownloadError, match="12/4/0") as caught:
            store.read(rotten.record)
        assert caught.value.retryable
        assert [tile.record.id.x for tile in store.held(12, 1, 0, 9)] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
        record = store.put(Tile(TileId(12, 4, 0), picture(4)), PictureFormat.PNG)
        store.commit()
        assert store.read(record) == picture(4)


def damage_two(pack: Path) -> None:
    flip(pack, 2)
    flip(pack, 7)


def cut_short(pack: Path) -> None:
    with pack.open("r+b") as file:
        file.truncate(7 * LENGTH + 1)


@pytest.mark.parametrize(
    ("damage", "left"),
    [(damage_two, 8), (cut_short, 7), (Path.unlink, 0)],
    ids=["two pictures rot", "pack cut short", "pack gone"],
)
def test_case_046_one_run_finds_all_the_damage_of_a_pack(
    tmp_path: Path, damage: Callable[[Path], None], left: int
) -> None:
    """The first damaged picture has its whole pack checked; other packs and whole pictures stay."""
    pack = fill(tmp_path, range(10))
    fill(tmp_path, range(10, 13))
    damage(pack)
    with open_store(tmp_path) as store:
        failed = 0
        for tile in store.held(12, 0, 0, 12):
            if store.held(12, 0, tile.record.id.x, tile.record.id.x):
                try:
                    store.read(tile.record)
                except DownloadError:
                    failed += 1
        assert failed == 1
        assert store.count() == left + 3
        assert all(store.read(tile.record) == picture(tile.record.id.x) for tile in store.held(12, 0, 0, 12))


def test_case_046_what_was_stored_anew_meanwhile_is_not_forgotten(tmp_path: Path) -> None:
    """Damage that was seen at one place says nothing of the same picture at another."""
    folder = fill(tmp_path, range(3)).parent.parent
    index = Index.open(folder / "index.sqlite", provider="test", dataset="set")
    assert index is not None
    sha256 = hashlib.sha256(picture(1)).digest()
    index.forget([(sha256, Place("the pack that it was in before", 0, LENGTH))])
    index.close()
    with open_store(tmp_path) as store:
        assert store.read(store.held(12, 0, 1, 1)[0].record) == picture(1)


def test_case_139_a_store_of_a_newer_schema_is_refused_and_not_rewritten(tmp_path: Path) -> None:
    """An older tool keeps its hands off."""
    index = fill(tmp_path, range(3)).parent.parent / "index.sqlite"
    connection = sqlite3.connect(index)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    before = {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="schema 2"):
        open_store(tmp_path)
    assert {path: path.read_bytes() for path in index.parent.rglob("*") if path.is_file()} == before


def test_a_store_of_another_data_set_under_this_name_is_refused(tmp_path: Path) -> None:
    """Tiles of one data set are never given out as another's."""
    index = fill(tmp_path, range(3)).parent.parent / "index.sqlite"
    connection = sqlite3.connect(index)
    connection.execute("UPDATE meta SET value = 'other' WHERE key = 'dataset'")
    connection.commit()
    connection.close()
    with pytest.raises(ConfigError, match="'other'"):
        open_store(tmp_path)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    """A database that someone else made is not written to."""
    index = fill(tmp_path, range(1)).parent.parent / "index.sqlite"
    index.unlink()
    connection = sqlite3.connect(index)
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(ConfigError, match="not a tile store"):
        open_store(tmp_path)


def test_an_index_that_is_no_database_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The message names the file, the hint what to move away."""
    index = fill(tmp_path, range(1)).parent.parent / "index.sqlite"
    index.write_bytes(b"not a database, whatever it is " * 100)
    with pytest.raises(ConfigError, match=r"index\.sqlite") as caught:
        open_store(tmp_path)
    assert str(index.parent) in caught.value.hint


def test_an_index_that_a_killed_process_left_empty_is_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    """An empty file holds nothing and is filled by the next commit."""
    index = fill(tmp_path, range(1)).parent.parent / "index.sqlite"
    index.write_bytes(b"")
    with open_store(tmp_path) as store:
        assert store.count() == 0
    fill(tmp_path, range(5))
    with open_store(tmp_path) as store:
        assert store.count() == 5
