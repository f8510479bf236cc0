"""What a server's answer to the request for a part of an archive means."""

from __future__ import annotations

import hashlib
import re

import pytest

from operator_tool.api import ConfigError, Corrupt, DownloadError, Placeholder, Secret, Tile, TileId, Unreachable
from tests.plugins.tile_providers.pmtiles.archives import (
    SQUARE,
    archive_of,
    header_of,
    jpegs,
    provider,
    with_header,
    with_leaves_last,
)
from tests.plugins.tile_providers.pmtiles.asking import KEY, SPREAD, by_tile, fetch, ranges, url_of
from tests.support.pictures import real_jpeg
from tests.support.tile_server import Answer, Asked, TileServer


def test_a_request_says_which_part_of_which_archive(server: TileServer) -> None:
    """By its range, and once it is known by its ETag where that is a strong one."""
    fetch(server, SQUARE[0])
    start, tile = (asked.headers for asked in server.asked)
    assert start["range"] == "bytes=0-16383"
    assert "if-match" not in start
    assert tile["if-match"] == '"1"'
    assert tile["accept-encoding"] == "identity"
    server.asked.clear()
    server.script = ranges(archive_of(jpegs()), headers={"ETag": 'W/"1"'})
    assert by_tile(fetch(server, SQUARE[0]))
    assert all("if-match" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize("headers", [{"ETag": '"2"'}, {"ETag": ""}, {"Content-Range": "bytes {0}-{1}/999999"}])
def test_an_archive_that_is_replaced_is_seen_also_where_the_server_does_not_heed_if_match(
    server: TileServer, headers: dict[str, str]
) -> None:
    """By the ETag of the part, or by the archive's length."""

    def change(asked: Asked, answer: Answer) -> Answer:
        if len(server.asked) == 1:
            return answer
        first, last = re.findall(r"\d+", answer.headers["Content-Range"])[:2]
        changed = {name: value.format(first, last) for name, value in headers.items()}
        return Answer(status=206, body=answer.body, headers={**answer.headers, **changed})

    server.script = ranges(archive_of(jpegs()), change=change)
    with pytest.raises(DownloadError, match="was replaced while it was read"):
        fetch(server, SQUARE[0])


def test_without_an_etag_the_date_tells_the_archive(server: TileServer) -> None:
    """As far as it goes."""
    archive = archive_of(jpegs())
    seen = set()
    for date in ("Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT", ""):
        server.script = ranges(archive, headers={"ETag": "", "Last-Modified": date})
        assert by_tile(fetch(server, SQUARE[3])) == {SQUARE[3]: jpegs()[SQUARE[3]]}
        seen.add(provider(url=url_of(server)).describe().dataset)
    assert len(seen) == 3


@pytest.mark.parametrize("status", [412, 416])
def test_a_refusal_of_the_part_means_another_archive(server: TileServer, status: int) -> None:
    """It was there when the archive was opened."""
    server.script = ranges(
        archive_of(jpegs()),
        change=lambda _, answer: answer if len(server.asked) == 1 else Answer(status=status, body=b""),
    )
    with pytest.raises(DownloadError, match="was replaced while it was read"):
        fetch(server, SQUARE[0])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(status=404, body=b""), "HTTP 404"),
        (Answer(status=416, body=b""), "HTTP 416"),
        (Answer(status=204, body=b""), "HTTP 204"),
        (Answer(status=401, body=b""), "refused the request"),
        (Answer(status=500, body=b""), "HTTP 500"),
        (Answer(body=b"<html>log in</html>", headers={"Content-Type": "text/html"}), "HTTP 200"),
        (Answer(status=206, body=b"abc"), "does not say which part"),
        (Answer(status=206, body=b"abc", headers={"Content-Range": "bytes 0-2/*"}), "does not say which part"),
        (Answer(status=206, body=b"abc", headers={"Content-Range": "bytes 5-7/9"}), "another part"),
        (Answer(status=206, body=b"abc", headers={"Content-Range": "bytes 0-8/9"}), "another part"),
        (Answer(status=206, body=bytes(2**20), headers={"Content-Range": "bytes 0-16383/99999"}), "another part"),
        (Answer(status=206, body=b"abc", headers={"Content-Range": "bytes 0-2/3", "Content-Encoding": "gzip"}), "gzip"),
    ],
)
def test_a_server_that_gives_no_part_of_an_archive_is_refused_in_words(
    server: TileServer, answer: Answer, problem: str
) -> None:
    """What was seen, and never the address, which may hold a key."""
    server.script = lambda _asked: answer
    with pytest.raises(DownloadError, match=problem) as caught:
        provider(url=url_of(server) + "?key={api_key}", api_key=Secret(KEY)).describe()
    assert "canary" not in caught.value.message + caught.value.hint
    assert "a.pmtiles" not in caught.value.message


@pytest.mark.parametrize(
    "headers",
    [{"Content-Range": ""}, {"Content-Range": "bytes 0-9/77"}, {"Content-Range": "bytes=0-9/77"}, {"Short": "1"}],
)
def test_another_part_than_was_asked_for_is_asked_for_again(server: TileServer, headers: dict[str, str]) -> None:
    """A cache on the way had a bad moment; where it always has, the tile is a gap and the others are not."""
    archive = archive_of(jpegs())
    bad, total = SQUARE[5], f"/{len(archive)}"
    answered: list[str] = []

    def change(asked: Asked, answer: Answer) -> Answer:
        if answer.body != jpegs()[bad] or (once and asked.headers["range"] in answered):
            return answer
        answered.append(asked.headers["range"])
        changed = {name: value.replace("/77", total) for name, value in headers.items()}
        body = answer.body[:-1] if "Short" in headers else answer.body
        return Answer(status=206, body=body, headers={**answer.headers, **changed})

    server.script = ranges(archive, change=change)
    for once in (True, False):
        results = {result.id: type(result) for result in fetch(server, *SQUARE)}
        assert results == dict.fromkeys(SQUARE, Tile) | ({} if once else {bad: Unreachable})


def test_a_pause_that_the_server_asks_for_and_failures_that_pass_are_lived_with(server: TileServer) -> None:
    """As of any server of tiles."""
    answers = iter([500, 429])

    def change(_asked: Asked, answer: Answer) -> Answer:
        status = next(answers, None) if len(server.asked) % 3 == 0 else None
        return answer if status is None else Answer(status=status, body=b"", headers={"Retry-After": "0"})

    server.script = ranges(archive_of(jpegs()), change=change)
    assert by_tile(fetch(server, *SQUARE)) == jpegs()


def test_a_leaf_that_can_not_be_had_ends_the_run(server: TileServer) -> None:
    """Which tiles it holds is not known, so none of them is absent."""
    archive = with_leaves_last(archive_of(jpegs(SPREAD), leaf_size=64))
    leaves = header_of(archive)["leaf_directory_offset"]

    def change(asked: Asked, answer: Answer) -> Answer:
        first = int(asked.headers["range"].partition("=")[2].partition("-")[0])
        return Answer(status=500, body=b"") if first > leaves + 100 else answer

    server.script = ranges(archive, change=change)
    with pytest.raises(DownloadError, match="HTTP 500"):
        fetch(server, *SPREAD)


def test_a_known_placeholder_is_no_tile(server: TileServer) -> None:
    """As the settings name it."""
    sha256 = hashlib.sha256(jpegs()[SQUARE[1]]).hexdigest()
    results = fetch(server, *SQUARE[:3], no_tile_sha256=(sha256,))
    assert [type(result) for result in sorted(results, key=lambda one: one.id)] == [Tile, Placeholder, Tile]


def test_what_is_no_picture_fails_its_tile_alone(server: TileServer) -> None:
    """Over http as from the file."""
    tiles = {TileId(10, 0, 0): real_jpeg(1), TileId(10, 1, 0): b"<html>", TileId(10, 2, 0): bytes(4 * 1024 * 1024 + 1)}
    server.script = ranges(archive_of(tiles))
    results = sorted(fetch(server, *tiles), key=lambda result: result.id)
    assert [type(result) for result in results] == [Tile, Corrupt, Corrupt]


def test_a_broken_archive_is_refused_by_its_server(server: TileServer) -> None:
    """A host, and no address."""
    server.script = ranges(with_header(archive_of(jpegs()), root_length=2**60))
    with pytest.raises(ConfigError, match=r"the archive of 127\.0\.0\.1:\d+ is cut short"):
        provider(url=url_of(server)).describe()
