"""The provider ``wmts`` against a server that answers as scripted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    Absent,
    ConfigError,
    Corrupt,
    DownloadError,
    NotModified,
    PictureFormat,
    RunContext,
    Secret,
    Tile,
    TileId,
    TileProvider,
    TileResult,
    Unreachable,
    WantedTile,
)
from operator_tool_plugins.tile_providers import wmts
from operator_tool_plugins.tile_providers.wmts.settings import WmtsSettings
from tests.plugins.tile_providers.wmts.documents import arcgis, document, geoserver, layer, limits, matrix_set
from tests.plugins.tile_providers.wmts.service import ANY, KEY, announce, asked_tiles, fetch, provider
from tests.support.tile_server import JPEG, Answer, TileServer, tile_server

TILE = "/{TileMatrix}/{TileRow}/{TileCol}.jpg"
QUOTED_KEY = "canary-key-7f3a%2F%26%3D"


def simple(server: TileServer, **more: Any) -> bytes:
    return document(layer(template=f"{server.url}{TILE}", **more), matrix_set())


def exception(code: str, *, locator: str = "", text: str = "so it is", status: int = 400) -> Answer:
    report = (
        f'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception exceptionCode="{code}"'
        f' locator="{locator}"><ows:ExceptionText>{text}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>'
    )
    return Answer(status=status, body=report.encode(), headers={"Content-Type": "text/xml"})


def said_of_one(server: TileServer, answer: Answer) -> TileResult:
    (result,) = fetch(announce(server, simple(server), lambda _: answer))
    return result


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that meets the Protocol; nothing is asked for it."""
    assert wmts.plugin_settings() is WmtsSettings
    assert isinstance(provider("https://t.example/wmts"), TileProvider)


def test_it_says_of_itself_what_the_service_announces(server: TileServer) -> None:
    """Zooms, box, tile size, formats and whose it is; asked once for all."""
    url = announce(server, arcgis(f"{server.url}/wmts"))
    one = provider(url, matrix_set="default028mm")
    info = one.describe()
    assert info.dataset == f"wmts:{url}:Orthophoto_2024:default:default028mm:image/jpgpng"
    assert (info.min_zoom, info.max_zoom, info.tile_size_px) == (0, 20, 256)
    assert info.bounds_deg == (9.5, 46.4, 17.2, 49.1)
    assert info.formats == (PictureFormat.JPEG, PictureFormat.PNG)
    assert (info.attribution, info.bulk_download, info.synthetic) == ("", None, False)
    assert one.describe() == info
    list(one.fetch(iter([WantedTile(ANY)])))
    assert len(server.asked) == 2


def test_the_settings_have_the_last_word(server: TileServer) -> None:
    """On the data set's name, the attribution and the terms."""
    url = announce(server, document(layer(), matrix_set(), provider="The mapping\tagency"))
    assert provider(url).describe().attribution == "The mapping\\tagency"
    info = provider(url, dataset="spring", attribution="\u00a9 E", bulk_download=False).describe()
    assert (info.dataset, info.attribution, info.bulk_download) == ("spring", "\u00a9 E", False)


def test_other_imagery_is_another_data_set(server: TileServer) -> None:
    """Layer, style, set, format and dimensions each make one; the same choice makes the same."""
    time = "<Dimension><ows:Identifier>Time</ows:Identifier><Default>2024</Default></Dimension>"
    styles = "".join(f"<Style><ows:Identifier>{name}</ows:Identifier></Style>" for name in "xy")
    pieces = [
        layer(name, formats=["image/jpeg", "image/png"], styles=styles, sets=["m", "n"], more=time) for name in "ab"
    ]
    url = announce(server, document(*pieces, matrix_set("m"), matrix_set("n")))
    base: dict[str, Any] = {"layer": "a", "style": "x", "matrix_set": "m", "format": "png"}
    others: list[dict[str, Any]] = [
        {"layer": "b"},
        {"style": "y"},
        {"matrix_set": "n"},
        {"format": "jpeg"},
        {"dimensions": {"TIME": "2023"}},
    ]
    names = [provider(url, **base | other).describe().dataset for other in [{}, {}, *others]]
    assert names[0] == names[1] == f"wmts:{url}:a:x:m:image/png:Time=2024"
    assert len(set(names)) == 1 + len(others)


def test_tiles_are_asked_for_by_row_and_column_from_the_north_west(server: TileServer) -> None:
    """As XYZ counts them; bytes and ETags as they were sent."""
    url = announce(server, simple(server), lambda _: Answer(headers={"ETag": "no-quotes"}))
    assert fetch(url, [TileId(10, 545, 360)]) == [Tile(TileId(10, 545, 360), JPEG, "no-quotes")]
    assert asked_tiles(server) == ["/10/360/545.jpg"]


def test_an_etag_is_sent_back_as_it_came(server: TileServer) -> None:
    """And a 304 is the copy that is held."""
    url = announce(server, simple(server), lambda _: Answer(status=304))
    assert list(provider(url).fetch(iter([WantedTile(ANY, "no-quotes")]))) == [NotModified(ANY)]
    assert server.asked[-1].headers["if-none-match"] == "no-quotes"


def test_a_geoserver_is_asked_by_query_and_for_what_its_layer_has(server: TileServer) -> None:
    """Its limits hold zoom by zoom; outside of them nothing is asked."""
    url = announce(server, geoserver(f"{server.url}/wmts"))
    inside, outside = TileId(9, 261, 181), TileId(9, 261, 184)
    results = {result.id: result for result in fetch(url, [outside, inside, TileId(15, 0, 0), TileId(3, 4, 2)])}
    assert results.pop(inside) == Tile(inside, JPEG)
    assert set(results.values()) == {
        Absent(one, "outside of the limits of the service") for one in (outside, TileId(15, 0, 0), TileId(3, 4, 2))
    }
    (asked,) = asked_tiles(server)
    assert asked == (
        "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=topp:photo&STYLE=&FORMAT=image%2Fjpeg"
        "&TILEMATRIXSET=EPSG:900913&TILEMATRIX=EPSG:900913:9&TILEROW=181&TILECOL=261"
    )


def test_every_tile_has_one_result_however_inside_and_outside_alternate(server: TileServer) -> None:
    """Also when thousands lie outside."""
    url = announce(server, simple(server, limits=limits(("12", 0, 4095, 5, 5))))
    tiles = [TileId(12, x, y) for x in range(700) for y in (4, 5, 6, 7)]
    results = fetch(url, tiles)
    assert sorted(result.id for result in results) == sorted(tiles)
    assert {result.id.y for result in results if isinstance(result, Tile)} == {5}
    assert len(server.asked) == 701


def test_no_more_is_pulled_than_is_worked_on(server: TileServer) -> None:
    """Inside as outside: a request names millions of tiles."""
    url = announce(server, simple(server, limits=limits(("12", 0, 0, 0, 0))))
    pulled = 0

    def endless(y: int) -> Iterator[WantedTile]:
        nonlocal pulled
        while True:
            pulled += 1
            yield WantedTile(TileId(12, 0, y))

    for y, most in ((1, 1_000), (0, 3 + 2 * 2)):
        pulled = 0
        stream = provider(url, max_connections=2).fetch(endless(y))
        assert len(list(islice(stream, 3))) == 3
        stream.close()  # type: ignore[attr-defined]
        assert pulled <= most


def test_a_run_that_is_given_up_ends(server: TileServer) -> None:
    """Also where there is nothing to ask for."""
    url = announce(server, simple(server, limits=limits(("12", 0, 0, 0, 0))))
    context = RunContext(run_id="r", state_dir=Path("unused"))

    def endless() -> Iterator[WantedTile]:
        for y in range(1, 10**9):
            if y == 5_000:
                context.cancelled.set()
            yield WantedTile(TileId(12, 0, y))

    one = wmts.WmtsProvider(WmtsSettings(url=url), context)
    assert len(list(one.fetch(endless()))) == 5_000


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize(
    ("code", "locator"),
    [("TileOutOfRange", ""), ("TileOutOfRange", "TILEROW"), ("InvalidParameterValue", "TileCol")],
)
def test_an_exception_that_says_out_of_range_is_the_service_s_word_that_there_is_no_tile(
    server: TileServer, status: int, code: str, locator: str
) -> None:
    """Whatever the status: it is asked once."""
    result = said_of_one(server, exception(code, locator=locator, status=status))
    assert result == Absent(ANY, "the service says that it is out of range")
    assert len(asked_tiles(server)) == 1


@pytest.mark.parametrize("status", [200, 400, 404, 501])
@pytest.mark.parametrize("locator", ["layer", "STYLE", "Format", "TileMatrixSet", "TIME"])
def test_an_exception_about_what_all_tiles_have_in_common_ends_the_run(
    server: TileServer, status: int, locator: str
) -> None:
    """Asking on would say the same a million times; its text is shown, short and harmless."""
    text = f"no \u202e such {KEY.replace('&', '&amp;')} thing {'x' * 5_000}"
    answer = exception("InvalidParameterValue", locator=locator, text=text, status=status)
    url = announce(server, simple(server), lambda _: answer)
    with pytest.raises(DownloadError) as caught:
        fetch(url, [TileId(10, x, 5) for x in range(500)], max_connections=1, api_key=Secret(KEY))
    assert len(asked_tiles(server)) == 1
    assert not caught.value.retryable
    assert f"InvalidParameterValue ({locator.lower()}): no \\u202e such *** thing xxx" in caught.value.message
    assert len(caught.value.message) < 500


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(("code", "locator"), [("NoApplicableCode", ""), ("InvalidParameterValue", "TileMatrix")])
def test_another_exception_is_of_the_one_tile(server: TileServer, status: int, code: str, locator: str) -> None:
    """It may be had another time."""
    result = said_of_one(server, exception(code, locator=locator, status=status))
    assert isinstance(result, Corrupt)
    assert result.reason.startswith(f"an exception instead of a picture (HTTP {status}): {code}")
    assert result.reason.endswith(": so it is")


def test_statuses_keep_their_meaning_whatever_comes_with_them(server: TileServer) -> None:
    """Not found is absent, a failing server is tried again, a refusal ends the run."""
    assert said_of_one(server, exception("NoApplicableCode", status=404)) == Absent(ANY, "HTTP 404")
    server.asked.clear()
    assert isinstance(said_of_one(server, exception("NoApplicableCode", status=500)), Unreachable)
    assert len(asked_tiles(server)) == 4
    with pytest.raises(DownloadError, match="refused the request"):
        said_of_one(server, exception("TileOutOfRange", status=403))


def test_what_is_no_exception_is_judged_as_of_any_server(server: TileServer) -> None:
    """Pages, other statuses, torn reports."""
    assert said_of_one(server, Answer(status=404, body=b"<html>no")) == Absent(ANY, "HTTP 404")
    assert said_of_one(server, Answer(body=b"<html>")) == Corrupt(ANY, "HTML instead of a picture")
    assert isinstance(said_of_one(server, Answer(status=400, body=b"<ExceptionReport><Exc")), Corrupt)


def test_the_key_goes_where_the_settings_say_and_is_in_no_name(server: TileServer) -> None:
    """In a header by default; in the query of the capabilities and of each tile where the URL has it."""
    url = announce(server, simple(server))
    fetch(url, api_key=Secret(KEY))
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 2
    server.asked.clear()
    one = provider(f"{url}?token={{api_key}}", api_key=Secret(KEY))
    assert one.describe().dataset.startswith(f"wmts:{url}?token={{api_key}}:photo:")
    list(one.fetch(iter([WantedTile(ANY)])))
    assert [asked.path for asked in server.asked] == [
        f"/wmts?token={QUOTED_KEY}&SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0",
        f"/10/360/545.jpg?token={QUOTED_KEY}",
    ]
    assert not any("authorization" in asked.headers for asked in server.asked)


def test_case_042_a_server_that_repeats_the_key_has_it_in_nothing_that_is_said(server: TileServer) -> None:
    """Not in a data set, an attribution, an error, however it is written."""
    named = KEY.replace("&", "&amp;")
    url = announce(server, document(layer(f"a-{named}"), matrix_set(), provider=f"{QUOTED_KEY} Inc."))
    info = provider(f"{url}?token={{api_key}}", api_key=Secret(KEY)).describe()
    assert "canary" not in repr(info)
    assert info.attribution == "*** Inc."
    server.script = lambda _: exception("NoApplicableCode", text=f"wrong {named}")
    with pytest.raises(DownloadError, match=r"NoApplicableCode: wrong \*\*\*"):
        provider(f"{url}?token={{api_key}}", api_key=Secret(KEY)).describe()


def test_case_040_tiles_on_another_host_are_asked_without_the_key_and_only_if_it_is_listed(server: TileServer) -> None:
    """``localhost`` is another host than ``127.0.0.1``."""
    with tile_server() as other:
        elsewhere = f"http://localhost:{other.port}"
        url = announce(server, document(layer(template=f"{elsewhere}{TILE}"), matrix_set()))
        with pytest.raises(ConfigError, match=f"on another host: http://localhost:{other.port}"):
            fetch(url, api_key=Secret(KEY))
        assert other.asked == []
        (result,) = fetch(url, api_key=Secret(KEY), redirect_hosts=("localhost",), headers={"X-Own": "1"})
        assert isinstance(result, Tile)
        (asked,) = other.asked
        assert "authorization" not in asked.headers
        assert "x-own" not in asked.headers


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer(status=404, body=b""), DownloadError, "answered HTTP 404 instead of its capabilities"),
        (Answer(status=403), DownloadError, "refused the request"),
        (Answer(body=b"<html><p>Log in</html>"), ConfigError, "no capabilities document of a WMTS 1.0.0: its root"),
        (Answer(body=JPEG), ConfigError, "no capabilities document of a WMTS 1.0.0: it is not XML"),
        (Answer(body=b"<!DOCTYPE x>" + document(layer())[39:]), ConfigError, "it has a DTD or an entity"),
        (Answer(body=b" " * (17 * 1024 * 1024)), ConfigError, "longer than 16 MiB"),
        (
            exception("InvalidParameterValue", locator="service", text="Only WMS here"),
            DownloadError,
            "an exception instead of its capabilities: InvalidParameterValue (service): Only WMS here",
        ),
    ],
)
def test_capabilities_that_can_t_be_had_or_used_are_said_to_be(
    server: TileServer, answer: Answer, kind: type[Exception], said: str
) -> None:
    """The server's failure or the address's, by the kind of error; only the host is named."""
    server.script = lambda _: answer
    with pytest.raises(kind) as caught:
        provider(f"{server.url}/wmts?k={{api_key}}", api_key=Secret(KEY)).describe()
    assert said in str(caught.value)
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "?" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "settings", "said"),
    [
        ("ftp://t.example/wmts", {}, "scheme 'ftp'"),
        ("https://me:secret@t.example/wmts", {}, "user or a password"),
        ("https://t.example/wmts?token=canary", {}, "a credential"),
        ("https://169.254.169.254/wmts", {}, "link-local"),
        ("https://t.example/wmts?token={api_key}", {}, "wmts.api_key is not set"),
        ("https://t.example/{z}/{x}/{y}.jpg", {}, "placeholder"),
        ("https://{api_key}.example/wmts", {"api_key": Secret(KEY)}, "placeholder"),
        ("http://t.example/wmts", {"api_key": Secret(KEY)}, "sent in the open"),
    ],
)
def test_case_049_settings_that_make_no_sense_are_refused_before_anything_is_sent(
    url: str, settings: dict[str, Any], said: str
) -> None:
    """By the setting's name, without a value that may be secret."""
    with pytest.raises(ConfigError) as caught:
        provider(url, **settings)
    assert said in caught.value.message
    assert "wmts." in caught.value.message
    assert "canary" not in caught.value.message + caught.value.hint


def test_the_settings_convert_from_what_a_configuration_file_holds() -> None:
    """And each is described: the reference is rendered from that."""
    given = {"url": "u", "layer": "a", "matrix_set": "m", "dimensions": {"TIME": "2024"}, "max_rate": 2.5}
    assert msgspec.convert(given, WmtsSettings).dimensions == {"TIME": "2024"}
    for wrong in ({"dimensions": ["TIME"]}, {"layer": 3}, {"colour": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"url": "u", **wrong}, WmtsSettings)
    info = msgspec.inspect.type_info(WmtsSettings)
    assert isinstance(info, msgspec.inspect.StructType)
    for field in info.fields:
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {})["description"], field.name


def test_a_service_is_asked_politely_by_its_own_capabilities_address(server: TileServer) -> None:
    """A document is asked for as it is, with the tool's name and nothing more."""
    announce(server, simple(server))
    provider(f"{server.url}/a/1.0.0/WMTSCapabilities.xml").describe()
    (asked,) = server.asked
    assert asked.path == "/a/1.0.0/WMTSCapabilities.xml"
    assert {name for name in asked.headers if name != "host"} == {"user-agent", "accept", "accept-encoding"}
    assert asked.headers["user-agent"] == "operator-tool/test"


def test_the_announced_extent_is_overruled_by_the_settings(server: TileServer) -> None:
    """Services announce the box of another place beside tiles that are there; the limits don't count then either."""
    box = (
        '<ows:WGS84BoundingBox xmlns:ows="http://www.opengis.net/ows/1.1"><ows:LowerCorner>100 10</ows:LowerCorner>'
        "<ows:UpperCorner>101 11</ows:UpperCorner></ows:WGS84BoundingBox>"
    )
    url = announce(server, simple(server, more=box, limits=limits(("10", 1, 2, 1, 2))))
    told = provider(url).describe()
    assert (told.bounds_deg, told.min_zoom, told.max_zoom) == ((100.0, 10.0, 101.0, 11.0), 10, 10)
    assert "wmts.bounds" in told.extent_hint
    info = provider(url, bounds=(-180.0, -90.0, 180.0, 90.0), max_zoom=12).describe()
    assert (info.bounds_deg, info.min_zoom, info.max_zoom) == ((-180.0, -90.0, 180.0, 90.0), 0, 12)
    assert [type(one) for one in fetch(url)] == [Absent]
    assert [type(one) for one in fetch(url, bounds=(-180.0, -90.0, 180.0, 90.0))] == [Tile]
