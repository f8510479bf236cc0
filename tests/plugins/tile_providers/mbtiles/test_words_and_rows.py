"""What counts where an MBTiles file's words and its rows differ: rows, but for what would show another place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from operator_tool.api import Absent, ConfigError, DownloadError, Refused, Tile, TileId, WantedTile
from tests.plugins.tile_providers.mbtiles.files import METADATA, Opener, fetch, make_file, picture

_MUNICH = TileId(15, 17435, 11371)
_ROW = (1 << 15) - 1 - _MUNICH.y
_BOUNDS = "11.5,48.1,11.6,48.2"
_NO_BOUNDS = {"name": "a", "format": "png"}


def _munich(*, from_south: bool) -> dict[tuple[int, int, int], object]:
    row = _ROW if from_south else _MUNICH.y
    return {(15, _MUNICH.x + i, row): picture(i) for i in range(4)}


@pytest.mark.parametrize(
    "words",
    [
        {"profile": "geodetic"},
        {"crs": "EPSG:4326"},
        {"tile_matrix_set": "WorldCRS84Quad"},
        {"json": '{"crs": "EPSG:2056"}'},
        {"projection": "klingon"},
    ],
)
def test_a_file_that_says_another_projection_is_refused(
    tmp_path: Path, provider: Opener, words: dict[str, str]
) -> None:
    """It is named by what says so, and the setting answers for it."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 2, 2): picture(1)}, {**METADATA, **words})
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert str(path) in caught.value.message
    assert next(iter(words)) in caught.value.message or "crs" in caught.value.message
    assert len(provider(path, projection="web-mercator").describe().notes) >= 1


@pytest.mark.parametrize(
    ("tiles", "bounds"),
    [
        ([(2, 7, 1), (2, 0, 0)], ""),
        ([(3, 1, 9)], ""),
        ([(2, x, y) for x in range(4) for y in range(2)], ""),
        ([(3, 0, 0), *((5, x, y) for x in range(20) for y in range(16))], ""),
        ([(6, 33, 24)], "11,48,12,49"),
    ],
    ids=["columns of two squares", "a row beyond", "half a world", "a picture's corner", "bounds fit degrees alone"],
)
def test_a_file_that_says_nothing_but_can_t_be_web_mercator_asks(
    tmp_path: Path, provider: Opener, tiles: list[tuple[int, int, int]], bounds: str
) -> None:
    """What gdal2tiles makes of the profiles geodetic and raster shows in the names of its tiles."""
    path = make_file(tmp_path / "a.mbtiles", dict.fromkeys(tiles, picture(1)), {"bounds": bounds})
    with pytest.raises(ConfigError, match=r"EPSG:3857"):
        provider(path).describe()
    assert provider(path, projection="web-mercator").describe().min_zoom == tiles[0][0]


def test_a_real_world_in_web_mercator_is_taken(tmp_path: Path, provider: Opener) -> None:
    """All of it, and a part of it in the south alone."""
    world = {(z, x, y): picture(1) for z in range(4) for x in range(1 << z) for y in range(1 << z)}
    assert provider(make_file(tmp_path / "a.mbtiles", world, {})).describe().max_zoom == 3
    zealand = {(z, x, y): picture(1) for z, x, y in ((2, 3, 1), (3, 7, 2), (4, 15, 6), (4, 15, 5))}
    assert provider(make_file(tmp_path / "b.mbtiles", zealand, {})).describe().max_zoom == 4


@pytest.mark.parametrize(
    ("words", "notes"),
    [
        ({"minzoom": "15", "maxzoom": "15", "bounds": _BOUNDS}, 0),
        ({"minzoom": "3", "maxzoom": "9", "bounds": _BOUNDS}, 1),
        ({"minzoom": "16", "maxzoom": "20", "bounds": "11.5201,48.1501,11.5202,48.1502"}, 2),
        ({"bounds": "-180,-85,180,85"}, 0),
        ({"bounds": "100,10,101,11"}, 1),
    ],
)
def test_tiles_that_are_in_the_file_are_used_whatever_is_announced(
    tmp_path: Path, provider: Opener, words: dict[str, str], notes: int
) -> None:
    """A wrong announcement is noted."""
    path = make_file(tmp_path / "a.mbtiles", _munich(from_south=True), {"name": "a", **words})
    made = provider(path)
    info = made.describe()
    assert (info.min_zoom, info.max_zoom, len(info.notes)) == (15, 15, notes)
    assert info.bounds_deg is None or info.bounds_deg[0] < 11.56 < info.bounds_deg[2]
    assert isinstance(fetch(made, _MUNICH)[0], Tile)


@pytest.mark.parametrize(
    "words",
    [
        {"scheme": "xyz"},
        {"tile_row_type": "osm"},
        {"scheme": "xyz", "bounds": _BOUNDS},
        {"bounds": _BOUNDS},
        {"scheme": "tms", "bounds": _BOUNDS},
    ],
)
def test_rows_that_seem_to_count_from_the_north_are_asked_for(
    tmp_path: Path, provider: Opener, words: dict[str, str]
) -> None:
    """By what the file says, or by where its tiles would lie; the setting answers."""
    path = make_file(tmp_path / "a.mbtiles", _munich(from_south=False), {**_NO_BOUNDS, **words})
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert "mbtiles.layout=xyz" in caught.value.hint
    made = provider(path, layout="xyz")
    assert made.describe().dataset != provider(path, layout="tms").describe().dataset
    assert isinstance(fetch(made, _MUNICH)[0], Tile)
    assert isinstance(fetch(provider(path, layout="tms"), _MUNICH)[0], Absent)


def test_a_scheme_that_the_tiles_gainsay_is_passed_over(tmp_path: Path, provider: Opener) -> None:
    """Some programs write what their own documents say: the tiles lie within the bounds as MBTiles has it."""
    words = {"scheme": "xyz", "bounds": _BOUNDS}
    made = provider(make_file(tmp_path / "a.mbtiles", _munich(from_south=True), words))
    assert made.describe().max_zoom == 15
    assert isinstance(fetch(made, _MUNICH)[0], Tile)


def test_mirrored_rows_are_a_fact_about_the_file_and_no_gaps(tmp_path: Path, provider: Opener) -> None:
    """Where not one tile of a zoom is there and the mirrored ones are, the run ends with what to set."""
    path = make_file(tmp_path / "a.mbtiles", _munich(from_south=False), _NO_BOUNDS)
    made = provider(path)
    made.describe()
    with pytest.raises(DownloadError) as caught:
        fetch(made, TileId(14, 1, 1), _MUNICH)
    assert "mbtiles.layout=xyz" in caught.value.hint
    assert not caught.value.retryable
    # Not absent: that would be remembered, and hide the tile from the run with the right setting.
    assert isinstance(next(iter(made.fetch(iter([WantedTile(_MUNICH)])))), Refused)
    assert "gaps" not in caught.value.message + caught.value.hint


def test_a_hole_in_a_file_of_both_hemispheres_is_a_hole(tmp_path: Path, provider: Opener) -> None:
    """Its tiles on the other side are its own."""
    tiles = {**_munich(from_south=False), (15, 3, _ROW + 9): picture(9)}
    made = provider(make_file(tmp_path / "a.mbtiles", tiles, _NO_BOUNDS))
    assert isinstance(fetch(made, _MUNICH)[0], Absent)


def test_numbers_that_are_kept_as_text_are_read(tmp_path: Path, provider: Opener) -> None:
    """In columns without a type, as some scripts make them."""
    path = tmp_path / "a.mbtiles"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        rows = [(str(z), str(x), str(row), data) for (z, x, row), data in _munich(from_south=True).items()]
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", [*rows, ("9", "272", "333", picture(7))])
    made = provider(path)
    assert (made.describe().min_zoom, made.describe().max_zoom) == (9, 15)
    assert [type(one) for one in fetch(made, _MUNICH, TileId(9, 272, 178), TileId(9, 1, 1))] == [Tile, Tile, Absent]


@pytest.mark.parametrize("value", ["012", "x12", b"12", "1.5"])
def test_what_is_no_number_in_a_row_is_refused_by_its_column(
    tmp_path: Path, provider: Opener, value: str | bytes
) -> None:
    """None of such tiles is ever found."""
    path = tmp_path / "a.mbtiles"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE tiles (zoom_level, tile_column, tile_row, tile_data)")
        connection.execute("INSERT INTO tiles VALUES (15, 17435, ?, ?)", (value, picture(1)))
    with pytest.raises(ConfigError, match="tile_row"):
        provider(path).describe()


def test_sizes_that_differ_are_refused_until_one_is_chosen(tmp_path: Path, provider: Opener) -> None:
    """A first tile of each zoom tells."""
    tiles = {(3, 2, 2): picture(1), (4, 4, 4): picture(2, size=512)}
    path = make_file(tmp_path / "a.mbtiles", tiles, {})
    with pytest.raises(ConfigError, match=r"256.*512") as caught:
        provider(path).describe()
    assert "mbtiles.tile_size=512" in caught.value.hint
    assert provider(path, tile_size=256).describe().tile_size_px == 256


@pytest.mark.parametrize("kind", ["avif", "application/vnd.maplibre-vector-tile", "gif", "json", "image/tiff"])
def test_kinds_that_are_not_used_are_refused_by_name(tmp_path: Path, provider: Opener, kind: str) -> None:
    """As the metadata name them."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 2, 2): b"\x02\x01ab"}, {"format": kind})
    with pytest.raises(ConfigError, match="jpg, png or webp"):
        provider(path).describe()
