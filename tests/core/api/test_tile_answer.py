"""What an HTTP answer says of a tile."""

from __future__ import annotations

import pytest

from operator_tool.api import (
    Absent,
    Corrupt,
    DownloadError,
    NotModified,
    Refused,
    Tile,
    TileId,
    TryAgainError,
    WantedTile,
    tile_of_answer,
)
from tests.support.memory import picture_of

TILE = WantedTile(TileId(15, 17_400, 11_280), etag='"old"')
PICTURE = picture_of(TILE.id)


@pytest.mark.parametrize("name", ["ETag", "etag", "ETAG"])
def test_a_picture_is_the_tile_with_its_etag(name: str) -> None:
    """Byte for byte, however the header's name is written."""
    assert tile_of_answer(TILE, 200, {name: '"new"'}, PICTURE) == Tile(TILE.id, PICTURE, etag='"new"')


@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html>", PICTURE[1:]])
def test_a_success_that_is_no_picture_is_corrupt(body: bytes) -> None:
    """It is told by its first bytes, and what the service calls it can't reach a terminal as it is."""
    found = tile_of_answer(TILE, 200, {"Content-Type": "text/\x1b[31mhtml" + "x" * 100}, body)
    assert isinstance(found, Corrupt)
    assert r"text/\x1b[31mhtml" in found.reason
    assert found.reason.isprintable()
    assert len(found.reason) < 100


@pytest.mark.parametrize(
    ("status", "kind"),
    [(304, NotModified), (204, Absent), (404, Absent), (410, Absent), (302, Refused), (400, Refused), (418, Refused)],
)
def test_what_is_settled_is_a_result(status: int, kind: type) -> None:
    """Also where the answer has a picture in it: a page of an error may well show one."""
    found = tile_of_answer(TILE, status, {}, PICTURE)
    assert isinstance(found, kind)
    assert found.id == TILE.id


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_download(status: int) -> None:
    """For all tiles, and a rerun with the same key would end alike."""
    with pytest.raises(DownloadError, match=f"refused the key .*{status}") as caught:
        tile_of_answer(TILE, status, {}, b"")
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("status", "asked", "pause_s"),
    [(429, "7", 7.0), (503, "oops", None), (500, None, None), (408, None, None), (425, None, None), (599, None, None)],
)
def test_what_may_pass_is_tried_again(status: int, asked: str | None, pause_s: float | None) -> None:
    """With the wait that the server asks for, where it does."""
    headers = {} if asked is None else {"retry-after": asked}
    with pytest.raises(TryAgainError) as caught:
        tile_of_answer(TILE, status, headers, PICTURE)
    assert caught.value.pause_s == pause_s
