"""What an inventory answers: read strictly where a mistake would cost tiles; what can't be read is a clear error."""

from __future__ import annotations

import json
from itertools import chain, repeat
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import Absent, DownloadError, Tile, WantedTile
from operator_tool_plugins.tile_providers._http.engine import HttpEngine
from operator_tool_plugins.tile_providers._http.exchange import Reply, Request
from operator_tool_plugins.tile_providers.satellite.inventory import Inventory
from operator_tool_plugins.tile_providers.satellite.wire import Holding
from tests.plugins.tile_providers.satellite.asking import fetch, forms, tile
from tests.support.satellite_service import Answer, SatelliteService

NAMES = ["z", "x", "y", "tileZoom", "tileX", "tileY"]


def answering(service: SatelliteService, document: object) -> None:
    """Have the inventory answer this, whatever it is asked."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    service.instead = lambda asked: Answer(body=body) if asked.method == "POST" else None


def row(number: int, **more: Any) -> dict[str, Any]:
    """Return an entry of the newer form."""
    return {"z": 18, "x": number, "y": 7, "present": True, **more}


@pytest.mark.parametrize("container", ["results", "tiles"])
def test_the_list_may_be_called_by_either_name(service: SatelliteService, container: str) -> None:
    """And have members beside it that nobody here knows."""
    answering(service, {container: [row(0), row(1, present=False, extra=[1, {}])], "took": 3})
    results = fetch(service, range(2))
    assert {type(result) for result in results} == {Tile, Absent}


def test_the_list_of_results_counts_where_the_question_is_repeated_beside_it(service: SatelliteService) -> None:
    """The repeated tiles have no ``present``."""
    answering(service, {"tiles": [{"z": 18, "x": 0, "y": 7}], "results": [row(0, present=False)]})
    assert fetch(service) == [Absent(tile(0), "not in the inventory")]


def test_entries_need_no_coordinates(service: SatelliteService) -> None:
    """The order tells whose they are."""
    answering(service, {"results": [{"present": False}, {"present": True}]})
    results = fetch(service, range(2))
    assert {type(result): result.id.x for result in results} == {Absent: 0, Tile: 1}


@pytest.mark.parametrize(
    "document",
    [
        {"results": [row(1), row(0)]},
        {"results": [row(0), row(1, y=8)]},
        {"results": [row(0), row(1, z=17)]},
        {"results": [row(0), row(1, tileX=5)]},
        {"results": [row(0)]},
        {"results": [row(0), row(1), row(2)]},
        {"results": []},
        {"results": [row(0), row(1, present="yes")]},
        {"results": [row(0), row(1, present=1)]},
        {"results": [row(0), row(1, present=None)]},
        {"results": [row(0), row(1, x="1")]},
        {"results": [row(0), row(1, x=10**40)]},
        {"results": [row(0), {"z": 18, "x": 1, "y": 7}]},
        {"results": [True, False]},
        {"results": {"0": row(0), "1": row(1)}},
        {"results": None},
        {"present": True},
        [row(0), row(1)],
        "yes",
        None,
    ],
)
def test_another_list_than_was_asked_about_ends_the_run(service: SatelliteService, document: object) -> None:
    """A tile taken for another would be a hole or a wrong picture on the drone; no tile is asked for."""
    answering(service, document)
    with pytest.raises(DownloadError, match=f"inventory of 127.0.0.1:{service.port} answered another list: ") as caught:
        fetch(service, range(2))
    assert not caught.value.retryable
    assert "satellite.inventory_path" in caught.value.hint
    assert service.tile_calls == []
    assert forms(service) == ["z", "tileZoom"]


def test_another_list_is_told_of_when_the_other_form_is_refused(service: SatelliteService) -> None:
    """What was wrong with the answer says more than that the older form is unknown."""
    service.instead = lambda _asked: (
        Answer(body=b'{"results": []}') if len(service.inventory_calls) == 1 else Answer(status=400)
    )
    with pytest.raises(DownloadError, match="another list: 0 entries for 3 tiles"):
        fetch(service, range(3))
    assert len(service.asked) == 2


def test_another_list_later_on_ends_the_run_at_once(service: SatelliteService) -> None:
    """The form is known by then."""
    service.holds = lambda _tile: False
    service.instead = lambda asked: Answer(body=b'{"results": []}') if len(service.inventory_calls) == 2 else None
    with pytest.raises(DownloadError, match="another list: 0 entries for 500 tiles"):
        fetch(service, range(1_500))
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"<!doctype html><title>login</title>", "HTML"),
        (b"", "nothing"),
        (b'{"results": [', "13 bytes"),
        (b'{"results": [{"present": NaN}]}', "31 bytes"),
        (b'{"results": [{"present": true}]} {}', "35 bytes"),
        (b"\xff\xfe{\x00}\x00", "6 bytes"),
        (b'{"results": ' + b"[" * 60_000, "60,012 bytes"),
        (b'{"results": [{"present": true, "more": ' + b'{"a":' * 10_000, "50,039 bytes"),
    ],
)
def test_what_is_no_json_ends_the_run_and_is_named(service: SatelliteService, body: bytes, shown: str) -> None:
    """A login page, a torn body, nesting without end."""
    answering(service, body)
    with pytest.raises(DownloadError, match=rf"inventory of .* answered {shown} instead of JSON"):
        fetch(service)
    assert len(service.asked) == 1


def test_text_that_is_not_utf_8_costs_that_text_alone(service: SatelliteService) -> None:
    """A date in another encoding is none."""
    answering(service, b'{"results": [{"present": true, "imageryDate": "\xfe", "capturedAt": "2026-05-01"}]}')
    (result,) = fetch(service)
    assert isinstance(result, Tile)
    assert result.imagery_date == "2026-05-01"


def test_an_answer_without_end_is_cut_off(service: SatelliteService) -> None:
    """About 1 kB a tile is more than anybody says."""
    answering(service, b'{"results": [' + b" " * 3_000_000)
    with pytest.raises(DownloadError, match="more than 1,024 bytes a tile"):
        fetch(service, range(1_000))


@pytest.mark.parametrize("status", [201, 202, 204, 206, 304])
def test_an_answer_that_is_neither_a_list_nor_a_refusal_ends_the_run(service: SatelliteService, status: int) -> None:
    """It says nothing of a tile."""
    service.instead = lambda _asked: Answer(status=status)
    with pytest.raises(DownloadError, match=f"inventory of .* answered HTTP {status}"):
        fetch(service)


class Scripted:
    """An engine that answers from a list, and its last entry from then on."""

    def __init__(self, replies: list[tuple[int, bytes | None]]) -> None:
        self._replies = chain(replies, repeat(replies[-1]))

    def get(self, request: Request, *, max_bytes: int) -> Reply:
        """Return the next reply."""
        assert msgspec.json.decode(request.body or b"")["tiles"]
        status, body = next(self._replies)
        return Reply(status, {}, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text(max_size=300)
NEARLY_A_ROW = st.fixed_dictionaries(
    {},
    optional={
        "present": st.booleans() | JSON,
        **{name: st.sampled_from([18, 0, 1, 2, 7]) | JSON for name in NAMES},
        "etag": TEXT | JSON,
        "imageryDate": TEXT | JSON,
        "captured_at": TEXT | JSON,
    },
)
ROW = st.fixed_dictionaries({"present": st.booleans()}, optional={"capturedAt": TEXT | JSON, "etag": TEXT | JSON})
ROWS = st.lists(ROW, min_size=3, max_size=3) | st.lists(NEARLY_A_ROW, min_size=1, max_size=4) | JSON
ANSWER = st.fixed_dictionaries({}, optional={"results": ROWS, "tiles": ROWS}) | JSON
PROBLEM = st.fixed_dictionaries(
    {}, optional={"title": TEXT | JSON, "detail": TEXT | JSON, "limit": st.integers(-1, 9) | JSON, "maxItems": JSON}
)
BODY = (ANSWER | PROBLEM).map(lambda document: json.dumps(document).encode()) | st.binary(max_size=40) | st.none()
STATUS = st.sampled_from([200, 200, 200, 204, 304, 400, 404, 409, 413, 415, 422, 451])


@given(replies=st.lists(st.tuples(STATUS, BODY), min_size=1, max_size=6))
def test_whatever_an_inventory_answers_gives_holdings_or_a_download_error(
    replies: list[tuple[int, bytes | None]],
) -> None:
    """In any order of answers and refusals: one holding a tile, or a short error that can be shown; and an end."""
    inventory = Inventory("http://h/i", cast("HttpEngine", Scripted(replies)), host="h", emit=lambda _event: None)
    tiles = [WantedTile(tile(number)) for number in range(3)]
    holdings: list[Holding] = []
    message = ""
    try:
        holdings = inventory.look_up(tiles)
    except DownloadError as error:
        message = error.message
    assert bool(message) != bool(holdings)
    assert message.isprintable()
    assert len(message) < 700
    assert [type(holding) for holding in holdings] == [Holding] * len(tiles if holdings else ())
    assert all(holding.imagery_date is None or holding.imagery_date.isprintable() for holding in holdings)
