"""Verifying: every byte is read, and what is damaged is forgotten and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import verification
from operator_tool.tile_store.folder import FolderLock
from operator_tool.tile_store.verification import bytes_to_verify, verify
from tests.support.stores import LENGTH, fill, flip, held, open_store, packs_of, picture, state


def test_a_whole_store_is_well(tmp_path: Path) -> None:
    """Every picture is read once, however many tiles show it, and told of."""
    fill(tmp_path, range(10))
    folder = fill(tmp_path, range(5), y=1)
    told: list[int] = []
    found = verify(folder, forget=True, tell=told.append)
    assert found.is_well
    assert (found.contents, found.bytes) == (10, 10 * LENGTH)
    assert sum(told) == found.bytes == bytes_to_verify(folder)


def test_case_046_damage_is_counted_named_and_forgotten(tmp_path: Path) -> None:
    """In every pack, each tile that shows it; the next run fetches these and no other."""
    folder = fill(tmp_path, range(10))
    fill(tmp_path, range(3, 5), y=1)
    (first,) = packs_of(folder)
    fill(tmp_path, range(10, 20))
    (second,) = {*packs_of(folder)} - {first}
    for pack, number in ((first, 3), (first, 7), (second, 9)):
        flip(pack, number)
    found = verify(folder, forget=True)
    assert (found.contents, found.damaged_contents, found.damaged_tiles, found.is_well) == (20, 3, 4, False)
    assert sorted(found.first_tiles) == [TileId(12, 3, 0), TileId(12, 3, 1), TileId(12, 7, 0), TileId(12, 19, 0)]
    assert held(tmp_path) == [x for x in range(20) if x not in (3, 7, 19)]
    assert verify(folder, forget=True).is_well
    fill(tmp_path, range(20))
    assert held(tmp_path) == list(range(20))


def test_a_dry_run_counts_the_same_and_changes_nothing(tmp_path: Path) -> None:
    """Not a byte."""
    folder = fill(tmp_path, range(10))
    (pack,) = packs_of(folder)
    flip(pack, 3)
    before = state(tmp_path)
    found = verify(folder, forget=False)
    assert (found.damaged_contents, found.damaged_tiles, found.first_tiles) == (1, 1, (TileId(12, 3, 0),))
    assert state(tmp_path) == before


def test_case_046_a_pack_that_is_gone_or_cut_short_is_damage(tmp_path: Path) -> None:
    """All that lay in it, and only that; more than are forgotten at a time."""
    folder = fill(tmp_path, range(2_300))
    (first,) = packs_of(folder)
    fill(tmp_path, range(2_300, 2_310))
    (second,) = {*packs_of(folder)} - {first}
    first.unlink()
    with second.open("r+b") as file:
        file.truncate(4 * LENGTH + 1)
    found = verify(folder, forget=True)
    assert (found.damaged_contents, found.damaged_tiles, len(found.first_tiles)) == (2_306, 2_306, 20)
    assert held(tmp_path) == [2_300, 2_301, 2_302, 2_303]


def test_tiles_that_show_what_the_store_does_not_know_are_forgotten(tmp_path: Path) -> None:
    """As nothing is refered to that isn't there, nothing is held that can't be read."""
    folder = fill(tmp_path, range(5))
    connection = sqlite3.connect(folder / "index.sqlite")
    connection.execute("UPDATE tiles SET sha256 = zeroblob(32) WHERE x = 2")
    connection.execute("UPDATE tiles SET length_bytes = 5 WHERE x = 3")
    connection.commit()
    connection.close()
    assert verify(folder, forget=False).damaged_tiles == 2
    found = verify(folder, forget=True)
    assert (found.damaged_tiles, found.first_tiles) == (2, (TileId(12, 2, 0), TileId(12, 3, 0)))
    assert held(tmp_path) == [0, 1, 4]
    assert verify(folder, forget=True).is_well


def test_a_damaged_index_is_told(tmp_path: Path) -> None:
    """SQLite's own check finds a torn page, and the verification ends with it and not with a traceback."""
    folder = fill(tmp_path, range(3_000))
    index = folder / "index.sqlite"
    data = bytearray(index.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    index.write_bytes(data)
    found = verify(folder, forget=True)
    assert not found.is_well
    assert found.index_problems or "can't be read" in found.problem


def test_a_run_may_fill_the_store_while_it_is_verified(tmp_path: Path) -> None:
    """What it commits meanwhile is kept."""
    folder = fill(tmp_path, range(5))
    flip(packs_of(folder)[0], 1)
    with open_store(tmp_path) as store:

        def put_more(_more: int) -> None:
            if not store.held_counts(12, 0, 50, 50):
                store.put(Tile(TileId(12, 50, 0), picture(50)), PictureFormat.PNG)
                store.commit()

        found = verify(folder, forget=True, tell=put_more)
    assert (found.contents, found.damaged_tiles) == (5, 1)
    assert held(tmp_path) == [0, 2, 3, 4, 50]


def test_pruning_keeps_off_while_a_store_is_verified(tmp_path: Path) -> None:
    """Nothing is moved under its hands; afterwards it may be."""
    folder = fill(tmp_path, range(5))
    locked: list[bool] = []
    verify(folder, forget=True, tell=lambda _more: locked.append(FolderLock.alone(folder) is None))
    assert locked == [True] * 5
    lock = FolderLock.alone(folder)
    assert lock is not None
    lock.release()


def test_a_store_that_is_gone_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    """Somebody removed it meanwhile."""
    assert "gone" in verify(tmp_path / "nothing", forget=True).problem
    assert bytes_to_verify(tmp_path / "nothing") == 0


def test_contents_are_forgotten_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is a short transaction: a run that commits waits for one of them at most."""
    monkeypatch.setattr(verification, "_FORGET_AT_ONCE", 3)
    folder = fill(tmp_path, range(20))
    packs_of(folder)[0].unlink()
    found = verify(folder, forget=True)
    assert (found.damaged_contents, found.damaged_tiles) == (20, 20)
