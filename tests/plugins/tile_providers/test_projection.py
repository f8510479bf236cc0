"""What is read of a source's projection: each spelling that real programs write, in each member where they write it."""

from __future__ import annotations

from typing import Any

import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.tile_providers._projection import (
    check_web_mercator,
    members_of_json,
    said_of_address,
    said_of_projection,
)
from operator_tool_plugins.tile_providers._projection_words import Projection, projection_of_word

_WKT_3857 = (
    'PROJCS["WGS 84 / Pseudo-Mercator",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    'AUTHORITY["EPSG","4326"]],PROJECTION["Mercator_1SP"],AUTHORITY["EPSG","3857"]]'
)
_WKT_2056 = 'PROJCS["CH1903+ / LV95",GEOGCS["CH1903+",AUTHORITY["EPSG","4150"]],AUTHORITY["EPSG","2056"]]'
_PROJ_3857 = "+proj=merc +a=6378137 +b=6378137 +lat_ts=0.0 +lon_0=0.0 +x_0=0.0 +y_0=0 +k=1.0 +units=m +nadgrids=@null"


@pytest.mark.parametrize(
    "word",
    [
        "mercator",
        "global-mercator",
        "GlobalMercator",
        "google",
        "GoogleMapsCompatible",
        "GoogleMapsCompatible_Level9",
        "EPSG:3857",
        "epsg3857",
        "EPSG_3857",
        "3857",
        "900913",
        "EPSG:900913",
        "EPSG:900913x2",
        "EPSG:3785",
        "102100",
        "ESRI:102113",
        "urn:ogc:def:crs:EPSG::3857",
        "PM_0_19\n    ",
        "urn:ogc:def:crs:EPSG:6.18.3:3857",
        "http://www.opengis.net/def/crs/EPSG/0/3857",
        "WGS84 Web Mercator (Auxiliary Sphere)\n    ",
        "http://www.opengis.net/gml/srs/epsg.xml#3857",
        "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad\n    ",
        "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible",
        "WGS 84 / Pseudo-Mercator",
        "WGS_1984_Web_Mercator_Auxiliary_Sphere\n    ",
        "Web Mercator (EPSG:3857)",
        "EPSG:3857+5773",
        "EPSG%3A3857",
        "3857_18",
        "google3857",
        "+init=epsg:3857",
        "GLOBAL_WEBMERCATOR\n    ",
        "urn:ogc:def:crs,crs:EPSG::3857,crs:EPSG::5773",
        _WKT_3857,
        'PROJCRS["x",BASEGEOGCRS["WGS 84",ID["EPSG",4326]],ID["EPSG",3857]]',
        _PROJ_3857,
    ],
)
def test_web_mercator_is_known_in_every_real_spelling(word: str) -> None:
    """Names, codes, URNs, URLs, PROJ strings and WKT."""
    assert projection_of_word(word) is Projection.WEB_MERCATOR


@pytest.mark.parametrize(
    "word",
    [
        "geodetic",
        "global-geodetic",
        "raster",
        "custom",
        "local",
        "none",
        "EPSG:4326",
        "4326",
        "epsg4326",
        "CRS84",
        "CRS:84",
        "urn:ogc:def:crs:OGC::CRS84",
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "WorldCRS84Quad",
        "GoogleCRS84Quad",
        "EPSG:3395\n    ",
        "WorldMercatorWGS84Quad",
        "urn:ogc:def:crs:EPSG::2056",
        "WGS84",
        "WGS 84",
        "lat/long",
        "longlat",
        "UTM32",
        "+proj=longlat +datum=WGS84\n    ",
        "+proj=merc +datum=WGS84",
        "+proj=merc +lon_0=150 +R=6378137",
        "EPSG:4326_WGS84",
        "4326_17",
        "geographic",
        "Plate Carrée\n    ",
        "WGS 84 / World Mercator",
        "EuropeanETRS89_LAEAQuad",
        _WKT_2056,
        'GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]]',
    ],
)
def test_another_projection_is_known_as_such(word: str) -> None:
    """The ellipsoid's Mercator and one with another meridian among them: they are some 20 km off, and an ocean."""
    assert projection_of_word(word) is Projection.OTHER


@pytest.mark.parametrize("word", ["klingon", "globe", "7", "version 2", "EPSG", "x" * 10_000])
def test_a_word_that_is_not_known_is_not_passed_over(word: str) -> None:
    """It may mean another projection."""
    assert projection_of_word(word) is Projection.UNKNOWN


@pytest.mark.parametrize(
    "members",
    [
        {"profile": "geodetic"},
        {"Profile": "GEODETIC", "name": "a"},
        {"crs": "EPSG:4326"},
        {"crs": 4326},
        {"crs": 2056.0},
        {"srs": "EPSG:4326", "profile": "mercator"},
        {"tileMatrixSet": "WorldCRS84Quad"},
        {"tile_matrix_set": "EuropeanETRS89_LAEAQuad"},
        {"tileMatrixSetURI": "http://www.opengis.net/def/tilematrixset/OGC/1.0/WorldCRS84Quad"},
        {"projection": {"name": "EPSG:4326"}},
        {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}}},
        {"spatialReference": {"wkid": 4326, "latestWkid": 4326}},
        {"tileInfo": {"spatialReference": {"wkid": 2056}}},
        {"crs": {"type": "GeographicCRS", "id": {"authority": "EPSG", "code": 4326}}},
        {"tilingScheme": {"type": "geographic"}},
        {"crs_wkt": _WKT_2056},
        {"json": '{"crs": "EPSG:4326"}'},
        {"tile_origin_upper_left_x": "-180"},
        {"tile_dimension_zoom_0": 360},
        {"tile_matrix": [{"id": "0", "origin": [2420000, 1350000], "pixel_size": [4000, -4000]}]},
        {"tile_matrix": '[{"id": "0", "origin": [-180, 90]}]'},
        {"extent": [-25_000_000, -25_000_000, 25_000_000, 25_000_000]},
        {"wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleCRS84Quad"},
    ],
)
def test_any_member_against_web_mercator_refuses_and_is_named(members: dict[str, Any]) -> None:
    """Wherever a document says it, and whatever else it says."""
    said = said_of_projection(members)
    assert said.projection is Projection.OTHER
    with pytest.raises(ConfigError) as caught:
        check_web_mercator(members, of="a.mbtiles", setting="mbtiles.projection")
    assert caught.value.exit_code == 11
    assert "a.mbtiles" in caught.value.message
    assert said.member in caught.value.message
    assert "mbtiles.projection=web-mercator" in caught.value.hint


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"name": "EPSG:4326", "description": "geodetic", "bounds": "1,2,3,4", "scheme": "tms", "extent": 4096},
        {"profile": None, "crs": "", "projection": {}, "tile_matrix": [], "srs": []},
        {"profile": "mercator", "crs": "EPSG:3857", "crs_wkt": _WKT_3857, "scale": "1.0"},
        {"profile": "global-mercator"},
        {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}},
        {
            "crs": {
                "type": "ProjectedCRS",
                "name": "WGS 84 / Pseudo-Mercator",
                "id": {"authority": "EPSG", "code": 3857},
            }
        },
        {"spatialReference": {"wkid": 102100, "latestWkid": 3857}},
        {"tile_origin_upper_left_x": "-20037508.3427892", "tile_dimension_zoom_0": "40075016.68"},
        {"tile_matrix": [{"id": "0", "origin": [-20037508.342787, 20037508.342787], "tile_size": [256, 256]}]},
        {"extent": [-20037508.342787, -20037508.342787, 20037508.342787, 20037508.342787]},
        {"json": '{"vector_layers": []}'},
    ],
)
def test_web_mercator_and_silence_are_taken(members: dict[str, Any]) -> None:
    """Nothing is noted of them."""
    assert check_web_mercator(members, of="a", setting="x.projection") == ()


def test_what_is_not_known_asks_and_the_setting_answers() -> None:
    """The answer is noted, also where it overrules plain words."""
    for members in ({"crs": "klingon"}, {"profile": "geodetic"}, {"tile_matrix_set": ["WebMercatorQuad", "Mine"]}):
        with pytest.raises(ConfigError, match=r"(?s)klingon|geodetic|Mine"):
            check_web_mercator(members, of="a", setting="x.projection")
        (note,) = check_web_mercator(members, of="a", setting="x.projection", answer="web-mercator")
        assert next(iter(members)) in note


def test_what_is_shown_of_a_document_is_harmless_and_short() -> None:
    """Its words come from anybody."""
    said = said_of_projection({"profile": "\x1b[31m" + "y" * 9000})
    assert said.value.isprintable()
    assert len(said.value) <= 80


@pytest.mark.parametrize(
    "document",
    [b"", b"[1]", b'{"crs":' * 100_000, b"\xff\xfe", b'{"a": 1e999}', b'{"crs": {"a": {}}}'],
)
def test_a_document_of_any_bytes_gives_members_or_none(document: bytes) -> None:
    """Hostile ones cost nothing more."""
    said_of_projection(members_of_json(document))


@pytest.mark.parametrize(
    ("address", "projection"),
    [
        ("https://gibs.example/wmts/epsg4326/best/L/default/250m/{z}/{y}/{x}.jpg", Projection.OTHER),
        (
            "https://gibs.example/wmts/epsg3857/best/L/GoogleMapsCompatible/{z}/{y}/{x}.jpg",
            Projection.WEB_MERCATOR,
        ),
        ("https://a.example/gwc/service/tms/1.0.0/w:l@EPSG%3A4326@png/{z}/{x}/{-y}.png", Projection.OTHER),
        ("https://a.example/gwc/service/tms/1.0.0/w:l@EPSG:900913@png/{z}/{x}/{-y}.png", Projection.WEB_MERCATOR),
        ("https://a.example/cog/tiles/WorldCRS84Quad/{z}/{x}/{y}?url=b.tif", Projection.OTHER),
        ("https://a.example/cog/tiles/{z}/{x}/{y}?TileMatrixSetId=WorldCRS84Quad", Projection.OTHER),
        ("https://a.example/{z}/{x}/{y}.png?srs=EPSG:4326&key=a", Projection.OTHER),
        ("https://a.example/1.0.0/blue/global-geodetic/{z}/{x}/{y}.png", Projection.OTHER),
        ("https://epsg.example/squadron/{z}/{x}/{y}.png?profile=me", Projection.SILENT),
        ("https://a.example/local/raster/custom/{z}/{x}/{y}.png", Projection.SILENT),
        ("{z}/{x}/{y}", Projection.SILENT),
    ],
)
def test_an_address_says_it_only_where_it_is_sure(address: str, projection: Projection) -> None:
    """A word of a path may mean anything; a projection's code doesn't."""
    assert said_of_address(address).projection is projection
