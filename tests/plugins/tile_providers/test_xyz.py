"""The provider ``xyz``: a template or a TileJSON document; how it asks is tested with the engine, in ``http/``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    ConfigError,
    DownloadError,
    RunContext,
    Secret,
    Tile,
    TileId,
    TileProvider,
    WantedTile,
)
from operator_tool_plugins.tile_providers import xyz
from tests.support.tile_server import JPEG, Answer, Asked, TileServer, tile_server

KEY = "canary-key-7f3a/&="
TILE = TileId(10, 1, 7)


@pytest.fixture
def server() -> Iterator[TileServer]:
    with tile_server() as running:
        yield running


def provider(url: str, **settings: Any) -> xyz.XyzProvider:
    context = RunContext(run_id="r", state_dir=Path("unused"), user_agent="operator-tool/test")
    return xyz.make_tile_provider(xyz.XyzSettings(url=url, **settings), context)


def documented(server: TileServer, document: object, **settings: Any) -> xyz.XyzProvider:
    """Return a provider of a server whose ``/map.json`` is this document; all else is the picture."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def script(asked: Asked) -> Answer:
        is_document = asked.path.partition("?")[0] == "/map.json"
        return Answer(body=body, headers={"Content-Type": "application/json"}) if is_document else Answer()

    server.script = script
    return provider(server.url + settings.pop("path", "/map.json"), **settings)


def one(made: xyz.XyzProvider, tile: TileId = TILE) -> Any:
    (result,) = made.fetch(iter([WantedTile(tile)]))
    return result


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that meets the Protocol."""
    assert xyz.plugin_settings() is xyz.XyzSettings
    assert isinstance(provider("https://t.example/{z}/{x}/{y}"), TileProvider)


def test_the_data_set_is_the_template_without_the_key() -> None:
    """It names the imagery and holds no secret; a setting overrides it."""
    template = "https://t.example/{z}/{x}/{y}?key={api_key}"
    assert provider(template, api_key=Secret(KEY)).describe().dataset == template
    info = provider(
        template, api_key=Secret(KEY), dataset="spring", min_zoom=3, max_zoom=18, tile_size=512, attribution="© E"
    ).describe()
    assert (info.dataset, info.min_zoom, info.max_zoom, info.tile_size_px) == ("spring", 3, 18, 512)
    assert (info.attribution, info.synthetic, info.bulk_download) == ("© E", False, None)


def test_a_template_is_described_without_asking_the_server(server: TileServer) -> None:
    """A plan of what is held already needs no network."""
    provider(server.template).describe()
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://tile.openstreetmap.org/{z}/{x}/{y}.png", False),
        ("https://a.tile.openstreetmap.org/{z}/{x}/{y}.png", False),
        ("https://tile.openstreetmap.org.example/{z}/{x}/{y}.png", None),
    ],
)
def test_hosts_whose_policy_forbids_to_download_areas_are_known(url: str, allowed: bool | None) -> None:
    """Unless who runs them has allowed it to this operator, who then says so."""
    assert provider(url).describe().bulk_download is allowed
    assert provider(url, bulk_download=True).describe().bulk_download is True


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/é/{z}/{x}/{y}", "/%C3%A9/10/1/7"),
        ("/{z}/{x}/{-y}.jpg", "/10/1/1016.jpg"),
        ("/t{q}.jpg", "/t0000000223.jpg"),
        ("/{z}/{y}/{x}?v=2", "/10/7/1?v=2"),
    ],
)
def test_each_form_of_template_asks_for_the_right_tile(server: TileServer, template: str, path: str) -> None:
    """Rows from the south, a quadkey, the row before the column."""
    assert one(provider(server.url + template)) == Tile(TILE, JPEG)
    assert server.asked[0].path == path


def test_a_tilejson_document_says_where_the_tiles_are_and_what_they_are(server: TileServer) -> None:
    """TileJSON 3.0: templates, zooms, bounds, attribution, version; relative addresses are the document's."""
    made = documented(
        server,
        {
            "tilejson": "3.0.0",
            "tiles": ["tiles/{z}/{x}/{y}.jpg?t=servers-own-token"],
            "minzoom": 2,
            "maxzoom": 30,
            "bounds": [7.0, 47.0, 8.0, 48.0],
            "attribution": "© Somebody",
            "version": "1.2.0",
            "unknown": {"is": "ignored"},
        },
    )
    info = made.describe()
    assert (info.min_zoom, info.max_zoom, info.bounds_deg) == (2, 22, (7.0, 47.0, 8.0, 48.0))
    assert (info.attribution, info.version, info.tile_size_px) == ("© Somebody", "1.2.0", 256)
    assert info.dataset == f"{server.url}/map.json"
    assert one(made) == Tile(TILE, JPEG)
    assert [asked.path for asked in server.asked] == ["/map.json", "/tiles/10/1/7.jpg?t=servers-own-token"]


def test_a_document_that_was_moved_names_its_tiles_from_where_it_lies(server: TileServer) -> None:
    """Else the tiles of a redirected document would be asked for in the wrong place, and pass for absent."""

    def script(asked: Asked) -> Answer:
        if asked.path == "/map.json":
            return Answer(status=302, headers={"Location": "/v2/map.json"})
        return Answer(body=b'{"tiles": ["{z}/{x}/{y}.jpg"]}') if asked.path == "/v2/map.json" else Answer()

    server.script = script
    assert one(provider(server.url + "/map.json")) == Tile(TILE, JPEG)
    assert server.asked[-1].path == "/v2/10/1/7.jpg"


def test_a_tilejson_of_scheme_tms_counts_rows_from_the_south(server: TileServer) -> None:
    """As its scheme says."""
    one(documented(server, {"tiles": ["/{z}/{x}/{y}.jpg"], "scheme": "tms"}))
    assert server.asked[1].path == "/10/1/1016.jpg"


def test_several_templates_of_a_tilejson_are_asked_in_turn(server: TileServer) -> None:
    """A tile keeps its own, so that caches on the way know it again."""
    made = documented(server, {"tiles": ["/a/{z}/{x}/{y}.jpg", "/b/{z}/{x}/{y}.jpg"]}, max_connections=1)
    list(made.fetch(iter([WantedTile(TileId(10, x, 7)) for x in range(4)])))
    assert [asked.path[:3] for asked in server.asked[1:]] == ["/b/", "/a/", "/b/", "/a/"]


def test_the_key_goes_with_the_document_and_the_tiles_and_into_no_data_set(server: TileServer) -> None:
    """In the query where the address says so, else in the header."""
    made = documented(server, {"tiles": ["/{z}/{x}/{y}"]}, api_key=Secret(KEY))
    assert "canary" not in made.describe().dataset
    one(made)
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 2
    server.asked.clear()
    made = documented(server, {"tiles": ["/{z}/{x}/{y}"]}, api_key=Secret(KEY), path="/map.json?key={api_key}")
    assert made.describe().dataset == f"{server.url}/map.json?key={{api_key}}"
    assert server.asked[0].path == "/map.json?key=canary-key-7f3a%2F%26%3D"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"<html>", "not TileJSON"),
        (b"[" * 100_000, "not TileJSON"),
        (b'{"tiles": ["\xff"]}', "not TileJSON"),
        ({"tiles": []}, "names no tiles"),
        ({"tiles": "x"}, "not TileJSON"),
        ({"tiles": ["/{z}/{x}/{y}.pbf"]}, "vector"),
        ({"tiles": ["/{z}/{x}/{y}"], "format": "mvt"}, "vector"),
        ({"tiles": ["/{z}/{x}/{y}"], "vector_layers": [{"id": "roads"}]}, "vector"),
        ({"tiles": ["/{z}/{x}/{y}"], "minzoom": 9, "maxzoom": 8}, "zooms 9 to 8"),
        ({"tiles": ["/{z}/{x}/{y}"], "scheme": "odd"}, "'odd'"),
        ({"tiles": ["/{z}/{x}/{y}"], "tileSize": -5}, "-5 pixels"),
        ({"tiles": ["/{z}/{x}/{y}/{evil}"]}, "{evil}"),
        ({"tiles": ["http://elsewhere.example/{z}/{x}/{y}"]}, "another host"),
        ({"tiles": ["file:///etc/{z}/{x}/{y}"]}, "'file'"),
        ({"tiles": ["http://169.254.169.254/{z}/{x}/{y}"]}, "link-local"),
        ({"tiles": ["http://[::1/{z}/{x}/{y}"]}, "not a URL"),
    ],
)
def test_case_049_a_document_that_can_not_be_used_is_refused_with_the_reason(
    server: TileServer, document: object, says: str
) -> None:
    """Whatever a server sends, it is an error of the configuration, and nothing else is asked."""
    with pytest.raises(ConfigError) as caught:
        documented(server, document).describe()
    assert says in caught.value.message
    assert len(server.asked) == 1


def test_a_document_that_is_not_there_is_an_error_of_the_download(server: TileServer) -> None:
    """It may be there tomorrow; a refusal of the key is said as one."""
    server.script = lambda _asked: Answer(status=404)
    with pytest.raises(DownloadError, match="HTTP 404 instead of a TileJSON"):
        provider(server.url + "/map.json").describe()
    server.script = lambda _asked: Answer(status=401)
    with pytest.raises(DownloadError, match="refused") as caught:
        provider(server.url + "/map.json").describe()
    assert not caught.value.retryable


def test_tiles_of_a_listed_host_are_asked_without_the_key(server: TileServer) -> None:
    """The document's server may keep its tiles elsewhere."""
    with tile_server() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost") + "/{z}/{x}/{y}?k={api_key}"
        made = documented(server, {"tiles": [elsewhere]}, api_key=Secret(KEY), redirect_hosts=("localhost",))
        assert one(made) == Tile(TILE, JPEG)
        assert "authorization" not in other.asked[0].headers
        assert other.asked[0].path == "/10/1/7?k="


def test_what_a_document_announces_is_overruled_by_the_settings(server: TileServer) -> None:
    """A wrong extent has a way round, and the reason for what is not asked for names it."""
    document = {"tiles": ["/{z}/{x}/{y}"], "bounds": [7, 47, 8, 48], "minzoom": 3, "maxzoom": 9}
    told = documented(server, document).describe()
    assert (told.min_zoom, told.max_zoom, told.bounds_deg) == (3, 9, (7.0, 47.0, 8.0, 48.0))
    assert "xyz.bounds" in told.extent_hint
    info = documented(server, document, bounds=(-180.0, -90.0, 180.0, 90.0), max_zoom=18).describe()
    assert (info.min_zoom, info.max_zoom, info.bounds_deg) == (3, 18, (-180.0, -90.0, 180.0, 90.0))
    with pytest.raises(ConfigError):
        documented(server, document, min_zoom=12).describe()


@pytest.mark.parametrize("bounds", [(8.0, 47.0, 8.0, 48.0), (7.0, 48.0, 8.0, 47.0), (0.0, 0.0, 400.0, 1.0)])
def test_bounds_of_the_settings_that_are_no_ground_are_refused(bounds: tuple[float, float, float, float]) -> None:
    """They are used strictly, other than those that a server announces."""
    with pytest.raises(ConfigError) as caught:
        provider("https://t.example/{z}/{x}/{y}", bounds=bounds)
    assert "xyz.bounds" in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example/{z}/{x}/{y}.pbf",
        "https://t.example/{z}/{x}/{y}.mvt?v=2",
        "https://t.example/{z}/{x}/{y}.MLT",
        "https://t.example/{z}/{x}/{y}@2x.avif",
        "https://t.example/{z}/{x}/{y}.vector.pbf",
        "https://t.example/{z}/{x}/{y}.json",
        "https://t.example/{z}/{x}/{y}.gif",
        "https://t.example/wmts/epsg4326/best/{z}/{y}/{x}.jpg",
        "https://t.example/{z}/{y}/{x}?tileMatrixSet=WorldCRS84Quad",
    ],
)
def test_a_template_of_what_can_not_be_used_is_refused_before_anything_is_asked(url: str) -> None:
    """Vector tiles, other kinds of pictures and another projection, by what the address says."""
    with pytest.raises(ConfigError):
        provider(url)


def test_the_operator_answers_for_the_projection_of_an_address() -> None:
    """A word in a path may be no projection: then it is a note."""
    made = provider("https://t.example/epsg4326/{z}/{x}/{y}.jpg", projection="web-mercator")
    assert len(made.describe().notes) == 1


def test_zooms_the_wrong_way_round_are_refused() -> None:
    """The message names both settings."""
    with pytest.raises(ConfigError, match=r"xyz\.min_zoom is 9, above xyz\.max_zoom, 8"):
        provider("https://t.example/{z}/{x}/{y}", min_zoom=9, max_zoom=8)


def test_every_setting_is_described_and_its_default_is_kind() -> None:
    """The reference is rendered from the descriptions; a public server is not overrun by default."""
    settings = msgspec.inspect.type_info(xyz.XyzSettings)
    assert isinstance(settings, msgspec.inspect.StructType)
    for field in settings.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {})["description"], field.name
    assert xyz.XyzSettings(url="u").max_connections == 6


def test_the_settings_convert_from_what_a_configuration_file_holds() -> None:
    """Bounds are checked where the values come in."""
    given = {"url": "u", "max_rate": 2.5, "subdomains": ["a"], "headers": {"Referer": "r"}}
    assert msgspec.convert(given, xyz.XyzSettings).max_rate == 2.5
    for wrong in (
        {"max_rate": 0.0},
        {"max_connections": 0},
        {"max_zoom": 23},
        {"no_tile_sha256": ["a"]},
        {"colour": 1},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"url": "u", **wrong}, xyz.XyzSettings)
