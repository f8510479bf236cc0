"""What a server's answer means for the tile that was asked for."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from typing import Any

import pytest

from operator_tool.api import Absent, Corrupt, DownloadError, NotModified, Placeholder, Tile, TileId, Unreachable
from tests.plugins.tile_providers.http.asking import fetch, fetch_one, wanted
from tests.support.tile_server import JPEG, Answer, TileServer

TILE = TileId(10, 1, 7)


def test_tiles_come_with_their_bytes_and_etags_as_they_were_sent(server: TileServer) -> None:
    """Bytes and ETag byte for byte, also an odd one."""
    assert fetch_one(server, Answer(headers={"ETag": 'W/"a b \xe9"'})) == Tile(TILE, JPEG, 'W/"a b \xe9"')


@pytest.mark.parametrize("status", [204, 404, 410])
def test_a_tile_that_the_server_does_not_have_is_absent(server: TileServer, status: int) -> None:
    """By its own word, so it is asked once."""
    assert fetch_one(server, Answer(status=status, body=b"")) == Absent(TILE, f"HTTP {status}")
    assert len(server.asked) == 1


@pytest.mark.parametrize("etag", ['"5f3a-1"', 'W/"\xe9 1"', "unquoted-1a2b"])
def test_an_etag_is_sent_back_and_304_means_not_modified(server: TileServer, etag: str) -> None:
    """Byte for byte: there are servers that know their own unquoted form alone."""
    assert fetch_one(server, Answer(status=304), etag=etag) == NotModified(TILE)
    assert server.asked[0].headers["if-none-match"] == etag


def test_a_304_that_was_not_asked_for_is_no_answer(server: TileServer) -> None:
    """There is no copy that it could speak of."""
    assert fetch_one(server, Answer(status=304)) == Corrupt(TILE, f"127.0.0.1:{server.port} answered HTTP 304")
    assert "if-none-match" not in server.asked[0].headers


def test_a_changed_tile_comes_anew(server: TileServer) -> None:
    """An ETag that is not the server's any more costs the whole picture."""
    assert fetch_one(server, Answer(headers={"ETag": '"new"'}), etag='"old"') == Tile(TILE, JPEG, '"new"')


@pytest.mark.parametrize("etag", ["", "x" * 2_000])
def test_an_etag_that_is_none_is_not_kept(server: TileServer, etag: str) -> None:
    """The picture counts, the tag is left out."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: %s\r\n\r\n%s" % (len(JPEG), etag.encode(), JPEG)
    assert fetch_one(server, Answer(raw=raw)) == Tile(TILE, JPEG, None)


@pytest.mark.parametrize("chunked", [False, True])
def test_case_031_032_a_tile_that_is_cut_short_is_asked_again_and_then_unreachable(
    server: TileServer, chunked: bool
) -> None:
    """Half a picture is never given on, whether its length was said or not."""
    length = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: 9000\r\n"
    cut = Answer(raw=b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + (b"2000\r\n" + JPEG if chunked else JPEG))
    result = fetch_one(server, cut)
    assert isinstance(result, Unreachable)
    assert result.reason.endswith("tried 4 times")
    assert len(server.asked) == 4
    server.asked.clear()
    server.script = lambda _asked: cut if len(server.asked) < 3 else Answer()
    assert fetch(server.template) == [Tile(TILE, JPEG)]


def test_case_033_html_instead_of_a_picture_is_corrupt_and_five_in_a_row_end_the_run(server: TileServer) -> None:
    """A page of a quota or captcha would be answered for every further tile too."""
    page = Answer(body=b"<!doctype html><title>quota</title>", headers={"Content-Type": "text/html; charset=utf-8"})
    server.script = lambda asked: page if int(asked.path.split("/")[2]) % 5 else Answer()
    results = fetch(server.template, wanted(*range(1, 21)), max_connections=1)
    assert [type(result) for result in results].count(Tile) == 4
    assert Corrupt(TILE, "HTML instead of a picture") in results
    server.script = lambda _asked: page
    server.asked.clear()
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1.*quota or a captcha page\?"):
        fetch(server.template, wanted(*range(50)), max_connections=1)
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b'{"error": "quota"}', "application/json"), (b"GIF89a", "image/gif"), (b"\xff\xd8", "")],
)
def test_case_034_what_is_no_picture_by_its_first_bytes_is_corrupt(
    server: TileServer, body: bytes, media_type: str
) -> None:
    """Whatever the header says; the reason names what came."""
    result = fetch_one(server, Answer(body=body, headers={"Content-Type": media_type}))
    assert result == Corrupt(TILE, f"{media_type!r} instead of a picture, {len(body)} bytes")


def test_case_034_a_picture_with_a_wrong_content_type_is_a_picture(server: TileServer) -> None:
    """The first bytes decide."""
    assert isinstance(fetch_one(server, Answer(headers={"Content-Type": "application/octet-stream"})), Tile)


def test_case_036_a_header_that_says_no_tile_makes_a_placeholder(server: TileServer) -> None:
    """Bing's by default, any by a setting, name and value in any case; another value of the header is a picture."""
    assert fetch_one(server, Answer(headers={"x-ve-tile-info": "No-Tile"})) == Placeholder(
        TILE, "the server says x-ve-tile-info: no-tile"
    )
    assert isinstance(fetch_one(server, Answer(headers={"X-VE-Tile-Info": "aerial"})), Tile)
    own: dict[str, Any] = {"no_tile_headers": {"X-Empty": "yes"}}
    assert isinstance(fetch_one(server, Answer(headers={"X-Empty": "yes"}), **own), Placeholder)
    assert isinstance(fetch_one(server, Answer(headers={"X-VE-Tile-Info": "no-tile"}), **own), Tile)


def test_case_036_known_bytes_are_a_placeholder(server: TileServer) -> None:
    """The server's picture of "no imagery here", by its SHA-256."""
    known = hashlib.sha256(JPEG).hexdigest()
    assert fetch_one(server, Answer(), no_tile_sha256=(known,)) == Placeholder(TILE, "the bytes of a known placeholder")
    assert isinstance(fetch_one(server, Answer(), no_tile_sha256=("0" * 64,)), Tile)


@pytest.mark.parametrize("with_length", [True, False])
def test_case_044_a_body_beyond_4_mib_is_cut_off(server: TileServer, with_length: bool) -> None:
    """With and without a length that says so beforehand."""
    huge = JPEG + bytes(5 * 1024 * 1024)
    headers = {} if with_length else {"Content-Length": "", "Connection": "close"}
    assert fetch_one(server, Answer(body=huge, headers=headers)) == Corrupt(TILE, "longer than 4 MiB")


@pytest.mark.parametrize(
    ("encoding", "body"), [("br", JPEG), ("gzip", JPEG), ("gzip", gzip.compress(JPEG)[:-9]), ("gzip, gzip", JPEG)]
)
def test_case_044_an_encoding_that_is_not_read_or_not_whole_is_an_error(
    server: TileServer, encoding: str, body: bytes
) -> None:
    """None was asked for."""
    result = fetch_one(server, Answer(body=body, headers={"Content-Encoding": encoding}))
    assert result == Corrupt(TILE, f"in the encoding {encoding!r}, which is not read")


def test_case_044_a_picture_that_was_packed_unasked_is_unpacked(server: TileServer) -> None:
    """There are servers that pack every picture, whatever they are told."""
    assert fetch_one(server, Answer(body=gzip.compress(JPEG), headers={"Content-Encoding": "GZip"})) == Tile(TILE, JPEG)


def test_case_044_a_gzip_bomb_is_cut_off(server: TileServer) -> None:
    """200 kB that hold 200 MB take no more memory than the longest picture."""
    bomb = gzip.compress(JPEG + bytes(200 * 1024 * 1024))
    tracemalloc.start()
    try:
        result = fetch_one(server, Answer(body=bomb, headers={"Content-Encoding": "gzip"}))
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert result == Corrupt(TILE, "longer than 4 MiB")


def test_a_request_carries_what_it_should_and_no_more(server: TileServer) -> None:
    """User agent, no content encoding, the settings' headers; no cookies, no credentials."""
    fetch(server.template, headers={"Referer": "https://ops.example"})
    (asked,) = server.asked
    headers = {name: value for name, value in asked.headers.items() if name != "host"}
    assert headers == {
        "user-agent": "operator-tool/test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "referer": "https://ops.example",
    }
