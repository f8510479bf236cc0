"""Capabilities documents, well made, badly made and made to harm."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool_plugins.tile_providers.wmts.capabilities import (
    Dimension,
    Style,
    TileLimits,
    TileResource,
    read_capabilities,
)
from operator_tool_plugins.tile_providers.wmts.xml_parts import BadXmlError
from tests.plugins.tile_providers.wmts.documents import (
    HEAD,
    TAIL,
    arcgis,
    document,
    geoserver,
    layer,
    limits,
    matrix_set,
    web_matrix,
)

OPEN, CLOSE = f"{HEAD}<Contents>", f"</Contents>{TAIL}"


def test_all_that_tiles_need_is_read() -> None:
    """Names, styles, formats, links with their limits, templates, dimensions, the box and the addresses."""
    more = (
        "<ows:WGS84BoundingBox><ows:LowerCorner>9.5 46</ows:LowerCorner><ows:UpperCorner>17 49</ows:UpperCorner>"
        "</ows:WGS84BoundingBox><Dimension><ows:Identifier>Time</ows:Identifier><Default>2024</Default>"
        "<Value>2023</Value><Value>2024</Value></Dimension>"
        '<ResourceURL format="text/html" resourceType="FeatureInfo" template="https://no.example/"/>'
    )
    found = read_capabilities(
        document(
            layer(
                template="https://t.example/{TileMatrix}/{TileRow}/{TileCol}",
                limits=limits(("07", 1, 2, 3, 4)),
                more=more,
            ),
            matrix_set(zooms=[7]),
            kvp="https://t.example/wmts?",
            provider="The mapping agency",
        )
    )
    photo = found.layers["photo"]
    assert photo.styles == (Style("default", is_default=True),)
    assert photo.media_types == ("image/jpeg",)
    assert photo.links[0].matrix_set == "webmercator"
    assert photo.links[0].limits == {"07": TileLimits(min_column=1, max_column=2, min_row=3, max_row=4)}
    assert photo.resources == (TileResource("image/jpeg", "https://t.example/{TileMatrix}/{TileRow}/{TileCol}"),)
    assert photo.dimensions == (Dimension("Time", "2024", ("2023", "2024")),)
    assert photo.bounds_deg == (9.5, 46.0, 17.0, 49.0)
    (matrix,) = found.matrix_sets["webmercator"].matrices
    assert (matrix.name, matrix.columns, matrix.rows, matrix.tile_width_px) == ("07", 128, 128, 256)
    assert (found.kvp_addresses, found.provider_name) == (("https://t.example/wmts?",), "The mapping agency")


def test_names_count_by_their_namespace_and_not_by_their_prefix() -> None:
    """Other prefixes are the same document; the same names of another namespace are no layers."""
    other = document(layer(), matrix_set()).decode()
    renamed = other.replace("<ows:", "<o:").replace("</ows:", "</o:").replace("xmlns:ows", "xmlns:o")
    assert read_capabilities(renamed.encode()) == read_capabilities(other.encode())
    foreign = f"{OPEN}<Layer xmlns='urn:other'><Identifier>photo</Identifier></Layer>{CLOSE}"
    assert read_capabilities(foreign.encode()).layers == {}


def test_an_empty_line_before_the_declaration_is_overlooked() -> None:
    """Some servers send one, and no parser takes it."""
    assert read_capabilities(b"\r\n" + document(layer())).layers.keys() == {"photo"}


def test_an_address_for_templates_alone_is_none_for_queries() -> None:
    """A GetTile address says how it is to be asked; without a word it is by a query."""
    asked = document(layer(), kvp="https://t.example/wmts?")
    assert read_capabilities(asked.replace(b"KVP", b"RESTful")).kvp_addresses == ()
    silent = asked.replace(b"<ows:Value>KVP</ows:Value>", b"")
    assert read_capabilities(silent).kvp_addresses == ("https://t.example/wmts?",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not XML"),
        (b"<html><body>Log in</html>", "root element is 'html'"),
        (b"\xff\xd8\xff\xe0 a picture", "not XML"),
        (f"{OPEN}<Layer>".encode(), "not XML"),
        (document(layer()).replace(b"wmts/1.0", b"wmts/2.0"), "root element is '{http://www.opengis.net/wmts/2.0}"),
        (b'<WMS_Capabilities xmlns="http://www.opengis.net/wms"/>', "WMS_Capabilities"),
        (b"<?xml version='1.0' encoding='shift_jis'?><r/>", "not XML"),
        (b"<?xml version='1.0' encoding='no-such'?><r/>", "not XML"),
        (f"{OPEN}&#0;{CLOSE}".encode(), "not XML"),
    ],
)
def test_what_is_no_capabilities_document_is_refused_with_the_reason(data: bytes, said: str) -> None:
    """Cut short, a web page, a picture, another service, another version, an encoding that nobody reads."""
    with pytest.raises(BadXmlError, match=r"^its? ") as caught:
        read_capabilities(data)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE c [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE c SYSTEM "http://127.0.0.1:9/evil.dtd">',
        "<!DOCTYPE c>",
    ],
)
def test_any_dtd_is_refused(doctype: str) -> None:
    """Entities that grow or fetch can't be declared without one."""
    text = document(layer()).decode()
    head, body = text.split("\n", 1)
    with pytest.raises(BadXmlError, match="DTD or an entity"):
        read_capabilities(f"{head}{doctype}{body}".encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{OPEN}{'<a>' * 100_000}", "nested more than 32 deep"),
        (f"{OPEN}<Layer>{'<Format/>' * 60_000}</Layer>{CLOSE}", "more than 50,000 elements"),
        (f"{OPEN}{'<TileMatrixSet/>' * 3}{layer() * 3}{layer('n' * 300)}{CLOSE}", "longer than 256 characters"),
        (
            OPEN + "".join(f"<Layer><ows:Identifier>{n}</ows:Identifier></Layer>" for n in range(20_002)) + CLOSE,
            "more than 20,000 parts",
        ),
    ],
)
def test_depth_and_numbers_have_caps(text: str, said: str) -> None:
    """Each is far above what services announce."""
    with pytest.raises(BadXmlError, match=said):
        read_capabilities(text.encode())


def test_a_long_document_is_read_without_being_held_whole() -> None:
    """Thousands of layers and of a dimension's values take the memory of what is kept of them."""
    values = "".join(f"<Value>2024-01-01T{n:06}</Value>" for n in range(30_000))
    dimension = f"<Dimension><ows:Identifier>Time</ows:Identifier>{values}<Default>last</Default></Dimension>"
    text = document(*(layer(f"photo{n}", more=dimension if n % 500 == 0 else "<a/>" * 100) for n in range(2_000)))
    assert len(text) > 5_000_000
    tracemalloc.start()
    try:
        found = read_capabilities(text)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.layers) == 2_000
    (time,) = found.layers["photo500"].dimensions
    assert time.default == "last"
    assert 10 < len(time.values) < 30
    assert peak_bytes < 2 * len(text)


@pytest.mark.parametrize(
    "corners",
    [
        ("9.5", "17 49"),
        ("nan 46", "17 49"),
        ("9.5 46", "inf 49"),
        ("9.5 49", "17 46"),
        ("180 90", "-180 -90"),
        ("180 -90", "-180 90"),
        ("west south", "east north"),
    ],
)
def test_a_box_that_makes_no_sense_is_as_good_as_none(corners: tuple[str, str]) -> None:
    """It would only spare requests; a wrong one would lose tiles."""
    assert read_capabilities(document(layer(more=box(*corners)))).layers["photo"].bounds_deg is None


def test_a_box_is_cut_to_the_world_and_may_cross_the_180th_meridian() -> None:
    """Rounding puts corners a little beyond; two boxes are none, for tiles between them are neither's."""
    found = read_capabilities(
        document(
            layer("world", more=box("-180.0000001 -90.1", "180.0000001 90")),
            layer("fiji", more=box("176 -21", "-178 -12")),
            layer("two", more=box("1 2", "3 4") + box("5 6", "7 8")),
        )
    )
    assert [found.layers[name].bounds_deg for name in ("world", "fiji", "two")] == [
        (-180.0, -90.0, 180.0, 90.0),
        (176.0, -21.0, -178.0, -12.0),
        None,
    ]


def box(lower: str, upper: str) -> str:
    return (
        f"<ows:WGS84BoundingBox><ows:LowerCorner>{lower}</ows:LowerCorner><ows:UpperCorner>{upper}</ows:UpperCorner>"
        "</ows:WGS84BoundingBox>"
    )


def test_a_matrix_without_proper_numbers_is_left_out() -> None:
    """The others stay; numbers may be written with exponents, commas or a fraction of zero."""
    good = web_matrix(3, scale="6.98852830036E7", corner="-20037508.34,20037508.34", columns="8.0")
    bad = [web_matrix(3, scale=scale) for scale in ("", "many", "nan", "1e999")] + [web_matrix(3, columns="8.5")]
    found = read_capabilities(document(matrix_set(zooms=[0], matrix=lambda _: "".join([*bad, good]))))
    (matrix,) = found.matrix_sets["webmercator"].matrices
    assert (matrix.scale_denominator, matrix.left_m, matrix.columns) == (69_885_283.0036, -20_037_508.34, 8)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_document_that_was_tampered_with_is_read_or_refused(data: st.DataObject) -> None:
    """Never another error, wherever bytes are changed, lost or put in."""
    text = data.draw(st.sampled_from([arcgis("http://h/a"), geoserver("http://h/g")]))
    start = data.draw(st.integers(0, len(text)))
    lost = data.draw(st.integers(0, 40))
    put_in = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"1e999", b"-1", b"<a>", b"&x;", b"\xff"])))
    with contextlib.suppress(BadXmlError):
        read_capabilities(text[:start] + put_in + text[start + lost :])
