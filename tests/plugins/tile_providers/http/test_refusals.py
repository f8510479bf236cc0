"""Refusals and odd answers: about a tile amid others that came, about the server where none comes."""

from __future__ import annotations

import pytest

from operator_tool.api import Absent, Corrupt, DownloadError, Refused, Tile, TileId, TileResult
from tests.plugins.tile_providers.http.asking import fetch, provider, wanted
from tests.support.tile_server import JPEG, Answer, Asked, TileServer, tile_server

S3 = b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
GCS = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Details>anonymous</Details></Error>"
GCS_JSON = b'{"error": {"code": 403, "message": "... permission denied on resource (or it may not exist)."}}'
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
NO_KEY = b'<Error xmlns="x"><Code>NoSuchKey</Code></Error>'
AZURE = b"<?xml version='1.0'?><Error><Code>BlobNotFound</Code></Error>"


def answers(server: TileServer, missing: Answer, *, at: set[int]) -> None:
    """Have the server answer so for some columns, and with the picture for the others."""

    def script(asked: Asked) -> Answer:
        return missing if int(asked.path.split("/")[2]) in at else Answer()

    server.script = script


def by_column(results: list[TileResult]) -> dict[int, TileResult]:
    return {result.id.x: result for result in results}


@pytest.mark.parametrize("body", [S3, GCS, GCS_JSON])
@pytest.mark.parametrize("at", [{4}, {1, 2, 3}, {1, 9}])
def test_a_403_of_object_storage_amid_tiles_is_an_absent_tile(server: TileServer, body: bytes, at: set[int]) -> None:
    """Storage that may not be listed answers so for an object that is not there: also before the first tile came."""
    answers(server, Answer(status=403, body=body), at=at)
    results = by_column(fetch(server.template, wanted(*range(1, 10)), max_connections=1))
    assert {x: type(result) for x, result in results.items()} == {x: Absent if x in at else Tile for x in range(1, 10)}


@pytest.mark.parametrize("status", [401, 402, 403, 451])
@pytest.mark.parametrize("at", [{4}, {1, 2, 3}])
def test_another_refusal_amid_tiles_is_of_its_tile_and_not_remembered(
    server: TileServer, status: int, at: set[int]
) -> None:
    """A licence for a part of the ground: the next provider is asked, and the next run asks again."""
    answers(server, Answer(status=status, body=b"no"), at=at)
    results = by_column(fetch(server.template, wanted(*range(1, 10)), max_connections=1))
    assert {x for x, result in results.items() if isinstance(result, Refused)} == at
    assert {x for x, result in results.items() if isinstance(result, Tile)} == set(range(1, 10)) - at


@pytest.mark.parametrize("body", [S3, b"no", EXPIRED, b'{"message": "Forbidden"}'])
@pytest.mark.parametrize("count", [1, 4, 2_000])
def test_a_server_that_refuses_all_from_the_first_on_refuses_the_run(
    server: TileServer, body: bytes, count: int
) -> None:
    """A wrong key is told once, not as gaps; object storage is asked some more before that is believed."""
    server.script = lambda _asked: Answer(status=403, body=body)
    with pytest.raises(DownloadError) as caught:
        fetch(server.template, wanted(*range(count)), max_connections=2)
    assert not caught.value.retryable
    assert "absent_status" in caught.value.hint
    assert len(server.asked) <= (258 if body == S3 else 8)


@pytest.mark.parametrize("body", [b"no", EXPIRED])
def test_a_refusal_that_begins_mid_way_and_does_not_end_ends_the_run(server: TileServer, body: bytes) -> None:
    """A quota that is used up: what came before is given first, and a million tiles are not asked for in vain."""
    answers(server, Answer(status=403, body=body), at=set(range(3, 1_000)))
    stream = provider(server.template, max_connections=1).fetch(wanted(*range(1, 1_000)))
    assert [next(stream), next(stream)] == [Tile(TileId(10, 1, 7), JPEG), Tile(TileId(10, 2, 7), JPEG)]
    with pytest.raises(DownloadError):
        assert {type(result) for result in stream} == {Refused}
    assert len(server.asked) < 40


def test_refusals_mixed_with_missing_tiles_are_of_their_tiles(server: TileServer) -> None:
    """A server that knows which tiles it lacks has let the tool in."""

    def script(asked: Asked) -> Answer:
        return Answer(status=(401, 402, 404, 410, 451)[int(asked.path.split("/")[2]) % 5], body=b"")

    server.script = script
    results = by_column(fetch(server.template, wanted(*range(20)), max_connections=1))
    assert {x for x, one in results.items() if isinstance(one, Absent)} == {x for x in range(20) if x % 5 in (2, 3)}
    assert {x for x, one in results.items() if isinstance(one, Refused)} == {x for x in range(20) if x % 5 in (0, 1, 4)}


@pytest.mark.parametrize(("status", "body"), [(500, NO_KEY), (403, NO_KEY), (404, AZURE), (400, AZURE)])
def test_storage_that_says_that_there_is_no_such_object_is_believed_at_once(
    server: TileServer, status: int, body: bytes
) -> None:
    """With any status, and without asking again."""
    server.script = lambda _asked: Answer(status=status, body=body)
    assert all(isinstance(result, Absent) for result in fetch(server.template, wanted(1, 2)))
    assert len(server.asked) == 2


@pytest.mark.parametrize("odd", [Answer(status=400, body=b""), Answer(body=b"")])
def test_a_400_or_an_empty_answer_is_an_absent_tile_amid_tiles_alone(server: TileServer, odd: Answer) -> None:
    """OGC API - Tiles says so; where nothing else ever comes the address or the key is wrong, and it is asked again."""
    answers(server, odd, at={1, 5})
    results = by_column(fetch(server.template, wanted(*range(1, 8)), max_connections=1))
    assert {x for x, result in results.items() if isinstance(result, Absent)} == {1, 5}
    server.script = lambda _asked: odd
    assert {type(one) for one in fetch(server.template, wanted(*range(600)))} == {Corrupt}


@pytest.mark.parametrize("status", [302, 403, 500, 503])
def test_a_status_of_the_setting_is_an_absent_tile_from_the_first_on(server: TileServer, status: int) -> None:
    """As the operator knows of this server; it is not asked again, nor is a redirect followed."""
    server.script = lambda _asked: Answer(status=status, headers={"Location": "http://elsewhere.example/"})
    results = fetch(server.template, wanted(*range(30)), absent_status=(status,))
    assert {type(result) for result in results} == {Absent}
    assert len(server.asked) == 30


def test_a_redirect_to_another_host_amid_tiles_is_of_its_tile(server: TileServer) -> None:
    """To a page that says that there is nothing, on a host that the tool may not ask."""
    with tile_server() as other:
        answers(server, Answer(status=302, headers={"Location": f"{other.url}/nothing.png"}), at={2})
        results = by_column(fetch(server.template, wanted(1, 2, 3), max_connections=1))
        assert [type(results[x]) for x in (1, 2, 3)] == [Tile, Refused, Tile]
        assert other.asked == []


def test_a_proxy_that_wants_a_password_is_named() -> None:
    """It is not the tile server that refuses."""
    with tile_server(lambda _asked: Answer(status=407, body=b"")) as proxy:
        with pytest.raises(DownloadError) as caught:
            fetch("http://tiles.invalid/{z}/{x}/{y}.jpg", wanted(*range(50)), proxy=proxy.url)
        assert "xyz.proxy" in caught.value.hint
        assert len(proxy.asked) < 20
