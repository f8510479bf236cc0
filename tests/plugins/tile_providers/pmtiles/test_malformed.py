"""The provider ``pmtiles`` on archives that are broken or hostile: a clear error, in bounded memory and time."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pmtiles.tile import Entry, deserialize_directory, find_tile, serialize_directory, write_varint, zxy_to_tileid

from operator_tool.api import Absent, ConfigError, Corrupt, DownloadError, ProviderInfo, Tile, TileId, TileResult
from operator_tool_plugins.tile_providers.pmtiles import archive as archive_module
from operator_tool_plugins.tile_providers.pmtiles.directory import Directory, read_directory, unpack
from operator_tool_plugins.tile_providers.pmtiles.from_file import FileSource
from operator_tool_plugins.tile_providers.pmtiles.header import ArchiveError, Span
from tests.plugins.tile_providers.pmtiles.archives import (
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

SOUND = archive_of(jpegs())
WITH_LEAVES = archive_of(jpegs(), leaf_size=7)
SMALL = archive_of(jpegs(SQUARE[:20]), leaf_size=7)
SMALL_UNPACKED = archive_of(jpegs(SQUARE[:20]), leaf_size=7, gzip_inside=False)


def numbers(*values: int) -> bytes:
    """Return numbers as a directory has them, before it is compressed."""
    data = io.BytesIO()
    write: Callable[[io.BytesIO, int], None] = write_varint
    for value in values:
        write(data, value)
    return data.getvalue()


def directory(*values: int) -> bytes:
    """Return a directory of these numbers, as it lies in an archive."""
    return gzip.compress(numbers(*values))


def described(tmp_path: Path, archive: bytes) -> ProviderInfo:
    path = tmp_path / "a.pmtiles"
    path.write_bytes(archive)
    made = provider(path)
    try:
        return made.describe()
    finally:
        made.close()


def fetched(tmp_path: Path, archive: bytes, *tiles: TileId) -> list[TileResult]:
    path = tmp_path / "a.pmtiles"
    path.write_bytes(archive)
    return fetch_file(path, *(tiles or SQUARE))


@pytest.mark.parametrize(
    ("archive", "problem"),
    [
        (b"", "not a PMTiles archive"),
        (b"PM", "not a PMTiles archive"),
        (b"PM\x02\x00" + bytes(1000), "PMTiles version 2"),
        (b"PMTiles\x04" + SOUND[8:], "PMTiles version 4"),
        (b"PMTiles3" + SOUND[8:], "the letter 3"),
        (b"PMT\xff\xfe\xfd\xfc" + SOUND[7:], "not a PMTiles archive"),
        (b"SQLite format 3\0" + bytes(1000), "not a PMTiles archive"),
        (b"<!DOCTYPE html>" + bytes(1000), "not a PMTiles archive"),
        (SOUND[:100], "ends within its header"),
        (SOUND[:127], "cut short"),
        (SOUND[:-1], "cut short"),
        (SOUND[:97] + b"\x63" + SOUND[98:], "makes no sense"),
        (SOUND[:99] + b"\x63" + SOUND[100:], "makes no sense"),
        (with_header(SOUND, min_zoom=11, max_zoom=10), "zooms 11 to 10"),
        (with_header(SOUND, max_zoom=32), "zooms 10 to 32"),
        (with_header(SOUND, root_length=2**60), "cut short"),
        (with_header(SOUND, root_offset=2**64 - 1), "cut short"),
        (with_header(SOUND, metadata_offset=2**63), "cut short"),
        (with_header(SOUND, leaf_directory_length=2**64 - 1), "cut short"),
        (with_header(SOUND, tile_data_length=2**63), "cut short"),
        (with_header(SOUND, root_length=0), "directory of 0 bytes"),
        (with_root(SOUND, bytes(1024 * 1024 + 1)), "directory of 1,048,577 bytes"),
        (with_root(SOUND, b"no gzip"), "damaged"),
        (with_root(SOUND, directory(0)[:-4]), "ends too early"),
        (with_root(SOUND, directory(0) + b"more"), "too late"),
        (with_root(SOUND, gzip.compress(b"")), "another length than it says"),
        (with_root(SOUND, gzip.compress(b"\x80")), "another length than it says"),
        (with_root(SOUND, directory(1, 5, 1, 10)), "another length than it says"),
        (with_root(SOUND, directory(1, 5, 1, 10, 1, 9)), "another length than it says"),
        (with_root(SOUND, directory(2**62)), "another length than it says"),
        (with_root(SOUND, directory(1, 2**64, 1, 10, 1)), "negative, or of more than 64 bits"),
        (with_root(SOUND, directory(2, 2**63, 2**63, 1, 1, 9, 9, 1, 0)), "negative, or of more than 64 bits"),
        (with_root(SOUND, directory(1, 5, 1, 10, 0)), "negative, or of more than 64 bits"),
        (with_root(SOUND, gzip.compress(b"\xff" * 100_000 + b"\0")), "more than 64 bits"),
        (with_root(SOUND, gzip.compress(bytes(3 * 1024 * 1024))), "longer than 2 MiB"),
        (with_root(SOUND, directory(131_073, *bytes(4 * 131_073))), "131,073 entries"),
        (with_header(SOUND, metadata_length=0, metadata_offset=0, root_offset=0), "damaged"),
        (with_header(SOUND, metadata_offset=0), "damaged"),
        (archive_of(jpegs(), gzip_inside=False)[:-1], "cut short"),
    ],
)
def test_a_broken_start_is_refused_in_words_and_in_bounded_memory(tmp_path: Path, archive: bytes, problem: str) -> None:
    """Whatever is wrong with header, metadata or root directory is found before the first tile."""
    tracemalloc.start()
    with pytest.raises(ConfigError, match=problem) as caught:
        described(tmp_path, archive)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 16 * 1024 * 1024
    assert str(tmp_path / "a.pmtiles") in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        (gzip.compress(b"[]"), "not a JSON object"),
        (gzip.compress(b'{"a":' * 100_000), "not a JSON object"),
        (gzip.compress(b'{"a": "\xff"'), "not a JSON object"),
        (gzip.compress(bytes(2 * 1024 * 1024)), "longer than 1 MiB"),
        (b"{}", "damaged"),
        (bytes(1024 * 1024 + 1), "metadata of 1,048,577 bytes"),
    ],
    # What gzip makes has the time in it.
    ids=["a list", "nested", "not UTF-8", "a bomb", "not packed", "too long"],
)
def test_broken_metadata_are_refused(tmp_path: Path, metadata: bytes, problem: str) -> None:
    """They are damaged, so the archive is; or they are a bomb."""
    archive = with_header(SOUND, metadata_offset=len(SOUND), metadata_length=len(metadata)) + metadata
    with pytest.raises(ConfigError, match=problem):
        described(tmp_path, archive)


def test_metadata_that_are_odd_or_missing_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """They decide nothing."""
    odd = {"attribution": {"html": "<b>"}, "version": 2, "name": "\x1b[31m" + "x" * 200}
    info = described(tmp_path, archive_of(jpegs(), odd))
    assert (info.attribution, info.version) == ("", "2")
    assert info.dataset.startswith(f"pmtiles:[31m{'x' * 76}:")
    info = described(tmp_path, with_header(SOUND, metadata_length=0))
    assert (info.attribution, info.version) == ("", "")


@pytest.mark.parametrize(
    ("leaf", "problem"),
    [
        ((0, 5), "damaged"),
        ((2**40, 100), "directory beyond its end"),
        ((0, 2**40), "directory of 1,099,511,627,776 bytes"),
        ((0, 0), "directory of 0 bytes"),
    ],
)
def test_a_broken_leaf_ends_the_run_and_says_so(tmp_path: Path, leaf: tuple[int, int], problem: str) -> None:
    """No tile of it is absent by anybody's word."""
    offset, length = leaf
    archive = with_root(WITH_LEAVES, directory(1, 0, 0, length, offset + 1))
    with pytest.raises(DownloadError, match=problem) as caught:
        fetched(tmp_path, archive)
    assert not caught.value.retryable
    with pytest.raises(ConfigError, match=problem):
        described(tmp_path, archive)


def test_directories_that_go_round_in_a_circle_end_the_run(tmp_path: Path) -> None:
    """A leaf that names itself."""
    leaf = directory(1, 0, 0, 30, 1)
    for length in range(20, 40):
        leaf = directory(1, 0, 0, length, 1)
        if len(leaf) == length:
            break
    assert len(leaf) == length
    archive = with_root(SOUND, leaf)
    archive = with_header(archive, leaf_directory_offset=len(SOUND), leaf_directory_length=len(leaf))
    with pytest.raises(DownloadError, match="more than 4 directories"):
        fetched(tmp_path, archive)
    with pytest.raises(ConfigError, match="more than 4 directories"):
        described(tmp_path, archive)


@pytest.mark.parametrize(
    ("start", "hint"),
    [(b"PM\x01\x00", "again from its tiles"), (b"PMTiles\x04", "reads version 4"), (b"PMTiles3", "seek=7")],
)
def test_a_hint_about_another_version_is_true(tmp_path: Path, start: bytes, hint: str) -> None:
    """No program makes version 3 of a newer one, and a letter in place of the number can be mended."""
    with pytest.raises(ConfigError) as caught:
        described(tmp_path, start + SOUND[len(start) :])
    assert hint in caught.value.hint
    assert "OLD.pmtiles" not in caught.value.hint


@pytest.mark.parametrize(("offset", "length"), [(2**40, 100), (0, 2**40), (0, 0), (2**64 - 2, 9)])
def test_a_tile_that_is_said_to_be_elsewhere_fails_alone(tmp_path: Path, offset: int, length: int) -> None:
    """Beyond the end, or longer than any tile."""
    archive = with_root(SOUND, directory(1, 0, 2**40, length, offset + 1))
    (result,) = fetched(tmp_path, archive, SQUARE[0])
    assert isinstance(result, Corrupt)
    assert "by the archive's directory" in result.reason or "by its directory" in result.reason
    assert described(tmp_path, archive).tile_size_px == 256


def test_the_largest_leaf_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """What a hostile archive can make of it at most; one entry more is refused."""
    entries = 128 * 1024
    leaf = directory(entries, *bytes([1]) * entries * 2, *bytes([100]) * entries, 1, *bytes(entries - 1))
    archive = with_root(SOUND, directory(1, 0, 0, len(leaf), 1))
    archive = with_header(archive, leaf_directory_offset=len(archive), leaf_directory_length=len(leaf)) + leaf
    path = tmp_path / "a.pmtiles"
    path.write_bytes(archive)
    made = provider(path)
    tracemalloc.start()
    (result,) = made.fetch(wanted(TileId(8, 100, 100)))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    made.close()
    assert isinstance(result, Corrupt)
    assert peak_bytes < 40 * 1024 * 1024


@pytest.mark.parametrize(("limit", "most"), [("_HELD_ENTRIES", 28), ("_HELD_LEAVES", 4)])
def test_no_more_leaves_are_held_than_fit_and_the_latest_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    """A leaf is read again only when others were needed since."""
    monkeypatch.setattr(archive_module, limit, most)
    path = tmp_path / "a.pmtiles"
    path.write_bytes(WITH_LEAVES)
    read: list[Span] = []
    reading = FileSource.read

    def counting(source: FileSource, span: Span) -> bytes:
        read.append(span)
        return reading(source, span)

    monkeypatch.setattr(FileSource, "read", counting)
    leaf_bytes = range(header_of(WITH_LEAVES)["leaf_directory_offset"], header_of(WITH_LEAVES)["tile_data_offset"])
    made = provider(path)

    def leaves_read(*tiles: TileId) -> int:
        read.clear()
        assert all(isinstance(result, Tile) for result in made.fetch(wanted(*tiles)))
        return sum(span.offset in leaf_bytes for span in read)

    by_number = sorted(SQUARE, key=lambda one: zxy_to_tileid(one.z, one.x, one.y))
    of_leaf = [by_number[at] for at in range(0, len(by_number), 7)]
    assert leaves_read(*of_leaf[:4]) == 4
    assert leaves_read(*of_leaf[3::-1]) == 0
    assert leaves_read(of_leaf[4]) == 1
    assert leaves_read(*of_leaf[:3]) == 0
    assert leaves_read(of_leaf[3]) == 1
    assert leaves_read(*of_leaf * 2) >= 2 * (len(of_leaf) - 4)
    made.close()


def test_a_bomb_is_unpacked_no_further_than_its_bound() -> None:
    """The rest of it never exists."""
    bomb = gzip.compress(bytes(256 * 1024 * 1024))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="longer than 1 MiB"):
        unpack(bomb, max_bytes=1024 * 1024)
    assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    tracemalloc.stop()


def find(found: Directory, number: int) -> tuple[int, int, bool] | None:
    entry = found.find(number)
    return None if entry is None else (entry.span.offset, entry.span.length, entry.is_directory)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5), st.integers(1, 50), st.integers(0, 2**60)), max_size=30)
)
def test_a_directory_is_searched_as_the_library_does(rows: list[tuple[int, int, int, int]]) -> None:
    """Every number finds the same entry, or none, for any directory that can be written."""
    entries, number = [], 0
    for step, run_length, length, offset in rows:
        number += step
        entries.append(Entry(number, offset, length, run_length))
    data = serialize_directory(entries)
    ours, theirs = read_directory(data, is_gzip=True), deserialize_directory(data)
    plain = read_directory(gzip.decompress(data), is_gzip=False)
    for asked in range(number + 12):
        entry: Any = find_tile(theirs, asked)
        expected = None if entry is None else (entry.offset, entry.length, entry.run_length == 0)
        assert find(ours, asked) == find(plain, asked) == expected


def survives(path: Path, archive: bytes) -> None:
    """Read everything of an archive that may be broken in any way: results, or one of our errors."""
    path.write_bytes(archive)
    made = provider(path)
    tiles = SQUARE[:24]
    message = str(path)
    try:
        made.describe()
        results = list(made.fetch(wanted(*tiles)))
    except (ConfigError, DownloadError) as error:
        results, message = [], error.message
    finally:
        made.close()
    assert str(path) in message
    assert not results or [result.id for result in results] == list(tiles)
    assert all(isinstance(result, Tile | Absent | Corrupt) for result in results)


_FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_INSIDE = header_of(SMALL)["tile_data_offset"] + 50


@_FUZZ
@given(st.lists(st.tuples(st.integers(0, _INSIDE - 1), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
@example([(7, 2)], True)
@example([(8, 255), (15, 255)], False)
def test_flipped_bytes_give_an_error_or_results(
    tmp_path: Path, changes: list[tuple[int, int]], gzip_inside: bool
) -> None:
    """Never another exception; without compression the directories themselves are hit."""
    archive = bytearray(SMALL if gzip_inside else SMALL_UNPACKED)
    for at, value in changes:
        archive[at] = value
    survives(tmp_path / "a.pmtiles", bytes(archive))


@_FUZZ
@given(st.integers(0, len(SMALL)))
def test_a_copy_that_broke_off_anywhere_gives_an_error(tmp_path: Path, length: int) -> None:
    """At once, rather than gaps at its end."""
    path = tmp_path / "a.pmtiles"
    survives(path, SMALL[:length])
    if length < len(SMALL):
        with pytest.raises(ConfigError):
            described(tmp_path, SMALL[:length])


def test_the_sound_archives_of_these_tests_are_sound(tmp_path: Path) -> None:
    """Or the others would prove nothing."""
    for archive in (SOUND, WITH_LEAVES):
        assert described(tmp_path, archive).tile_size_px == 256
        assert all(isinstance(result, Tile) for result in fetched(tmp_path, archive))
