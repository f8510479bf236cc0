"""The provider ``pmtiles`` over http: the same tiles as from the file, with as few requests as can be."""

from __future__ import annotations

import os
import re
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import (
    Absent,
    ConfigError,
    DownloadError,
    NotModified,
    RunContext,
    Secret,
    Tile,
    TileId,
    WantedTile,
)
from operator_tool_plugins.tile_providers import pmtiles
from tests.plugins.tile_providers.pmtiles.archives import (
    SQUARE,
    archive_of,
    fetch_file,
    jpegs,
    provider,
    wanted,
    with_leaves_last,
)
from tests.plugins.tile_providers.pmtiles.asking import KEY, SPREAD, by_tile, fetch, ranges, url_of
from tests.support.pictures import real_jpeg
from tests.support.real_parts import RealNginx, real_nginx
from tests.support.tile_server import TileServer


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNginx]:
    """A real server with archives."""
    folder = tmp_path_factory.mktemp("nginx")
    with real_nginx(folder / "own", folder / "root", extra="location /no-ranges/ { max_ranges 0; }") as running:
        (running.root / "no-ranges").mkdir()
        yield running


def asked_for(nginx: RealNginx, name: str) -> list[tuple[int, int]]:
    """Return the status and the bytes of each request for a file."""
    lines = nginx.access_log.read_text().splitlines()
    found = [re.search(r'"GET /(\S+) HTTP/[^"]+" (\d+) (\d+)', line) for line in lines]
    return [(int(match[2]), int(match[3])) for match in found if match and match[1] == name]


@pytest.mark.real_parts
@pytest.mark.parametrize("gzip_inside", [True, False])
def test_a_real_server_gives_the_same_bytes_as_the_file_with_one_request_a_tile(
    nginx: RealNginx, gzip_inside: bool
) -> None:
    """And a few requests for directories, each of which is read once."""
    name = f"spread-{gzip_inside}.pmtiles"
    archive = with_leaves_last(archive_of(jpegs(SPREAD), leaf_size=64, gzip_inside=gzip_inside))
    leaves = len(SPREAD) // 64
    path = nginx.root / name
    path.write_bytes(archive)
    from_file, from_server = provider(path), provider(url=f"{nginx.url}/{name}")
    about_file, about_server = from_file.describe(), from_server.describe()
    results = list(from_server.fetch(wanted(*SPREAD, TileId(12, 1, 1))))
    assert len(results) == len(SPREAD) + 1
    assert by_tile(results) == by_tile(list(from_file.fetch(wanted(*SPREAD)))) == jpegs(SPREAD)
    from_file.close()
    requests = asked_for(nginx, name)
    assert {status for status, _ in requests} == {206}
    # One for the start, with the sample in it, and one for each leaf.
    assert len(requests) == 1 + leaves + len(SPREAD)
    same = ("min_zoom", "max_zoom", "tile_size_px", "formats", "attribution", "version")
    assert [getattr(about_file, name) for name in same] == [getattr(about_server, name) for name in same]


@pytest.mark.real_parts
def test_a_real_server_gives_an_archive_that_is_shorter_than_the_first_request(nginx: RealNginx) -> None:
    """The part that there is, is all of it."""
    (nginx.root / "small.pmtiles").write_bytes(archive_of(jpegs(SQUARE[:1])))
    made = provider(url=f"{nginx.url}/small.pmtiles")
    assert made.describe().tile_size_px == 256
    assert by_tile(list(made.fetch(wanted(*SQUARE[:2])))) == jpegs(SQUARE[:1])


@pytest.mark.real_parts
def test_a_real_server_without_ranges_is_refused_and_not_downloaded(nginx: RealNginx) -> None:
    """All but its first piece stays where it is."""
    path = nginx.root / "no-ranges" / "a.pmtiles"
    path.write_bytes(archive_of(jpegs()))
    os.truncate(path, 256 * 1024**2)
    made = provider(url=f"{nginx.url}/no-ranges/a.pmtiles")
    tracemalloc.start()
    with pytest.raises(DownloadError, match=r"sends the whole archive .*HTTP 200") as caught:
        made.describe()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 8 * 1024**2
    assert not caught.value.retryable
    assert "pmtiles.path" in caught.value.hint


@pytest.mark.real_parts
def test_an_archive_that_is_replaced_on_a_real_server_ends_the_run(nginx: RealNginx) -> None:
    """It says so by its ETag, and no tile of the new one gets in between."""
    path = nginx.root / "replaced.pmtiles"
    path.write_bytes(archive_of(jpegs()))
    made = provider(url=f"{nginx.url}/replaced.pmtiles")
    before = made.describe().dataset
    new = path.with_name("new")
    new.write_bytes(archive_of({one: real_jpeg(f"new {one}") for one in SQUARE}))
    os.utime(new, (1, 1))
    new.rename(path)
    with pytest.raises(DownloadError, match="was replaced while it was read") as caught:
        list(made.fetch(wanted(*SQUARE)))
    assert caught.value.retryable
    assert {status for status, _ in asked_for(nginx, "replaced.pmtiles")} == {206, 412}
    assert provider(url=f"{nginx.url}/replaced.pmtiles").describe().dataset != before


def test_a_tile_that_the_archive_lacks_and_one_that_is_held_are_not_asked_for(server: TileServer) -> None:
    """The archive's directory, and its ETag, say it all."""
    made = provider(url=url_of(server))
    (first,) = made.fetch(wanted(SQUARE[0]))
    assert isinstance(first, Tile)
    assert first.etag not in (None, '"1"')
    before = len(server.asked)
    asked = [WantedTile(TileId(10, 1, 1)), WantedTile(SQUARE[0], first.etag), WantedTile(SQUARE[1], first.etag)]
    assert [type(one) for one in made.fetch(iter(asked))] == [Absent, NotModified, NotModified]
    assert len(server.asked) == before
    server.script = ranges(archive_of(jpegs()), headers={"ETag": '"2"'})
    (second,) = provider(url=url_of(server)).fetch(iter([WantedTile(SQUARE[0], first.etag)]))
    assert isinstance(second, Tile)
    assert second.etag != first.etag
    assert "if-none-match" not in server.asked[-1].headers


def test_every_tile_has_one_result_where_most_are_absent(server: TileServer) -> None:
    """They come while tiles are on their way, and none is lost between two rounds."""
    tiles = [TileId(10, x, y) for y in range(340, 370) for x in range(500, 600)]
    results = fetch(server, *tiles)
    assert sorted(result.id for result in results) == sorted(tiles)
    assert by_tile(results) == jpegs()
    assert sum(isinstance(result, Absent) for result in results) == len(tiles) - len(SQUARE)


def test_what_is_absent_is_said_while_tiles_come(server: TileServer) -> None:
    """It needs no request, and waits for none but those that are under way."""
    results = fetch(server, *(tile for one in SQUARE for tile in (one, TileId(22, one.x, one.y))), max_connections=2)
    assert len(results) == 2 * len(SQUARE)
    assert any(isinstance(result, Absent) for result in results[:20])


def test_the_stream_is_lazy_also_where_all_is_absent(server: TileServer) -> None:
    """It pulls no further ahead than it works."""
    pulled: list[int] = []

    def endless() -> Iterator[WantedTile]:
        while True:
            pulled.append(len(pulled))
            yield WantedTile(TileId(22, len(pulled), 0))

    stream = provider(url=url_of(server)).fetch(endless())
    for _ in range(3):
        assert isinstance(next(iter(stream)), Absent)
    assert len(pulled) <= 256


def test_a_closed_stream_asks_no_more(server: TileServer) -> None:
    """What is under way is broken off."""
    stream = provider(url=url_of(server), max_connections=2).fetch(wanted(*SQUARE))
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert len(server.asked) < len(SQUARE) / 2


def test_a_run_that_is_given_up_ends_the_stream(server: TileServer) -> None:
    """Before the next round."""
    cancelled = threading.Event()
    context = RunContext(run_id="r", state_dir=Path("unused"), cancelled=cancelled)
    made = pmtiles.PmtilesProvider(pmtiles.PmtilesSettings(url=url_of(server)), context)
    tiles = wanted(*SQUARE, *(TileId(22, x, 0) for x in range(5000)))
    stream = iter(made.fetch(tiles))
    next(stream)
    cancelled.set()
    assert len(list(stream)) < 600
    assert len(list(tiles)) > 4000


@pytest.mark.parametrize(
    ("query", "header", "path", "value"),
    [
        ("", "Authorization: Bearer", "/a.pmtiles", f"Bearer {KEY}"),
        ("?key={api_key}", "X-Api-Key", "/a.pmtiles?key=canary-key-7f3a%2F%26%3D", None),
    ],
)
def test_the_key_goes_to_the_server_and_into_nothing_else(
    server: TileServer, query: str, header: str, path: str, value: str | None
) -> None:
    """Into the header that is set, or into the address where that says so."""
    made = provider(url=url_of(server) + query, api_key=Secret(KEY), api_key_header=header)
    info = made.describe()
    assert by_tile(list(made.fetch(wanted(SQUARE[0]))))
    assert {asked.path for asked in server.asked} == {path}
    assert {asked.headers.get("authorization") for asked in server.asked} == {value}
    assert all("x-api-key" not in asked.headers for asked in server.asked)
    assert "canary" not in repr(info)
    assert info.dataset.startswith(f"pmtiles:{url_of(server)}{query}:")


def test_the_data_set_is_stable_and_names_what_the_operator_says(server: TileServer) -> None:
    """The same archive at the same address is the same imagery."""
    first, again = (provider(url=url_of(server)).describe() for _ in range(2))
    assert first.dataset == again.dataset
    assert provider(url=url_of(server), dataset="spring", bulk_download=False).describe().dataset == "spring"
    server.script = ranges(archive_of(jpegs()), headers={"ETag": '"2"'})
    assert provider(url=url_of(server)).describe().dataset != first.dataset


def test_a_host_whose_policy_forbids_to_download_areas_is_known(server: TileServer) -> None:
    """As for its single tiles; the operator's word goes first."""
    url = "https://tile.openstreetmap.org/a.pmtiles"
    assert provider(url=url)._bulk_download is False
    assert provider(url=url, bulk_download=True)._bulk_download is True
    assert provider(url=url_of(server)).describe().bulk_download is None
    assert provider(url=url_of(server), bulk_download=False).describe().bulk_download is False


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"url": "https://t.example/{z}/{x}/{y}.pmtiles"}, "placeholders"),
        ({"url": "https://t.example/a.pmtiles?key={api_key}"}, r"pmtiles\.api_key is not set"),
        ({"url": "https://t.example/a.pmtiles?key=abc"}, "a credential"),
        ({"url": "ftp://t.example/a.pmtiles"}, "scheme 'ftp'"),
        ({"url": "http://169.254.169.254/a.pmtiles"}, "link-local"),
        ({"url": "http://t.example/a.pmtiles", "api_key": Secret(KEY)}, "in the open"),
    ],
)
def test_an_address_that_can_not_be_asked_is_refused_before_anything_is_sent(
    settings: dict[str, Any], problem: str
) -> None:
    """By the setting's name, without what may be secret."""
    with pytest.raises(ConfigError, match=problem) as caught:
        provider(**settings)
    assert "pmtiles.url" in caught.value.message
    assert "abc" not in caught.value.message


def test_a_file_and_a_server_give_the_same_for_the_same_archive(tmp_path: Path, server: TileServer) -> None:
    """Down to what is absent."""
    path = tmp_path / "a.pmtiles"
    path.write_bytes(archive_of(jpegs()))
    tiles = [*SQUARE, TileId(10, 1, 1), TileId(3, 0, 0)]
    ours, theirs = fetch_file(path, *tiles), fetch(server, *tiles)
    assert {(one.id, type(one), getattr(one, "data", b"")) for one in ours} == {
        (one.id, type(one), getattr(one, "data", b"")) for one in theirs
    }


@pytest.mark.parametrize(
    "metadata",
    [{"profile": "geodetic"}, {"crs": "EPSG:4326"}, {"srs": "EPSG:2056"}, {"projection": "a word that is not known"}],
)
def test_metadata_of_another_projection_are_refused(server: TileServer, metadata: dict[str, object]) -> None:
    """Under the same numbers lies other ground; the operator may answer for it, with a note."""
    server.script = ranges(archive_of(jpegs(), metadata))
    with pytest.raises(ConfigError) as caught:
        provider(url=url_of(server)).describe()
    assert next(iter(metadata)) in caught.value.message
    with pytest.raises(ConfigError):
        fetch(server, SQUARE[0])
    assert len(provider(url=url_of(server), projection="web-mercator").describe().notes) == 1


def test_metadata_of_web_mercator_are_no_matter(server: TileServer) -> None:
    """As its writers put them there."""
    server.script = ranges(archive_of(jpegs(), {"profile": "mercator", "crs": "EPSG:3857", "type": "baselayer"}))
    assert provider(url=url_of(server)).describe().notes == ()


def test_the_announced_extent_is_overruled_by_the_settings(server: TileServer) -> None:
    """There are writers that put bounds ten million times too small into the header."""
    small: dict[str, Any] = {"min_lon_e7": 6, "min_lat_e7": 49, "max_lon_e7": 7, "max_lat_e7": 50}
    server.script = ranges(archive_of(jpegs(), **small))
    told = provider(url=url_of(server)).describe()
    assert told.bounds_deg == (6e-7, 49e-7, 7e-7, 50e-7)
    assert "pmtiles.bounds" in told.extent_hint
    info = provider(url=url_of(server), bounds=(-180.0, -90.0, 180.0, 90.0), min_zoom=4, max_zoom=12).describe()
    assert (info.bounds_deg, info.min_zoom, info.max_zoom) == ((-180.0, -90.0, 180.0, 90.0), 4, 12)
