"""A store's tiles as an MBTiles file: whole, verified, and as the specification says."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, DownloadError, PictureFormat, Tile, TileId, UsageError
from operator_tool.geo.mercator import tile_bounds_deg
from operator_tool.tile_store import mbtiles_export
from operator_tool.tile_store.mbtiles_export import export_mbtiles
from operator_tool.tile_store.selection import TileWindow, windows_of
from tests.support.pictures import real_jpeg, real_png
from tests.support.real_parts import require
from tests.support.stores import flip, open_store, packs_of

JPEG, PNG = PictureFormat.JPEG, PictureFormat.PNG
HERE = [TileId(14, 8569 + x, 5731 + y) for y in range(3) for x in range(4)]


def fill_with_jpegs(folder: Path, tiles: list[TileId]) -> Path:
    """Commit a real picture for each tile; return the store's folder."""
    with open_store(folder, "imagery of 2026", "xyz") as store:
        for tile_id in tiles:
            store.put(Tile(tile_id, real_jpeg(str(tile_id))), JPEG)
        store.commit()
        store.note_attribution("© Survey of 2026")
        return store.folder


def rows_of(path: Path) -> dict[tuple[int, int, int], bytes]:
    """Return the pictures of an MBTiles file by zoom, column and row as it counts them."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    return {(z, column, row): data for z, column, row, data in found}


def metadata_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, value FROM metadata").fetchall())


def test_every_tile_is_in_the_file_with_its_row_counted_from_the_south(tmp_path: Path) -> None:
    """Byte for byte; and nothing but the file is left in its folder."""
    folder = fill_with_jpegs(tmp_path / "stores", [*HERE, TileId(0, 0, 0)])
    out = tmp_path / "out" / "survey.mbtiles"
    out.parent.mkdir()
    told: list[tuple[int, int]] = []
    exported = export_mbtiles(folder, out, tell=lambda done, count: told.append((done, count)))
    rows = rows_of(out)
    assert len(rows) == exported.tiles == 13
    assert all(rows[t.z, t.x, 2**t.z - 1 - t.y] == real_jpeg(str(t)) for t in HERE)
    assert told[-1] == (13, 13)
    assert os.listdir(out.parent) == ["survey.mbtiles"]


def test_the_metadata_is_what_the_specification_asks_for(tmp_path: Path) -> None:
    """Name, format, bounds, centre, zooms, attribution; and the mark by which ``file`` knows one."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    out = tmp_path / "survey.mbtiles"
    export_mbtiles(folder, out)
    metadata = metadata_of(out)
    assert metadata["name"] == "survey"
    assert metadata["format"] == "jpg"
    assert (metadata["minzoom"], metadata["maxzoom"], metadata["type"]) == ("14", "14", "baselayer")
    assert metadata["attribution"] == "© Survey of 2026"
    assert metadata["description"] == "xyz: imagery of 2026"
    corners = [tile_bounds_deg(tile) for tile in (HERE[-4], HERE[3])]
    bounds = corners[0][0], corners[0][1], corners[1][2], corners[1][3]
    assert [float(edge) for edge in metadata["bounds"].split(",")] == pytest.approx(bounds, abs=1e-6)
    lon, lat, zoom = metadata["center"].split(",")
    assert bounds[0] < float(lon) < bounds[2]
    assert bounds[1] < float(lat) < bounds[3]
    assert zoom == "14"
    assert out.read_bytes()[68:72] == b"MPBX"
    with closing(sqlite3.connect(out)) as connection:
        columns = [(row[1], row[2].lower()) for row in connection.execute("PRAGMA table_info(tiles)")]
    assert columns == [
        ("zoom_level", "integer"),
        ("tile_column", "integer"),
        ("tile_row", "integer"),
        ("tile_data", "blob"),
    ]


def test_zooms_and_a_box_choose_the_tiles(tmp_path: Path) -> None:
    """Those that have ground in common with the box, and not those that only touch its edge."""
    folder = fill_with_jpegs(tmp_path / "stores", [*HERE, TileId(15, 17138, 11462)])
    west, south, _, _ = tile_bounds_deg(HERE[5])
    _, _, east, north = tile_bounds_deg(HERE[6])
    out = tmp_path / "a.mbtiles"
    exported = export_mbtiles(folder, out, zooms=(14, 16), bounds_deg=(west, south, east, north))
    assert {(z, x) for z, x, _ in rows_of(out)} == {(14, HERE[5].x), (14, HERE[6].x)}
    assert exported.bounds_deg == (west, south, east, north)
    with pytest.raises(UsageError, match="no such tile"):
        export_mbtiles(folder, tmp_path / "b.mbtiles", zooms=(9,))


def test_a_box_across_the_antimeridian_takes_both_sides(tmp_path: Path) -> None:
    """West is greater than east; the other side of the earth is not in it."""
    tiles = [TileId(6, x, 30) for x in (0, 1, 32, 62, 63)]
    folder = fill_with_jpegs(tmp_path / "stores", tiles)
    export_mbtiles(folder, tmp_path / "a.mbtiles", bounds_deg=(175.0, -20.0, -175.0, 20.0))
    assert {x for _, x, _ in rows_of(tmp_path / "a.mbtiles")} == {0, 63}


def test_windows_reach_to_the_edges_of_the_map_and_not_beyond() -> None:
    """The poles have no tiles of their own."""
    assert windows_of(3, None) == windows_of(3, (-180.0, -90.0, 180.0, 90.0)) == [TileWindow(3, 0, 7, 0, 7)]
    assert windows_of(3, (180.0, 0.0, -135.0, 10.0)) == [TileWindow(3, 3, 3, 0, 0)]
    assert windows_of(1, (-180.0, -90.0, 0.0, -0.001)) == [TileWindow(1, 1, 1, 0, 0)]


def test_pictures_of_two_formats_need_a_choice(tmp_path: Path) -> None:
    """A file has one; the refusal says how many there are of each."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    with open_store(tmp_path / "stores", "imagery of 2026", "xyz") as store:
        store.put(Tile(TileId(14, 1, 1), real_png(1)), PNG)
        store.commit()
    out = tmp_path / "a.mbtiles"
    with pytest.raises(UsageError, match="12 are jpg and 1 are png") as caught:
        export_mbtiles(folder, out)
    assert "--format" in caught.value.hint
    assert not out.exists()
    assert export_mbtiles(folder, out, picture_format=PNG).tiles == 1
    assert metadata_of(out)["format"] == "png"


def test_a_file_that_is_there_is_overwritten_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """A folder never; one that has no folder is refused, too."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    out = tmp_path / "a.mbtiles"
    out.write_text("mine")
    with pytest.raises(UsageError, match="there already") as caught:
        export_mbtiles(folder, out)
    assert "--force" in caught.value.hint
    assert out.read_text() == "mine"
    export_mbtiles(folder, out, overwrite=True)
    assert len(rows_of(out)) == 12
    with pytest.raises(UsageError, match="is a folder"):
        export_mbtiles(folder, tmp_path, overwrite=True)
    with pytest.raises(UsageError, match="no folder"):
        export_mbtiles(folder, tmp_path / "nothing" / "a.mbtiles")


def test_a_damaged_picture_ends_the_export_and_leaves_what_was_there(tmp_path: Path) -> None:
    """Never a file that lacks a tile, and never one with a wrong picture; the store is not changed either."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    flip(packs_of(folder)[0], 3)
    out = tmp_path / "a.mbtiles"
    out.write_text("before")
    with pytest.raises(DownloadError, match="damaged, so that nothing was exported") as caught:
        export_mbtiles(folder, out, overwrite=True)
    assert "store verify" in caught.value.hint
    assert out.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["a.mbtiles", "stores"]


def test_case_045_a_file_that_can_not_be_written_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refuses at the last step."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)

    def refuse(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(ConfigError, match=r"a\.mbtiles can't be written: No space left"):
            export_mbtiles(folder, tmp_path / "a.mbtiles")
    assert os.listdir(tmp_path) == ["stores"]


def test_case_045_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same check as for a download."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(mbtiles_export, "check_room", lambda place, needed: asked.append((place, needed)))
    exported = export_mbtiles(folder, tmp_path / "a.mbtiles")
    assert asked == [(tmp_path, exported.bytes)]


def test_the_file_is_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synced, renamed, and then the folder synced."""
    folder = fill_with_jpegs(tmp_path / "stores", HERE)
    out = tmp_path / "a.mbtiles"
    seen: list[str] = []
    sync = os.fsync

    def note(fd: int) -> None:
        seen.append(f"{Path(os.readlink(f'/proc/self/fd/{fd}')).name} {out.exists()}")
        sync(fd)

    monkeypatch.setattr(os, "fsync", note)
    export_mbtiles(folder, out)
    assert seen == [f"{out.name} False", f"{tmp_path.name} True"]


@pytest.mark.real_parts
def test_gdal_opens_the_file_and_reads_the_ground_from_it(tmp_path: Path) -> None:
    """GDAL knows driver, size, bands and place of it, and decodes its pictures."""
    gdalinfo = require("gdalinfo")
    out = tmp_path / "survey.mbtiles"
    export_mbtiles(fill_with_jpegs(tmp_path / "stores", HERE), out)
    told = subprocess.run([gdalinfo, "-checksum", str(out)], capture_output=True, text=True, check=True).stdout
    assert "Driver: MBTiles" in told
    assert "Size is 1024, 768" in told
    assert "Checksum=0" not in told
