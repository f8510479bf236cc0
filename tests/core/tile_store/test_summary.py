"""What a store says of itself, without a byte changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store.listing import list_stores
from operator_tool.tile_store.summary import summarise
from tests.support.stores import LENGTH, fill, fill_at, open_store, picture, state, the_store


def test_a_summary_counts_all_that_a_store_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles by zoom, absences, packs, the bytes that tiles show, and when they were fetched."""
    fill_at(monkeypatch, 2, tmp_path, range(4))
    folder = fill_at(monkeypatch, 9, tmp_path, range(4, 6))
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(13, 0, 0), picture(0)), PictureFormat.PNG)  # the same picture again
        store.put(Tile(TileId(12, 5, 0), picture(50)), PictureFormat.PNG)  # instead of another one
        store.put_absent(TileId(13, 9, 9))
        store.commit()
    one = summarise(the_store(tmp_path))
    assert (one.name, one.provider, one.dataset, one.folder) == (folder.name, "test", "set", str(folder))
    assert (one.tiles, one.tiles_by_zoom, one.absent) == (7, {"12": 6, "13": 1}, 1)
    assert (one.packs, one.pack_bytes, one.referred_bytes) == (3, 7 * LENGTH, 6 * LENGTH)
    assert one.index_bytes == (folder / "index.sqlite").stat().st_size
    assert one.oldest_fetch == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert one.newest_fetch is not None
    assert one.newest_fetch > datetime(2026, 3, 9, 12, tzinfo=UTC)


def test_a_summary_changes_nothing_also_while_a_run_fills_the_store(tmp_path: Path) -> None:
    """It sees what is committed, and leaves the log of the run as it is."""
    fill(tmp_path, range(3))
    before = state(tmp_path)
    summarise(the_store(tmp_path))
    assert state(tmp_path) == before
    with open_store(tmp_path) as store:
        store.put(Tile(TileId(12, 9, 0), picture(9)), PictureFormat.PNG)
        store.commit()
        store.put(Tile(TileId(12, 10, 0), picture(10)), PictureFormat.PNG)
        before = {path: data for path, data in state(tmp_path).items() if not path.endswith("-shm")}
        assert summarise(the_store(tmp_path)).tiles == 4
        after = {path: data for path, data in state(tmp_path).items() if not path.endswith("-shm")}
        assert after == before


def test_an_empty_store_has_no_fetch(tmp_path: Path) -> None:
    """Nor a zoom."""
    with open_store(tmp_path) as store:
        store.put_absent(TileId(3, 1, 1))
        store.commit()
    one = summarise(the_store(tmp_path))
    assert (one.tiles, one.tiles_by_zoom, one.absent, one.oldest_fetch, one.newest_fetch) == (0, {}, 1, None, None)


def test_stores_are_listed_by_provider_and_by_a_part_of_the_data_set(tmp_path: Path) -> None:
    """Files and folders that are no stores are none."""
    for provider, dataset in (
        ("xyz", "https://a.example/{z}"),
        ("xyz", "https://b.example/{z}"),
        ("wmts", "a.example"),
    ):
        fill(tmp_path, range(1), provider=provider, dataset=dataset)
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("x")
    fill(tmp_path, range(1), dataset="gone").rename(tmp_path / ".pruned-gone")
    assert len(list_stores(tmp_path)) == 3
    assert len(list_stores(tmp_path, provider="xyz")) == 2
    assert [one.dataset for one in list_stores(tmp_path, provider="xyz", dataset="a.ex")] == ["https://a.example/{z}"]
    assert list_stores(tmp_path / "nothing") == []


def test_a_store_that_can_not_be_used_is_listed_with_its_problem(tmp_path: Path) -> None:
    """It hides neither itself nor the others."""
    fill(tmp_path, range(2), provider="xyz")
    broken = fill(tmp_path, range(2), provider="wmts")
    (broken / "index.sqlite").write_bytes(b"not a database, whatever it is " * 100)
    others = fill(tmp_path, range(2), provider="folder")
    others.chmod(0o777)
    found = {one.name: summarise(one) for one in list_stores(tmp_path)}
    assert "can't be read" in found[broken.name].problem
    assert "mode is 0777" in found[others.name].problem
    assert sum(one.tiles for one in found.values()) == 2
    assert [one.name for one in list_stores(tmp_path, provider="wmts")] == [broken.name]
