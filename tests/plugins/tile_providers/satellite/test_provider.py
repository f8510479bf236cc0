"""The provider ``satellite`` against a real service: what it is, and what it gives for each tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    Event,
    Notice,
    NotModified,
    PictureFormat,
    RunContext,
    Secret,
    Tile,
    TileProvider,
    Unreachable,
)
from operator_tool_plugins.tile_providers import satellite
from tests.plugins.tile_providers.satellite.asking import (
    TOKEN,
    body_of,
    counts,
    fetch,
    noting,
    provider,
    tile,
    wanted,
)
from tests.support.satellite_service import INVENTORY_PATH, Answer, SatelliteService, etag_of, picture_of, problem


def made(**settings: Any) -> satellite.SatelliteProvider:
    """Return a provider that asks nobody."""
    given = msgspec.convert({"url": "https://s.example", **settings}, satellite.SatelliteSettings)
    return satellite.make_tile_provider(given, RunContext(run_id="r", state_dir=Path("unused")))


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that meets the Protocol."""
    assert satellite.plugin_settings() is satellite.SatelliteSettings
    assert isinstance(made(), TileProvider)


def test_it_describes_itself_without_asking_and_without_a_secret() -> None:
    """The data set is where the tiles are; settings override what is known of services like this."""
    info = provider(SatelliteService(port=1), api_key=Secret(TOKEN)).describe()
    assert info.dataset == "http://127.0.0.1:1/tiles/{z}/{x}/{y}"
    assert (info.min_zoom, info.max_zoom, info.tile_size_px, info.formats) == (15, 19, 256, (PictureFormat.JPEG,))
    other = made(dataset="spring", min_zoom=3, max_zoom=18, tile_size=512, attribution="© E", bulk_download=True)
    info = other.describe()
    assert (info.dataset, info.min_zoom, info.max_zoom, info.tile_size_px) == ("spring", 3, 18, 512)
    assert (info.attribution, info.bulk_download) == ("© E", True)


def test_a_base_address_may_have_a_path_and_a_slash_at_its_end() -> None:
    """The paths follow it."""
    assert made(url="https://s.example/v2/").describe().dataset == "https://s.example/v2/tiles/{z}/{x}/{y}"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "http://s.example", "api_key": Secret(TOKEN)}, "satellite.url"),
        ({"url": "https://me:canary@s.example"}, "satellite.url"),
        ({"url": "https://s.example/?token=canary"}, "satellite.url"),
        ({"url": "https://s.example/?a=b"}, "satellite.url"),
        ({"url": "https://s.example/{z}/{x}/{y}"}, "satellite.url"),
        ({"url": "ftp://s.example"}, "satellite.url"),
        ({"tiles_path": "/tiles/{z}/{x}"}, "satellite.tiles_path"),
        ({"tiles_path": "/{z}/{x}/{y}?key={api_key}", "api_key": Secret(TOKEN)}, "satellite.tiles_path"),
        ({"inventory_path": "/in ventory"}, "satellite.inventory_path"),
        ({"min_zoom": 18, "max_zoom": 17}, "satellite.min_zoom"),
        ({"headers": {"Authorization": "Bearer canary"}}, "satellite.headers"),
    ],
)
def test_settings_that_make_no_sense_or_would_give_a_secret_away_are_refused(
    settings: dict[str, Any], named: str
) -> None:
    """Before anything is sent, by the setting's name, and without repeating a value."""
    with pytest.raises(ConfigError) as caught:
        satellite.SatelliteProvider(
            satellite.SatelliteSettings(**{"url": "https://s.example", **settings}),
            RunContext(run_id="r", state_dir=Path("unused")),
        )
    assert named in caught.value.message
    assert "canary" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("wrong", [{"tiles_path": "tiles/{z}/{x}/{y}"}, {"inventory_path": "x"}, {"min_zoom": -1}])
def test_a_path_that_would_become_part_of_the_host_is_refused(wrong: dict[str, Any]) -> None:
    """Where the values come in, as all bounds are."""
    with pytest.raises(msgspec.ValidationError):
        made(**wrong)


def test_every_setting_is_described() -> None:
    """The reference is rendered from the descriptions."""
    settings = msgspec.inspect.type_info(satellite.SatelliteSettings)
    assert isinstance(settings, msgspec.inspect.StructType)
    for field in settings.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {})["description"], field.name


def test_tiles_come_as_they_were_sent_after_one_look_into_the_inventory(service: SatelliteService) -> None:
    """Bytes and ETag are the service's; one call of the inventory is enough for the batch."""
    results = fetch(service, range(50))
    assert sorted(results, key=lambda result: result.id) == [
        Tile(tile(number), picture_of(tile(number)), etag_of(tile(number))) for number in range(50)
    ]
    assert counts(service) == [50]
    assert service.asked[0].path == INVENTORY_PATH


def test_the_inventory_is_asked_in_json_with_the_token(service: SatelliteService) -> None:
    """Both requests bear it, and say who asks; the body is of the newer form."""
    service.token = TOKEN
    assert isinstance(fetch(service, api_key=Secret(TOKEN))[0], Tile)
    asked, got = service.asked
    assert body_of(asked) == {"tiles": [{"z": 18, "x": 0, "y": 7}]}
    assert asked.headers["content-type"] == "application/json"
    for one in (asked, got):
        assert one.headers["authorization"] == f"Bearer {TOKEN}"
        assert one.headers["user-agent"] == "operator-tool/test"
    assert "content-type" not in got.headers


def test_other_paths_are_asked_where_the_settings_say_so(service: SatelliteService) -> None:
    """A service behind a gateway has its own."""
    service.instead = lambda asked: (
        Answer(body=b'{"results": [{"present": true}]}') if asked.method == "POST" else Answer(body=picture_of(tile(0)))
    )
    results = fetch(service, tiles_path="/v2/{z}-{x}-{y}.jpg?style=day", inventory_path="/v2/inventory")
    assert results == [Tile(tile(0), picture_of(tile(0)))]
    assert [asked.path for asked in service.asked] == ["/v2/inventory", "/v2/18-0-7.jpg?style=day"]


def test_a_tile_that_is_not_in_the_inventory_is_absent_and_not_asked_for(service: SatelliteService) -> None:
    """By the service's own word."""
    service.holds = lambda tile: tile.x % 4 == 0
    results = fetch(service, range(40))
    assert {result.id.x for result in results if isinstance(result, Tile)} == set(range(0, 40, 4))
    assert [r for r in results if r.id.x == 1] == [Absent(tile(1), "not in the inventory")]
    assert len(results) == 40
    assert len(service.tile_calls) == 10


def test_a_tile_that_is_gone_although_the_inventory_has_it_is_absent(service: SatelliteService) -> None:
    """The answer for the tile itself counts."""
    service.instead = lambda asked: problem(404, "Gone", "") if asked.method == "GET" else None
    assert fetch(service) == [Absent(tile(0), "HTTP 404")]


@pytest.mark.parametrize("name", ["imageryDate", "imagery_date", "capturedAt", "captured_at"])
def test_the_date_of_the_imagery_is_the_inventory_s(service: SatelliteService, name: str) -> None:
    """By any of the names that services have for it, as it is given, each tile's own."""
    service.also_says = lambda tile: {name: f"2026-05-{tile.x + 10}T10:00:00Z"}
    results = fetch(service, range(20))
    assert {r.id.x: r.imagery_date for r in results if isinstance(r, Tile)} == {
        number: f"2026-05-{number + 10}T10:00:00Z" for number in range(20)
    }


@pytest.mark.parametrize("odd", [None, 1714557600, "", "2026\x1b[31m", "2026-05-01" + " " * 80, ["2026"], {"a": "b"}])
def test_a_date_that_is_none_is_left_out(service: SatelliteService, odd: object) -> None:
    """The picture counts all the same, and another name's date is taken."""
    service.also_says = lambda _tile: {"imageryDate": odd}
    assert [r.imagery_date for r in fetch(service) if isinstance(r, Tile)] == [None]
    service.also_says = lambda _tile: {"imageryDate": odd, "capturedAt": "2026-05"}
    assert [r.imagery_date for r in fetch(service) if isinstance(r, Tile)] == ["2026-05"]


def test_a_date_survives_that_the_tile_is_asked_for_again(service: SatelliteService) -> None:
    """A failure between the inventory and the picture loses nothing."""
    service.also_says = lambda _tile: {"capturedAt": "2026-05-01"}
    service.instead = lambda asked: (
        problem(500, "Oops", "") if asked.method == "GET" and len(service.tile_calls) < 3 else None
    )
    (result,) = fetch(service)
    assert isinstance(result, Tile)
    assert result.imagery_date == "2026-05-01"


def test_a_copy_that_the_inventory_confirms_is_not_modified_and_not_asked_for(service: SatelliteService) -> None:
    """The inventory's ETag is that of the copy that is held."""
    service.also_says = lambda tile: {"etag": etag_of(tile)}
    held = provider(service).fetch(wanted([3], etag_of(tile(3))))
    assert list(held) == [NotModified(tile(3))]
    assert service.tile_calls == []
    outdated = provider(service).fetch(wanted([3], '"old"'))
    assert [type(result) for result in outdated] == [Tile]
    assert [type(result) for result in fetch(service)] == [Tile]


def test_a_copy_that_the_tile_s_answer_confirms_is_not_modified(service: SatelliteService) -> None:
    """Where the inventory says nothing of it, the ETag goes out with the request for the tile."""
    assert list(provider(service).fetch(wanted([3], etag_of(tile(3))))) == [NotModified(tile(3))]
    assert service.tile_calls[0].headers["if-none-match"] == etag_of(tile(3))


def test_a_service_without_an_inventory_is_asked_for_each_tile(service: SatelliteService) -> None:
    """It is noted once, and asked once in the provider's life."""
    service.instead = lambda asked: problem(404, "Not Found", "") if asked.method == "POST" else None
    service.holds = lambda tile: tile.x != 2
    events: list[Event] = []
    asking = provider(service, context=noting(events))
    for _ in range(2):
        results = list(asking.fetch(wanted(range(5))))
        assert sorted(type(result).__name__ for result in results) == ["Absent", *["Tile"] * 4]
    assert events == [Notice(text=f"127.0.0.1:{service.port} has no inventory (HTTP 404): each tile is asked for")]
    assert len(service.inventory_calls) == 1


@pytest.mark.parametrize("status", [404, 405, 410])
def test_the_answers_that_mean_that_there_is_no_inventory(service: SatelliteService, status: int) -> None:
    """The whole batch is asked for by itself."""
    service.instead = lambda asked: problem(status, "No", "") if asked.method == "POST" else None
    assert [type(result) for result in fetch(service, range(30))] == [Tile] * 30


def test_an_empty_inventory_path_means_that_there_is_none(service: SatelliteService) -> None:
    """Nobody is asked for it, and nothing is noted."""
    events: list[Event] = []
    results = list(provider(service, context=noting(events), inventory_path="").fetch(wanted(range(30))))
    assert [type(result) for result in results] == [Tile] * 30
    assert (service.inventory_calls, events) == ([], [])


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("status", [401, 403])
def test_case_041_a_refusal_of_all_ends_the_run_soon_and_shows_no_key(
    service: SatelliteService, method: str, status: int
) -> None:
    """Of the inventory and of all tiles alike: not asked again, not retryable, and no key that the service repeats."""
    service.instead = lambda asked: problem(status, TOKEN, TOKEN) if asked.method == method else None
    with pytest.raises(DownloadError, match=f"127.0.0.1:{service.port} refused .*{status}") as caught:
        fetch(service, range(2_000), api_key=Secret(TOKEN))
    assert not caught.value.retryable
    assert "api_key" in caught.value.hint
    assert ("inventory" in caught.value.message) == (method == "POST")
    assert "canary" not in repr(caught.value) + caught.value.hint
    assert len([asked for asked in service.asked if asked.method == method]) <= 18


def test_a_service_that_has_too_much_to_do_is_waited_for(service: SatelliteService) -> None:
    """A 503, of the inventory and of a tile, costs a pause and no tile."""
    seen: list[str] = []

    def busy(path: str) -> Answer | None:
        seen.append(path)
        return Answer(status=503, headers={"Retry-After": "0"}) if seen.count(path) == 1 else None

    service.instead = lambda asked: busy(asked.path)
    assert [type(result) for result in fetch(service, range(3))] == [Tile] * 3
    assert len(service.inventory_calls) == 2


def test_case_037_an_inventory_that_asks_to_wait_for_days_ends_the_run(service: SatelliteService) -> None:
    """Nobody waits for that; the message says how long."""
    service.instead = lambda _asked: Answer(status=503, headers={"Retry-After": "999999"})
    with pytest.raises(DownloadError, match=r"inventory .*999,999 s") as caught:
        fetch(service)
    assert caught.value.retryable


def test_case_038_an_inventory_that_keeps_failing_ends_the_run_to_be_run_again(service: SatelliteService) -> None:
    """After a few tries; no tile is asked for without knowing."""
    service.instead = lambda asked: problem(500, "Oops", "") if asked.method == "POST" else None
    with pytest.raises(DownloadError, match=r"inventory .*HTTP 500; tried 4 times") as caught:
        fetch(service)
    assert caught.value.retryable
    assert service.tile_calls == []


def test_case_033_what_is_no_picture_is_not_given_on(service: SatelliteService) -> None:
    """A tile's own faults are told of as those of any server."""
    service.instead = lambda asked: Answer(body=b'{"error": "quota"}') if asked.method == "GET" else None
    (result,) = fetch(service)
    assert isinstance(result, Corrupt)
    service.instead = lambda asked: problem(500, "Oops", "") if asked.method == "GET" else None
    (result,) = fetch(service)
    assert isinstance(result, Unreachable)


def test_case_040_an_inventory_that_redirects_elsewhere_is_not_followed(service: SatelliteService) -> None:
    """Whoever is there sees neither the token nor where the drone flies."""
    service.instead = lambda _asked: Answer(status=307, headers={"Location": "http://127.0.0.1:9/secret"})
    with pytest.raises(DownloadError, match="redirects") as caught:
        fetch(service, api_key=Secret(TOKEN))
    assert "secret" not in caught.value.message
