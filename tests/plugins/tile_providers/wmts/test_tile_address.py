"""Where tiles are asked for, and who may send the tool there."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from operator_tool.api import ConfigError, Secret
from operator_tool_plugins.tile_providers._http.site import Site
from operator_tool_plugins.tile_providers.wmts.capabilities import read_capabilities
from operator_tool_plugins.tile_providers.wmts.choice import choose
from operator_tool_plugins.tile_providers.wmts.server_words import ServerWords
from operator_tool_plugins.tile_providers.wmts.settings import WmtsSettings
from operator_tool_plugins.tile_providers.wmts.tile_address import TileAddress, capabilities_url, tile_address
from operator_tool_plugins.tile_providers.wmts.xml_parts import BadXmlError
from tests.plugins.tile_providers.wmts.documents import arcgis, document, geoserver, layer, matrix_set

KEY = "canary-key-7f3a/&="
QUOTED_KEY = "canary-key-7f3a%2F%26%3D"
TILE = "/{TileMatrix}/{TileRow}/{TileCol}.jpg"
URL = "https://t.example/wmts"


def address(capabilities: bytes, url: str = URL, **settings: Any) -> TileAddress:
    """Return the address that is chosen of a document's."""
    chosen = WmtsSettings(url=url, **settings)
    words = ServerWords(chosen.api_key)
    found = read_capabilities(capabilities)
    choice = choose(found, chosen, host="t.example", words=words)
    site = Site.of("wmts", url, chosen, key_in_url="{api_key}" in url)
    return tile_address(choice, found, url=url, site=site, words=words)


def tile_url(capabilities: bytes, url: str = URL, **settings: Any) -> str:
    """Return the URL of the tile in column 5 and row 9 of the matrix 07."""
    return address(capabilities, url, **settings).url("07", 5, 9, QUOTED_KEY)


def by_template(template: str, **more: Any) -> bytes:
    return document(layer(template=template, **more), matrix_set())


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://t.example/wmts", "https://t.example/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"),
        (
            "https://t.example?map=/a.map&k={api_key}",
            "https://t.example?map=/a.map&k={api_key}&SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0",
        ),
        (
            "https://t.example/?request=getCapabilities&service=wmts",
            "https://t.example/?request=getCapabilities&service=wmts&VERSION=1.0.0",
        ),
        ("https://t.example/1.0.0/WMTSCapabilities.xml", "https://t.example/1.0.0/WMTSCapabilities.xml"),
        ("https://t.example/a/WMTSCapabilities.XML?v=2", "https://t.example/a/WMTSCapabilities.XML?v=2"),
        ("https://t.example/gwc/rest/WMTSCapabilities", "https://t.example/gwc/rest/WMTSCapabilities"),
    ],
)
def test_a_service_is_asked_for_its_capabilities_and_a_document_for_itself(url: str, asked: str) -> None:
    """What the operator wrote stays as it is."""
    assert capabilities_url(url) == asked


def test_a_template_is_filled_with_the_names_that_were_chosen() -> None:
    """Placeholders in any case, names quoted, dimensions too; also in the query."""
    time = "<Dimension><ows:Identifier>Time</ows:Identifier><Default>2024-01-01/P1D</Default></Dimension>"
    template = (
        "https://t.example/{Layer}/{style}/{TIME}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.jpg?f=image/jpeg"
    )
    asked = by_template(template, more=time).replace(b">photo<", b">a b/&#246;<")
    assert tile_url(asked) == (
        "https://t.example/a%20b%2F%C3%B6/default/2024-01-01%2FP1D/webmercator/07/9/5.jpg?f=image/jpeg"
    )


def test_a_query_has_all_that_the_standard_asks_for() -> None:
    """The address's own parameters stay, unless they are a tile's."""
    time = "<Dimension><ows:Identifier>Time</ows:Identifier><Default>2024</Default></Dimension>"
    asked = document(layer(more=time), matrix_set(), kvp="https://t.example/cgi?map=/a.map&amp;request=GetTile&amp;")
    assert tile_url(asked) == (
        "https://t.example/cgi?map=/a.map&SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=photo&STYLE=default"
        "&FORMAT=image%2Fjpeg&TILEMATRIXSET=webmercator&Time=2024&TILEMATRIX=07&TILEROW=9&TILECOL=5"
    )


def test_a_template_is_preferred_to_a_query() -> None:
    """Caches between know it again."""
    both = document(layer(template=f"https://t.example{TILE}"), matrix_set(), kvp="https://t.example/kvp?")
    assert tile_url(both) == "https://t.example/07/9/5.jpg"


@pytest.mark.parametrize(
    "template",
    [
        "https://t.example/{TileMatrix}/{TileRow}/0.jpg",
        "https://t.example/{Unknown}" + TILE,
        "https://{TileMatrix}.t.example" + TILE,
        "https://{Layer}.t.example" + TILE,
        "https://[t.example" + TILE,
        "//[::1" + TILE,
        "https://t.example/#" + TILE,
    ],
)
def test_a_template_that_does_not_name_each_tile_is_passed_over(template: str) -> None:
    """For a query where there is one; without one, that is said."""
    with_query = document(layer(template=template), matrix_set(), kvp="https://t.example/kvp?")
    assert tile_url(with_query).startswith("https://t.example/kvp?SERVICE=WMTS")
    with pytest.raises(ConfigError, match="announces no address"):
        address(by_template(template))


def test_a_template_of_another_format_is_not_taken() -> None:
    """The one of the chosen format is."""
    formats = by_template(f"https://t.example/jpg{TILE}", formats=["image/jpeg", "image/png"])
    with pytest.raises(ConfigError, match=r"no address for tiles of the layer 'photo' in the format 'image/png'"):
        address(formats, format="png")
    assert tile_url(formats, format="jpeg") == "https://t.example/jpg/07/9/5.jpg"


def test_a_service_that_announces_no_address_is_asked_where_it_was_found() -> None:
    """Where that is a service; a document can't answer with tiles."""
    silent = document(layer(), matrix_set())
    assert tile_url(silent).startswith(f"{URL}?SERVICE=WMTS&REQUEST=GetTile&")
    with pytest.raises(ConfigError, match="announces no address"):
        address(silent, f"{URL}/WMTSCapabilities.xml")


def test_arcgis_and_geoserver_are_asked_as_they_announce() -> None:
    """ArcGIS by its template; GeoServer's wants a style in the path, and this one's has no name: by a query."""
    assert tile_url(arcgis(URL), matrix_set="default028mm") == (
        f"{URL}/tile/1.0.0/Orthophoto_2024/default/default028mm/07/9/5"
    )
    assert tile_url(geoserver(URL)).startswith(
        f"{URL}?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=topp:photo&STYLE=&"
    )


def test_an_address_may_be_relative_and_in_any_script() -> None:
    """What goes to the wire is ASCII."""
    assert tile_url(by_template(f"tiles/\u5f71\u50cf{TILE}")) == "https://t.example/tiles/%E5%BD%B1%E5%83%8F/07/9/5.jpg"
    torn = by_template(f"https://t.example/a b&#13;&#10;X-Evil: 1{TILE}")
    assert tile_url(torn) == "https://t.example/a%20b%0D%0AX-Evil:%201/07/9/5.jpg"
    assert capabilities_url("https://t.example/\u5f71.xml") == "https://t.example/%E5%BD%B1.xml"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        (f"https://other.example{TILE}", "https://other.example:443"),
        (f"https://t.example:8443{TILE}", "https://t.example:8443"),
        (f"http://t.example:8080{TILE}", "http://t.example:8080"),
        (f"http://169.254.169.254{TILE}", "http://169.254.169.254:80"),
        (f"https://t.example.evil.example{TILE}", "https://t.example.evil.example:443"),
        (f"https://t.example@evil.example{TILE}", "no http address"),
        (f"file:///etc/passwd{TILE}", "no http address"),
        (f"javascript:alert(1){TILE}", "no http address"),
    ],
)
def test_case_040_049_another_host_is_not_asked_and_is_named(foreign: str, shown: str) -> None:
    """By its host alone; the hint says how to allow it."""
    with pytest.raises(ConfigError) as caught:
        address(by_template(foreign))
    assert caught.value.message == f"the tiles of the layer 'photo' of t.example are on another host: {shown}"
    assert "wmts.redirect_hosts" in caught.value.hint


def test_case_040_a_host_that_is_listed_is_asked_without_the_key() -> None:
    """Neither in the URL nor in a header, even if the service writes a place for it."""
    elsewhere = by_template(f"https://cdn.example{TILE}?k={{api_key}}")
    found = address(elsewhere, f"{URL}?key={{api_key}}", api_key=Secret(KEY), redirect_hosts=("cdn.example",))
    assert not found.is_own
    assert found.url("07", 5, 9, QUOTED_KEY) == "https://cdn.example/07/9/5.jpg?k="
    with pytest.raises(ConfigError, match="another host"):
        address(by_template(f"http://cdn.example{TILE}"), redirect_hosts=("cdn.example",))
    with pytest.raises(ConfigError, match="another host"):
        address(
            by_template(f"https://cdn.example/{QUOTED_KEY}{TILE}"),
            api_key=Secret(KEY),
            redirect_hosts=("cdn.example",),
        )


def test_the_first_address_that_may_be_asked_is_taken() -> None:
    """A service with a template elsewhere and a query at home is asked at home."""
    both = document(layer(template=f"https://cdn.example{TILE}"), matrix_set(), kvp=f"{URL}?")
    assert tile_url(both).startswith(f"{URL}?SERVICE=WMTS")
    assert tile_url(both, redirect_hosts=("cdn.example",)) == "https://cdn.example/07/9/5.jpg"


@pytest.mark.parametrize("announced", ["http://t.example", "http://T.example:80", "http://t.example:443"])
def test_a_service_by_https_that_announces_itself_as_http_is_asked_by_https(announced: str) -> None:
    """As services behind a proxy do; the other way round is another origin, and the operator's to decide."""
    assert tile_url(by_template(f"{announced}{TILE}")) == "https://t.example/07/9/5.jpg"
    at_a_port = tile_url(by_template(f"http://t.example:8443{TILE}"), "https://t.example:8443/wmts")
    assert at_a_port == "https://t.example:8443/07/9/5.jpg"
    with pytest.raises(ConfigError, match=r"another host: https://t\.example:443"):
        address(by_template(f"https://t.example{TILE}"), "http://t.example/wmts")


def test_the_key_of_the_query_goes_to_every_tile_of_the_site_and_no_other() -> None:
    """Once, by the name that the operator gave, unless the service has put it there itself."""
    url = f"{URL}?v=2&token={{api_key}}"
    given = {"api_key": Secret(KEY)}
    at_home = by_template(f"https://t.example{TILE}?w=1")
    assert tile_url(at_home, url, **given) == f"https://t.example/07/9/5.jpg?w=1&token={QUOTED_KEY}"
    embedded = by_template(f"https://t.example{TILE}?TOKEN=own")
    assert tile_url(embedded, url, **given) == "https://t.example/07/9/5.jpg?TOKEN=own"
    silent = document(layer(), matrix_set())
    assert tile_url(silent, url, **given).count(QUOTED_KEY) == 1
    elsewhere = by_template(f"https://cdn.example{TILE}")
    assert KEY[:6] not in tile_url(elsewhere, url, **given, redirect_hosts=("cdn.example",))


def test_the_address_itself_holds_no_key() -> None:
    """It may be shown and logged; the URL of a tile may not."""
    assert "canary" not in repr(address(by_template(TILE), f"{URL}?k={{api_key}}", api_key=Secret(KEY)))


@given(
    st.text(st.sampled_from("/:[]@?#&%{}.\\;=~ \r\u00e9") | st.characters(codec="ascii", categories=["L", "N"])),
    st.sampled_from(["", "https:", "https://", "https://t.example", "//t.example", "http://t.example"]),
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_case_049_whatever_a_service_announces_its_own_host_is_asked_or_none(text: str, start: str) -> None:
    """In ASCII without spaces, and every other way of writing it ends in an error of ours."""
    template = escape(f"{start}{text}{TILE}".replace("\r", "&#13;"), {'"': "&quot;", "&amp;#13;": "&#13;"})
    with contextlib.suppress(ConfigError):
        url = tile_url(by_template(template))
        assert re.match(r"https://t\.example(:(443)?)?[/?]", url, re.IGNORECASE)
        assert re.fullmatch(r"[\x21-\x7e]+", url)


WRONG = [
    "",
    "1e999",
    "-1",
    "nan",
    "[",
    "{",
    "}",
    "//",
    "@",
    ":",
    "9" * 400,
    "1e308",
    "5e-324",
    "1 2 3",
    "https://[",
    "%",
]


@given(st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_a_document_with_wrong_words_in_it_is_used_or_refused(data: st.DataObject) -> None:
    """Whatever stands in an element or an attribute, the error is one of ours."""
    text, chosen = data.draw(st.sampled_from([(arcgis(URL), {"matrix_set": "default028mm"}), (geoserver(URL), {})]))
    document_text = text.decode()
    spots = list(re.finditer(r'(?<=>)[^<>]+(?=<)|(?<==")[^"<>]*(?=")', document_text))
    spot = data.draw(st.sampled_from(spots))
    wrong = document_text[: spot.start()] + data.draw(st.sampled_from(WRONG)) + document_text[spot.end() :]
    with contextlib.suppress(ConfigError, BadXmlError):
        assert tile_url(wrong.encode(), **chosen).startswith("https://t.example/")


@pytest.mark.parametrize(
    ("chosen", "announced"),
    [
        ("image/jpeg", "image/jpg"),
        ("image/jpg", "image/jpeg"),
        ("image/jpeg", "IMAGE/JPEG"),
        ("image/jpeg", "image/jpeg; mode=24bit"),
        ("image/png", "image/x-png"),
        ("image/png", ""),
    ],
)
def test_a_template_is_that_of_the_format_by_any_of_its_names(chosen: str, announced: str) -> None:
    """Servers write one name beside the layer and the other beside the template."""
    resource = f'<ResourceURL format="{announced}" resourceType="tile" template="https://t.example{TILE}"/>'
    assert tile_url(document(layer(formats=[chosen], more=resource), matrix_set())) == "https://t.example/07/9/5.jpg"


def test_a_template_with_the_very_format_goes_before_one_with_another_name_of_it() -> None:
    """Its parameters may matter."""
    resources = "".join(
        f'<ResourceURL format="{media_type}" resourceType="tile" template="https://t.example/{place}{TILE}"/>'
        for media_type, place in (("image/png", "a"), ("image/png; mode=8bit", "b"))
    )
    found = document(layer(formats=["image/png; mode=8bit"], more=resources), matrix_set())
    assert tile_url(found) == "https://t.example/b/07/9/5.jpg"


def test_a_template_that_names_another_projection_is_not_used() -> None:
    """It is that of another matrix set."""
    found = by_template(f"https://t.example/epsg4326{TILE}")
    with pytest.raises(ConfigError):
        address(found, "https://t.example/wmts.xml")
