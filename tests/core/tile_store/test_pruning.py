"""Pruning: what was asked for goes, the disk gets its room back, and all else stays whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import compaction
from operator_tool.tile_store.listing import list_stores
from operator_tool.tile_store.pruning import Pruned, prune
from operator_tool.tile_store.summary import summarise
from operator_tool.tile_store.verification import verify
from tests.support.stores import LENGTH, fill, fill_at, flip, held, moment_s, open_store, packs_of, picture, state


def prune_all(folder: Path, **rules: float | bool) -> dict[str, Pruned]:
    """Prune every store of a folder."""
    return {one.name: one for one in prune(folder, list_stores(folder), **rules)}  # type: ignore[arg-type]


def pack_bytes(folder: Path) -> int:
    return sum(pack.stat().st_size for pack in packs_of(folder))


def thinned(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Fill one pack of a hundred pictures of which sixty are shown no longer; return the store's folder."""
    place = fill_at(monkeypatch, 1, folder, range(100))
    with open_store(folder) as store:
        store.forget_tiles([TileId(12, x, 0) for x in range(60)])
    return place


def test_old_tiles_go_and_the_disk_gets_their_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole packs are removed, and absences are forgotten, too."""
    fill_at(monkeypatch, 1, tmp_path, range(50))
    folder = fill_at(monkeypatch, 5, tmp_path, range(50, 60))
    with open_store(tmp_path) as store:
        store.put_absent(TileId(12, 99, 9))
        store.commit()
    (one,) = prune_all(tmp_path, before_s=moment_s(3)).values()
    assert (one.tiles, one.absent, one.removed, one.in_use, one.problem) == (50, 0, False, False, "")
    assert one.freed_bytes >= 50 * LENGTH
    assert held(tmp_path) == list(range(50, 60))
    assert pack_bytes(folder) == 10 * LENGTH
    assert verify(folder, forget=False).is_well


def test_a_confirmed_tile_is_as_young_as_its_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the provider said is unchanged is not old."""
    fill_at(monkeypatch, 1, tmp_path, range(5))
    with open_store(tmp_path) as store:
        store.put_not_modified(TileId(12, 2, 0))
        store.commit()
    prune_all(tmp_path, before_s=moment_s(3))
    assert held(tmp_path) == [2]


def test_a_pack_that_is_mostly_garbage_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any rule; the tiles that stay read as before, also in another session."""
    folder = thinned(monkeypatch, tmp_path)
    assert pack_bytes(folder) == 100 * LENGTH
    (one,) = prune_all(tmp_path).values()
    assert (one.tiles, one.damaged_contents) == (0, 0)
    assert one.freed_bytes >= 60 * LENGTH
    assert pack_bytes(folder) == 40 * LENGTH
    assert held(tmp_path) == list(range(60, 100))
    fill(tmp_path, range(100, 105))
    assert held(tmp_path) == list(range(60, 105))


def test_a_pack_with_little_garbage_stays_as_it_is(tmp_path: Path) -> None:
    """Copying it would cost more than it gives."""
    folder = fill(tmp_path, range(100))
    with open_store(tmp_path) as store:
        store.forget_tiles([TileId(12, x, 0) for x in range(25)])
    before = packs_of(folder)
    prune_all(tmp_path)
    assert packs_of(folder) == before
    assert pack_bytes(folder) == 100 * LENGTH
    assert held(tmp_path) == list(range(25, 100))


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across all stores, by when they were fetched; then the stores take no more than that."""
    for day in (1, 2, 3, 4):
        fill_at(monkeypatch, day, tmp_path, range(day * 100, day * 100 + 40), dataset=f"set {day % 2}")
    prune_all(tmp_path, max_bytes=95_000)
    assert held(tmp_path, "set 0") == list(range(400, 440))
    assert held(tmp_path, "set 1") == list(range(300, 340))
    assert sum(pack_bytes(one.folder) for one in list_stores(tmp_path)) <= 95_000


def test_a_limit_that_is_kept_already_drops_nothing(tmp_path: Path) -> None:
    """Not even one tile."""
    fill(tmp_path, range(20))
    (one,) = prune_all(tmp_path, max_bytes=10**9).values()
    assert (one.tiles, one.freed_bytes) == (0, 0)
    assert held(tmp_path) == list(range(20))


def test_a_dry_run_tells_what_would_go_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same counts, and the same bytes of the packs, as the real thing afterwards."""
    folder = thinned(monkeypatch, tmp_path)
    fill_at(monkeypatch, 5, tmp_path, range(200, 210))
    before, before_bytes = state(tmp_path), pack_bytes(folder)
    (dry,) = prune_all(tmp_path, before_s=moment_s(3), dry_run=True).values()
    assert state(tmp_path) == before
    (real,) = prune_all(tmp_path, before_s=moment_s(3)).values()
    assert (dry.tiles, dry.absent, dry.removed) == (real.tiles, real.absent, real.removed) == (40, 0, False)
    assert dry.freed_bytes == before_bytes - pack_bytes(folder) == 100 * LENGTH


def test_a_store_of_which_nothing_is_left_goes_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And comes back when it is filled again; the leftovers of a killed removal go, too."""
    fill_at(monkeypatch, 1, tmp_path, range(5))
    (tmp_path / ".pruned-leftover" / "packs").mkdir(parents=True)
    (one,) = prune_all(tmp_path, before_s=moment_s(3)).values()
    assert (one.tiles, one.removed) == (5, True)
    assert list(tmp_path.iterdir()) == []
    fill(tmp_path, range(3))
    assert held(tmp_path) == [0, 1, 2]


def test_absences_alone_keep_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They save asking."""
    fill_at(monkeypatch, 1, tmp_path, range(5))
    with open_store(tmp_path) as store:
        store.put_absent(TileId(12, 9, 0))
        store.commit()
    (one,) = prune_all(tmp_path, before_s=moment_s(3)).values()
    assert not one.removed
    with open_store(tmp_path) as store:
        assert store.absent(12, 0, 0, 99) == [9]


def test_a_store_that_a_run_uses_is_left_alone_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes count towards the limit all the same."""
    used = fill_at(monkeypatch, 1, tmp_path, range(50), dataset="used")
    free = fill_at(monkeypatch, 2, tmp_path, range(100), dataset="free")
    with open_store(tmp_path, "used") as store:
        assert store.count() == 50
        found = prune_all(tmp_path, before_s=moment_s(2) - 1)
        assert (found[used.name].in_use, found[used.name].tiles) == (True, 0)
        assert not found[free.name].in_use
        left = summarise(next(one for one in list_stores(tmp_path) if one.name == used.name))
        prune_all(tmp_path, max_bytes=left.pack_bytes + left.index_bytes + 200_000)
        assert len(held(tmp_path, "free")) == 100
        prune_all(tmp_path, max_bytes=60_000)
    assert list_stores(tmp_path)[0].name == used.name
    assert len(list_stores(tmp_path)) == 1
    assert held(tmp_path, "used") == list(range(50))


def test_a_run_that_is_only_about_to_write_counts_as_one(tmp_path: Path) -> None:
    """From the moment on at which it opened the store."""
    folder = fill(tmp_path, range(3))
    with open_store(tmp_path):
        assert prune_all(tmp_path)[folder.name].in_use
    assert not prune_all(tmp_path)[folder.name].in_use


def test_damage_that_is_come_across_is_forgotten_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not copied as if it were whole."""
    folder = thinned(monkeypatch, tmp_path)
    flip(packs_of(folder)[0], 70)
    (one,) = prune_all(tmp_path).values()
    assert one.damaged_contents == 1
    assert held(tmp_path) == [x for x in range(60, 100) if x != 70]
    assert verify(folder, forget=False).is_well


def test_without_room_for_the_copy_the_pack_stays_and_the_problem_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is needed and what is free; nothing is lost."""
    folder = thinned(monkeypatch, tmp_path)
    before = packs_of(folder)
    monkeypatch.setattr(compaction, "free_bytes", lambda _folder: 39_999)
    (one,) = prune_all(tmp_path).values()
    assert "0.0 MB that are still needed" in one.problem
    assert packs_of(folder) == before
    monkeypatch.undo()
    assert held(tmp_path) == list(range(60, 100))


def test_one_picture_of_many_tiles_goes_with_the_last_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A young tile keeps it."""
    fill_at(monkeypatch, 1, tmp_path, range(3))
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(12, 1, 0), picture(1)), PictureFormat.PNG)
        store.put(Tile(TileId(14, 1, 0), picture(1)), PictureFormat.PNG)
        store.commit()
    prune_all(tmp_path, before_s=moment_s(3))
    assert held(tmp_path) == [1]
    (folder,) = (one.folder for one in list_stores(tmp_path))
    assert pack_bytes(folder) == LENGTH


def test_the_rows_name_the_copy_only_when_it_is_durable_and_the_old_pack_goes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every sync and at every removal, all that the index names is on the disk."""
    folder = thinned(monkeypatch, tmp_path)
    (old,) = packs_of(folder)
    synced: dict[int, int] = {}
    seen: list[str] = []
    sync, unlink = os.fsync, Path.unlink

    def note_sync(fd: int) -> None:
        if not seen:
            assert held_anyway() == list(range(60, 100))
        sync(fd)
        synced[os.fstat(fd).st_ino] = os.fstat(fd).st_size

    def note_unlink(path: Path, missing_ok: bool = False) -> None:
        if path == old:
            seen.append("unlink")
            (new,) = {*packs_of(folder)} - {old}
            assert synced[new.stat().st_ino] == new.stat().st_size == 40 * LENGTH
            assert new.parent.stat().st_ino in synced
            assert held_anyway() == list(range(60, 100))
        unlink(path, missing_ok)

    def held_anyway() -> list[int]:
        """Return what is held and read well, whoever has the store alone."""
        with monkeypatch.context() as patch:
            patch.setattr("operator_tool.tile_store.folder._try_lock", lambda _fd, _kind: True)
            return held(tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", note_sync)
        patch.setattr(Path, "unlink", note_unlink)
        prune_all(tmp_path)
    assert seen == ["unlink"]
    assert held(tmp_path) == list(range(60, 100))
