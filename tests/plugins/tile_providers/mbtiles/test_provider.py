"""The provider ``mbtiles`` on files as they are about: whole, lean, odd, and not MBTiles at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    PictureFormat,
    RunContext,
    Tile,
    TileId,
    TileProvider,
    WantedTile,
)
from operator_tool_plugins.tile_providers import mbtiles
from tests.plugins.tile_providers.mbtiles.files import METADATA, Opener, fetch, make_file, picture


def test_it_is_a_tile_provider_by_the_hooks(provider: Opener) -> None:
    """The door gives settings and a provider that opens nothing yet."""
    assert mbtiles.plugin_settings() is mbtiles.MbtilesSettings
    assert isinstance(provider(Path("/not/there")), TileProvider)


@pytest.mark.parametrize("as_view", [False, True])
def test_tiles_come_byte_for_byte_in_the_order_in_which_they_are_wanted(
    tmp_path: Path, provider: Opener, as_view: bool
) -> None:
    """From a table, and from the view of a file that holds each picture once. Rows count from the south in there."""
    path = make_file(
        tmp_path / "a.mbtiles", {(3, 1, 0): picture(1), (3, 1, 7): picture(2), (3, 6, 2): picture(3)}, as_view=as_view
    )
    wanted = [TileId(3, 6, 5), TileId(3, 1, 0), TileId(3, 1, 7)]
    results = fetch(provider(path), *wanted)
    assert results == [Tile(tile, data) for tile, data in zip(wanted, map(picture, (3, 2, 1)), strict=True)]


def test_what_the_file_does_not_hold_is_absent(tmp_path: Path, provider: Opener) -> None:
    """No row, and a row without bytes."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1), (3, 2, 0): None, (3, 3, 0): b""})
    results = fetch(provider(path), TileId(3, 0, 0), TileId(3, 2, 7), TileId(3, 3, 7), TileId(9, 1, 1))
    assert [type(result) for result in results] == [Absent] * 4


def test_what_is_no_picture_or_too_long_fails_its_tile_alone(tmp_path: Path, provider: Opener) -> None:
    """One bad row is one gap."""
    long = picture(1) + bytes(4 * 1024 * 1024)
    path = make_file(
        tmp_path / "a.mbtiles", {(3, 0, 0): picture(1), (3, 1, 0): b"<html>", (3, 2, 0): long, (3, 3, 0): "text"}
    )
    results = fetch(provider(path), *(TileId(3, x, 7) for x in range(4)))
    assert [type(result) for result in results] == [Tile, Corrupt, Corrupt, Corrupt]


def test_the_stream_is_lazy(tmp_path: Path, provider: Opener) -> None:
    """It pulls one tile at a time."""
    pulled: list[int] = []

    def endless() -> Iterator[WantedTile]:
        while True:
            pulled.append(len(pulled))
            yield WantedTile(TileId(22, len(pulled), 0))

    stream = provider(make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})).fetch(endless())
    assert isinstance(next(stream), Absent)
    assert len(pulled) == 1


def test_a_file_says_what_it_is(tmp_path: Path, provider: Opener) -> None:
    """Attribution and version are its own words; zooms, ground, size and formats are those of its tiles."""
    tiles = {(3, 3, 5): picture(1, size=512), (4, 7, 10): picture(2, size=512, kind="JPEG")}
    info = provider(make_file(tmp_path / "a.mbtiles", tiles)).describe()
    assert (info.min_zoom, info.max_zoom, info.notes) == (3, 4, ())
    assert info.bounds_deg == pytest.approx((-45.0, 40.9799, 0.0, 66.5133), abs=1e-3)
    assert info.formats == (PictureFormat.JPEG, PictureFormat.PNG)
    assert (info.attribution, info.version, info.tile_size_px, info.synthetic) == ("© Somebody", "1.2", 512, False)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"minzoom": "deep", "maxzoom": "7", "bounds": "everywhere"},
        {"minzoom": "9", "maxzoom": "2", "bounds": "0,0,0,0"},
        {"bounds": "nan,0,1,1"},
        {"bounds": "0,0,1,91"},
    ],
)
def test_where_the_metadata_are_silent_or_wrong_the_tiles_say(
    tmp_path: Path, provider: Opener, metadata: dict[str, str] | None
) -> None:
    """Lean files are about too."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1), (11, 1, 0): picture(2)}, metadata)
    info = provider(path).describe()
    assert (info.min_zoom, info.max_zoom, info.bounds_deg, info.tile_size_px) == (3, 11, None, 256)


def test_a_file_without_any_tile_is_refused_as_empty(tmp_path: Path, provider: Opener) -> None:
    """That nothing is in it is a fact about the file, and no gap of each tile."""
    with pytest.raises(ConfigError, match="no tile at all"):
        provider(make_file(tmp_path / "a.mbtiles", {}, None)).describe()


def test_the_data_set_changes_with_the_file_and_with_nothing_else(tmp_path: Path, provider: Opener) -> None:
    """Other bytes, another time or other metadata are another data set; another folder is not."""
    first = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    os.utime(first, ns=(1, 10**18))
    (tmp_path / "moved").mkdir()
    before = provider(first).describe().dataset
    moved = first.rename(tmp_path / "moved" / "b.mbtiles")
    assert provider(moved).describe().dataset == before
    os.utime(moved, ns=(1, 10**18 + 1))
    after = provider(moved).describe().dataset
    other = make_file(tmp_path / "c.mbtiles", {(3, 1, 0): picture(1)}, {**METADATA, "version": "2"})
    os.utime(other, ns=(1, 10**18))
    assert len({before, after, provider(other).describe().dataset}) == 3
    assert before.startswith("mbtiles:Survey:")
    assert str(tmp_path) not in before


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_nothing_is_written_to_the_file_or_beside_it(tmp_path: Path, provider: Opener, journal: str) -> None:
    """The operator's file stays as it was, whichever journal it was written with."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    made = provider(path)
    made.describe()
    stream = made.fetch(iter([WantedTile(TileId(3, 1, 7))]))
    next(stream)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["a.mbtiles"]
    made.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_tiles_that_are_still_in_another_programs_log_are_seen(tmp_path: Path, provider: Opener) -> None:
    """A file in WAL mode that is being filled shows what is committed."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO tiles VALUES (3, 2, 0, ?)", (picture(2),))
        made = provider(path)
        assert fetch(made, TileId(3, 2, 7)) == [Tile(TileId(3, 2, 7), picture(2))]
        made.close()


def test_a_file_that_changes_while_it_is_read_ends_the_run(tmp_path: Path, provider: Opener) -> None:
    """One cache never mixes two states of a file."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    stream = provider(path).fetch(iter([WantedTile(TileId(3, 1, 7))]))
    assert isinstance(next(stream), Tile)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DownloadError, match="changed while it was read"):
        next(stream)


@pytest.mark.parametrize(
    ("metadata", "data"),
    [
        ({"format": "pbf"}, b"\x1f\x8b\x08"),
        ({"format": "PBF"}, picture(1)),
        ({}, b"\x1f\x8b\x08\x00"),
        (None, b"\x1a\x0a"),
    ],
)
def test_vector_tiles_are_refused_by_name(
    tmp_path: Path, provider: Opener, metadata: dict[str, str] | None, data: bytes
) -> None:
    """By the metadata, or by the bytes where they are silent."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): data}, metadata)
    with pytest.raises(ConfigError, match="vector tiles") as caught:
        provider(path).describe()
    assert str(path) in caught.value.message


def write_text(path: Path) -> None:
    path.write_text("this is no database, and long enough that SQLite says so rather than call it empty\n" * 20)


def write_other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")


def write_other_columns(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE tiles (z, x, y, data)")


@pytest.mark.parametrize(
    "make",
    [lambda _path: None, Path.mkdir, os.mkfifo, write_text, Path.touch, write_other_database, write_other_columns],
    ids=["missing", "folder", "fifo", "text", "empty", "other database", "other columns"],
)
def test_what_is_no_mbtiles_file_is_refused_with_its_path(tmp_path: Path, provider: Opener, make: object) -> None:
    """Whatever it is instead."""
    path = tmp_path / "survey.mbtiles"
    assert callable(make)
    make(path)
    with pytest.raises(ConfigError, match=r"survey\.mbtiles"):
        provider(path).describe()


def test_a_file_that_is_cut_short_ends_the_run_and_says_so(tmp_path: Path, provider: Opener) -> None:
    """A copy that broke off is not taken for a file with few tiles."""
    path = make_file(tmp_path / "a.mbtiles", {(12, x, 0): picture(x) + os.urandom(9_000) for x in range(200)})
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    made = provider(path)
    with pytest.raises(DownloadError, match=r"a\.mbtiles"):
        fetch(made, *(TileId(12, x, 4095) for x in range(200)))


def test_a_run_that_is_given_up_ends_the_stream(tmp_path: Path) -> None:
    """At the next tile."""
    path = make_file(tmp_path / "a.mbtiles", {(3, 1, 0): picture(1)})
    context = RunContext(run_id="r", state_dir=tmp_path)
    made = mbtiles.MbtilesProvider(mbtiles.MbtilesSettings(path=path), context)
    stream = made.fetch(WantedTile(TileId(3, x, 7)) for x in range(8))
    next(stream)
    context.cancelled.set()
    assert list(stream) == []
    made.close()
