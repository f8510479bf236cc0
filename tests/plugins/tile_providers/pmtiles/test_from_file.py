"""The provider ``pmtiles`` on files: as the format's own library writes them, lean, odd, and changed while read."""

from __future__ import annotations

import gzip
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pmtiles.convert import mbtiles_to_pmtiles
from pmtiles.tile import Compression, TileType

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    NotModified,
    PictureFormat,
    RunContext,
    Tile,
    TileId,
    TileProvider,
    WantedTile,
)
from operator_tool_plugins.tile_providers import pmtiles
from tests.plugins.tile_providers.pmtiles.archives import (
    METADATA,
    SQUARE,
    archive_of,
    fetch_file,
    header_of,
    jpegs,
    provider,
    wanted,
    with_header,
    with_root,
)
from tests.support.pictures import real_jpeg, real_png

ONE = TileId(10, 530, 350)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes an archive, with the same old time each."""

    def write(archive: bytes, name: str = "a.pmtiles") -> Path:
        path = tmp_path / name
        path.write_bytes(archive)
        os.utime(path, ns=(10**18, 10**18))
        return path

    return write


def describe(path: Path, **settings: Any) -> Any:
    made = provider(path, **settings)
    try:
        return made.describe()
    finally:
        made.close()


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that opens nothing yet."""
    assert pmtiles.plugin_settings() is pmtiles.PmtilesSettings
    assert isinstance(provider(Path("/not/there")), TileProvider)
    given = {"path": "/data/a.pmtiles", "max_connections": 16}
    settings = msgspec.convert(given, pmtiles.PmtilesSettings, dec_hook=lambda kind, text: kind(text))
    assert (settings.path, settings.url, settings.max_connections) == (Path("/data/a.pmtiles"), "", 16)


@pytest.mark.parametrize("leaf_size", [0, 7])
@pytest.mark.parametrize("gzip_inside", [True, False])
def test_tiles_come_byte_for_byte_in_the_order_in_which_they_are_wanted(
    file: Callable[[bytes], Path], leaf_size: int, gzip_inside: bool
) -> None:
    """Whether their entries are in the root directory or in leaves, compressed or not."""
    archive = archive_of(jpegs(), leaf_size=leaf_size, gzip_inside=gzip_inside)
    assert (b"Survey" in archive) != gzip_inside
    assert (header_of(archive)["leaf_directory_length"] > 0) == (leaf_size > 0)
    results = fetch_file(file(archive), *SQUARE)
    assert [result.id for result in results] == list(SQUARE)
    assert [result.data for result in results if isinstance(result, Tile)] == list(jpegs().values())


def test_a_picture_that_is_stored_once_comes_for_each_of_its_tiles(file: Callable[[bytes], Path]) -> None:
    """One entry for a run of tiles, and further entries for the same bytes; what lies between is absent."""
    ids = [TileId(2, x, y) for x in range(4) for y in range(4)]
    same = {one: real_jpeg("sea") for one in ids if one != TileId(2, 1, 1)}
    archive = archive_of(same)
    assert header_of(archive)["tile_entries_count"] < len(same)
    results = fetch_file(file(archive), *ids)
    assert {result.id for result in results if isinstance(result, Absent)} == {TileId(2, 1, 1)}
    assert [result.data for result in results if isinstance(result, Tile)] == [real_jpeg("sea")] * 15


@pytest.mark.parametrize("leaf_size", [0, 7])
def test_what_the_archive_does_not_hold_is_absent(file: Callable[[bytes], Path], leaf_size: int) -> None:
    """Before its first tile, behind its last one, and between."""
    gone = SQUARE[70]
    tiles = {one: data for one, data in jpegs().items() if one != gone}
    asked = [gone, TileId(0, 0, 0), TileId(22, 0, 0), TileId(10, 1, 1), TileId(9, 265, 175)]
    results = fetch_file(file(archive_of(tiles, leaf_size=leaf_size)), *asked)
    assert [type(result) for result in results] == [Absent] * 5


def test_an_archive_says_what_it_is(file: Callable[[bytes], Path]) -> None:
    """Zooms by its tiles, attribution and version by its metadata, the tiles' size by a picture."""
    tiles = {ONE: real_png(1, 512), TileId(12, 2120, 1400): real_png(2, 512)}
    corners: dict[str, Any] = {
        "min_lon_e7": -105_000_000,
        "min_lat_e7": 400_000_000,
        "max_lon_e7": 0,
        "max_lat_e7": 502_500_000,
    }
    info = describe(file(archive_of(tiles, tile_type=TileType.PNG, **corners)))
    assert (info.min_zoom, info.max_zoom, info.bounds_deg) == (10, 12, None)
    assert (info.attribution, info.version, info.tile_size_px) == ("© Somebody", "1.2", 512)
    assert (info.formats, info.bulk_download) == ((PictureFormat.PNG,), None)
    info = describe(file(archive_of(tiles)), attribution="© E", dataset="spring", bulk_download=False)
    assert (info.attribution, info.dataset, info.bulk_download) == ("© E", "spring", False)


@pytest.mark.parametrize(
    "header",
    [
        {"min_lon_e7": 0, "max_lon_e7": 0},
        {"min_lat_e7": 500_000_000, "max_lat_e7": 400_000_000},
        {"max_lon_e7": 1_900_000_000},
    ],
)
def test_bounds_that_make_no_sense_are_none(file: Callable[[bytes], Path], header: dict[str, Any]) -> None:
    """They would only spare work, and hide tiles."""
    assert describe(file(archive_of(jpegs(), **header))).bounds_deg is None


@pytest.mark.parametrize(
    ("header", "notes"),
    [
        (
            {"min_lon_e7": 60_000_000, "min_lat_e7": 450_000_000, "max_lon_e7": 111_000_000, "max_lat_e7": 500_000_000},
            0,
        ),
        ({"min_lon_e7": 1, "min_lat_e7": 4, "max_lon_e7": 2, "max_lat_e7": 5}, 1),
        ({"min_zoom": 3, "max_zoom": 5}, 1),
        ({"min_lon_e7": 63_300_000, "min_lat_e7": 489_000_000, "max_lon_e7": 63_400_000, "max_lat_e7": 489_100_000}, 1),
    ],
)
def test_tiles_of_a_file_are_used_whatever_its_header_announces(
    file: Callable[[bytes], Path], header: dict[str, Any], notes: int
) -> None:
    """A wrong announcement is noted; settings still say which part to use."""
    path = file(with_header(archive_of(jpegs()), **header))
    info = describe(path)
    assert (info.min_zoom, info.max_zoom, info.bounds_deg, len(info.notes)) == (10, 10, None, notes)
    assert all(isinstance(result, Tile) for result in fetch_file(path, *SQUARE))
    assert describe(path, bounds=(6.0, 48.0, 7.0, 49.0)).bounds_deg == (6.0, 48.0, 7.0, 49.0)


def test_an_archive_without_a_tile_is_refused_as_empty(file: Callable[[bytes], Path]) -> None:
    """That nothing is in it is a fact about the file."""
    archive = archive_of(jpegs(SQUARE[:1]))
    empty = with_root(archive, gzip.compress(b"\0"))
    with pytest.raises(ConfigError, match="no tile at all"):
        describe(file(empty))


def test_a_world_in_degrees_is_asked_for(file: Callable[[bytes], Path]) -> None:
    """As of a folder: its upper half is empty."""
    half = {TileId(2, x, y): real_jpeg(x) for x in range(4) for y in (2, 3)}
    path = file(archive_of(half))
    with pytest.raises(ConfigError, match="EPSG:3857"):
        describe(path)
    assert describe(path, projection="web-mercator").max_zoom == 2


def test_mirrored_tiles_are_a_fact_about_the_file_and_no_gaps(file: Callable[[bytes], Path]) -> None:
    """Where not one of a zoom is there and the mirrored ones are, the run ends; near others it is a hole."""
    path = file(archive_of(jpegs()))
    with pytest.raises(DownloadError, match="mirrored"):
        fetch_file(path, TileId(10, 530, 1023 - 350))
    both = file(archive_of(jpegs() | {TileId(10, 531, 1023 - 350): real_jpeg(1)}))
    assert isinstance(fetch_file(both, TileId(10, 530, 1023 - 350))[0], Absent)


def test_an_archive_that_pmtiles_convert_made_of_an_mbtiles_with_jpg_is_read(tmp_path: Path) -> None:
    """It writes that it doesn't know the tiles' type, and the tiles tell."""
    with closing(sqlite3.connect(tmp_path / "a.mbtiles")) as connection, connection:
        connection.executescript(
            "CREATE TABLE metadata (name TEXT, value TEXT);"
            "CREATE TABLE tiles (zoom_level INT, tile_column INT, tile_row INT, tile_data BLOB);"
        )
        connection.executemany(
            "INSERT INTO metadata VALUES (?, ?)", [("format", "jpg"), ("minzoom", "10"), ("maxzoom", "10")]
        )
        connection.executemany(
            "INSERT INTO tiles VALUES (?, ?, ?, ?)", [(t.z, t.x, 1023 - t.y, data) for t, data in jpegs().items()]
        )
    path = tmp_path / "a.pmtiles"
    convert: Any = mbtiles_to_pmtiles
    convert(str(tmp_path / "a.mbtiles"), str(path), None)
    assert header_of(path.read_bytes())["tile_type"] is TileType.UNKNOWN
    info = describe(path)
    assert (info.formats, info.tile_size_px, info.min_zoom) == ((PictureFormat.JPEG,), 256, 10)
    assert [getattr(result, "data", None) for result in fetch_file(path, *SQUARE)] == list(jpegs().values())


def test_pictures_that_were_compressed_once_more_are_unpacked(file: Callable[[bytes], Path]) -> None:
    """Some writers do it; a bomb, or what is no gzip, fails its tile alone."""
    tiles = {
        TileId(10, 0, 0): gzip.compress(real_jpeg(1)),
        TileId(10, 1, 0): gzip.compress(bytes(5 * 1024 * 1024)),
        TileId(10, 2, 0): real_jpeg(3),
        TileId(10, 3, 0): gzip.compress(real_jpeg(4))[:-9],
    }
    path = file(archive_of(tiles, tile_compression=Compression.GZIP))
    results = fetch_file(path, *tiles)
    assert [type(result) for result in results] == [Tile, Corrupt, Corrupt, Corrupt]
    assert [result.data for result in results if isinstance(result, Tile)] == [real_jpeg(1)]
    assert describe(path).tile_size_px == 256
    assert describe(file(archive_of({ONE: b"no gzip"}, tile_compression=Compression.GZIP))).tile_size_px == 256


def test_what_is_no_picture_or_too_long_fails_its_tile_alone(file: Callable[[bytes], Path]) -> None:
    """One bad tile is one gap."""
    tiles = {TileId(10, 0, 0): real_jpeg(1), TileId(10, 1, 0): b"<html>", TileId(10, 2, 0): bytes(4 * 1024 * 1024 + 1)}
    results = fetch_file(file(archive_of(tiles)), *tiles)
    assert [type(result) for result in results] == [Tile, Corrupt, Corrupt]


def test_an_archive_without_a_picture_to_look_at_is_described(file: Callable[[bytes], Path]) -> None:
    """Its first tile is broken, and perhaps others aren't."""
    info = describe(file(archive_of({ONE: b"<html>"}, {}, tile_type=TileType.UNKNOWN)))
    assert (info.tile_size_px, info.formats, info.attribution, info.version) == (256, (), "", "")
    assert info.dataset.startswith("pmtiles:a:")


def test_the_stream_is_lazy(file: Callable[[bytes], Path]) -> None:
    """It pulls one tile at a time."""
    pulled: list[int] = []

    def endless() -> Iterator[WantedTile]:
        while True:
            pulled.append(len(pulled))
            yield WantedTile(TileId(22, len(pulled), 0))

    made = provider(file(archive_of(jpegs())))
    assert isinstance(next(iter(made.fetch(endless()))), Absent)
    assert len(pulled) == 1
    made.close()


def test_the_data_set_changes_with_the_file_and_with_nothing_else(tmp_path: Path, file: Callable[..., Path]) -> None:
    """Other bytes, another time or other metadata are another data set; another folder is not."""
    first = file(archive_of(jpegs(), gzip_inside=False))
    before = describe(first).dataset
    (tmp_path / "moved").mkdir()
    moved = first.rename(tmp_path / "moved" / "b.pmtiles")
    assert describe(moved).dataset == before
    os.utime(moved, ns=(1, 10**18 + 1))
    other = file(archive_of(jpegs(), {**METADATA, "version": "1.3"}, gzip_inside=False))
    assert other.stat().st_size == moved.stat().st_size
    assert len({before, describe(moved).dataset, describe(other).dataset}) == 3
    assert before.startswith("pmtiles:Survey:")
    assert str(tmp_path) not in before


def test_a_tile_that_is_held_is_given_again_only_of_another_archive(file: Callable[[bytes], Path]) -> None:
    """The ETag is the archive's: while that is the same, nothing is read for a tile that is held."""
    path = file(archive_of(jpegs()))
    (first,) = fetch_file(path, ONE)
    assert isinstance(first, Tile)
    made = provider(path)
    assert list(made.fetch(wanted(ONE, etag=first.etag))) == [NotModified(ONE)]
    made.close()
    os.utime(path, ns=(1, 1))
    made = provider(path, dataset="kept by the operator")
    (second,) = made.fetch(wanted(ONE, etag=first.etag))
    made.close()
    assert isinstance(second, Tile)
    assert second.etag not in (None, first.etag)


@pytest.mark.parametrize(
    "change", [lambda path: os.utime(path, ns=(1, 1)), Path.unlink, lambda path: os.truncate(path, 10)]
)
def test_a_file_that_changes_while_it_is_read_ends_the_run(
    file: Callable[[bytes], Path], change: Callable[[Path], object]
) -> None:
    """One cache never mixes two states of a file."""
    path = file(archive_of(jpegs()))
    made = provider(path)
    stream = iter(made.fetch(wanted(ONE)))
    assert isinstance(next(stream), Tile)
    change(path)
    with pytest.raises(DownloadError, match="changed while it was read"):
        next(stream)
    made.close()


def test_a_file_that_is_cut_while_it_is_read_ends_the_run_at_the_next_tile(file: Callable[[bytes], Path]) -> None:
    """Half a tile is never one."""
    path = file(archive_of(jpegs()))
    made = provider(path)
    made.describe()
    os.truncate(path, path.stat().st_size - 100)
    got: list[Any] = []
    with pytest.raises(DownloadError, match="changed while it was read"):
        got.extend(made.fetch(wanted(*SQUARE)))
    made.close()
    assert all(result.data == jpegs()[result.id] for result in got)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "make", [lambda _path: None, Path.mkdir, os.mkfifo, Path.touch], ids=["missing", "folder", "fifo", "empty"]
)
def test_what_is_no_file_with_an_archive_is_refused_with_its_path(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """Whatever it is instead; nothing stays open."""
    path = tmp_path / "survey.pmtiles"
    make(path)
    before = len(os.listdir("/proc/self/fd"))
    made = provider(path)
    for _ in range(3):
        with pytest.raises(ConfigError, match=r"survey\.pmtiles"):
            made.describe()
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "archive",
    [
        archive_of(jpegs(), tile_type=TileType.MVT),
        archive_of({ONE: b"\x1f\x8b\x08\x00"}, tile_type=TileType.UNKNOWN),
        archive_of({ONE: gzip.compress(b"\x1a\x0a")}, tile_type=TileType.UNKNOWN, tile_compression=Compression.GZIP),
    ],
)
def test_vector_tiles_are_refused_by_name(file: Callable[[bytes], Path], archive: bytes) -> None:
    """By the header, or by the bytes where it is silent."""
    path = file(archive)
    with pytest.raises(ConfigError, match="vector tiles") as caught:
        describe(path)
    assert str(path) in caught.value.message


def test_vector_tiles_of_the_newest_kind_are_refused(file: Callable[[bytes], Path]) -> None:
    """MapLibre's, which older releases of the library don't know by name."""
    archive = archive_of(jpegs())
    with pytest.raises(ConfigError, match=r"vector tiles|6 is not a valid TileType"):
        describe(file(archive[:99] + b"\x06" + archive[100:]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tile_type": TileType.AVIF}, "avif"),
        ({"tile_compression": Compression.BROTLI}, "tiles in the compression brotli"),
        ({"internal_compression": Compression.ZSTD}, "directories in the compression zstd"),
        ({"internal_compression": Compression.UNKNOWN}, "directories in the compression unknown"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(
    file: Callable[[bytes], Path], change: dict[str, Any], problem: str
) -> None:
    """Rather than give a thousand gaps."""
    with pytest.raises(ConfigError, match=problem) as caught:
        describe(file(with_header(archive_of(jpegs()), **change)))
    assert caught.value.hint


def test_a_run_that_is_given_up_ends_the_stream(file: Callable[[bytes], Path]) -> None:
    """At the next tile."""
    context = RunContext(run_id="r", state_dir=Path("unused"))
    made = pmtiles.PmtilesProvider(pmtiles.PmtilesSettings(path=file(archive_of(jpegs()))), context)
    stream = iter(made.fetch(wanted(*SQUARE)))
    next(stream)
    context.cancelled.set()
    assert list(stream) == []
    made.close()


def test_it_is_a_file_or_an_address(file: Callable[[bytes], Path]) -> None:
    """Exactly one of both."""
    with pytest.raises(ConfigError, match="none is set"):
        provider()
    with pytest.raises(ConfigError, match="both are set"):
        provider(Path("a.pmtiles"), url="https://tiles.example/a.pmtiles")
