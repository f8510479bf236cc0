"""TileJSON: advice is read as it can be, what the tiles depend on strictly."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.tile_providers._http.exchange import Reply
from operator_tool_plugins.tile_providers._http.tilejson import TileJson, read_tilejson

BOUNDS = (7.0, 47.0, 8.0, 48.0)


def read(
    body: bytes = b"",
    *,
    projection_setting: Literal["auto", "web-mercator"] = "auto",
    size_setting: int | None = None,
    **members: Any,
) -> TileJson:
    """Return what is read of a document with these members beside its tiles."""
    document = body or json.dumps({"tiles": ["{z}/{x}/{y}.jpg"], **members}).encode()
    return read_tilejson(
        Reply(200, {}, document, "https://t.example/map.json"),
        host="t.example",
        setting="xyz.url",
        projection=projection_setting,
        tile_size_px=size_setting,
    )


@pytest.mark.parametrize(
    "bounds",
    [
        [7, 47, 8, 48],
        ["7", "47.0", " 8", "48"],
        "7,47,8,48",
        "7.0, 47.0, 8.0, 48.0",
        [7, 47, 0, 8, 48, 900],
    ],
)
def test_bounds_are_read_in_each_spelling(bounds: object) -> None:
    """Numbers, texts, one text, and with heights between."""
    document = read(bounds=bounds)
    assert document.bounds == BOUNDS
    assert document.notes == ()


@pytest.mark.parametrize(
    "bounds",
    [[7, 48, 8, 47], [0, 0, 400, 1], ["NaN", 0, 1, 1], [1], 7, {}, "here", [None] * 4, [7, 47, 7, 48], [True, 1, 2, 3]],
)
def test_bounds_that_make_no_sense_are_passed_over_with_a_note(bounds: object) -> None:
    """They only spare requests."""
    document = read(bounds=bounds)
    assert document.bounds is None
    assert len(document.notes) == 1


@pytest.mark.parametrize(
    ("members", "zooms", "notes"),
    [
        ({"minzoom": "2", "maxzoom": "18"}, (2, 18), 0),
        ({"minzoom": 2.0, "maxzoom": 18.0}, (2, 18), 0),
        ({"minzoom": 1.5, "maxzoom": 18.5}, (2, 18), 0),
        ({"minzoom": None, "maxzoom": None}, (0, 22), 0),
        ({"minzoom": "deep", "maxzoom": [1]}, (0, 22), 2),
        ({"minzoom": -1, "maxzoom": 99}, (0, 22), 1),
    ],
)
def test_zooms_are_read_in_each_spelling(members: dict[str, Any], zooms: tuple[int, int], notes: int) -> None:
    """Servers copy them from tables of text."""
    document = read(**members)
    assert (document.minzoom, document.maxzoom) == zooms
    assert len(document.notes) == notes


@pytest.mark.parametrize(
    "members",
    [
        {"version": 1.0},
        {"version": 2},
        {"tilejson": 3},
        {"tilejson": "9.9.9"},
        {"vector_layers": None},
        {"vector_layers": []},
        {"bounds": None, "center": None, "attribution": None, "name": None, "scheme": None, "tileSize": None},
        {"scheme": "XYZ"},
        {"center": "odd", "grids": 7, "data": {}, "template": 1, "legend": [], "description": 5},
        {"profile": "mercator"},
        {"crs": "EPSG:3857"},
        {"format": "image/jpg"},
    ],
)
def test_members_that_do_not_matter_stop_nothing(members: dict[str, Any]) -> None:
    """Of another type, of another version, or none."""
    document = read(**members)
    assert document.tiles == ("https://t.example/{z}/{x}/{y}.jpg",)
    assert document.notes == ()


def test_a_byte_order_mark_is_skipped() -> None:
    """As every browser does."""
    assert read(b'\xef\xbb\xbf{"tiles": ["{z}/{x}/{y}.jpg"]}').maxzoom == 22


def test_a_number_for_a_version_is_its_text() -> None:
    """It only stands in the report."""
    assert (read(version=2).version, read(version=18.0).version, read(version=[]).version) == ("2", "18.0", "")


@pytest.mark.parametrize(
    ("members", "size_px"),
    [
        ({"tileSize": 512}, 512),
        ({"tilesize": "512"}, 512),
        ({"tile_size": 512.0}, 512),
        ({"scale": 2}, 512),
        ({"scale": "2.000000"}, 512),
        ({"scale": "1"}, 256),
        ({"scale": 2, "tileSize": 256}, 256),
        ({"scale": "odd"}, None),
        ({}, None),
    ],
)
def test_the_tiles_size_is_read_in_each_spelling(members: dict[str, Any], size_px: int | None) -> None:
    """A wrong size would make every tile a gap."""
    assert read(**members).tile_size_px == size_px


def test_a_size_that_the_operator_sets_goes_before_the_documents() -> None:
    """Also before one that makes no sense."""
    assert read(tileSize="large", size_setting=512).tile_size_px == 512
    with pytest.raises(ConfigError):
        read(tileSize="large")


@pytest.mark.parametrize(
    "members",
    [
        {"profile": "geodetic"},
        {"profile": "custom", "crs": "EPSG:2056"},
        {"crs": "EPSG:4326"},
        {"srs": "EPSG:25832"},
        {"tile_matrix_set": "WorldCRS84Quad"},
        {"tile_matrix": [{"id": "0", "origin": [-180, 90], "pixel_size": [0.7, -0.7], "scale_denominator": 2.8e8}]},
        {"profile": "a word that is not known"},
        {"tiles": ["/wmts/EPSG:4326/{z}/{x}/{y}.jpg"]},
        {"scheme": "wmts"},
        {"scheme": 7},
        {"tiles": ["{z}/{x}/{y}.pbf"]},
        {"tiles": [7]},
        {"format": "mlt"},
        {"encoding": "mlt"},
        {"format": "avif"},
        {"format": "image/gif"},
        {"format": "json"},
        {"format": "application/vnd.mapbox-vector-tile"},
        {"encoding": "terrarium"},
        {"vector_layers": [{"id": "roads"}]},
    ],
)
def test_what_the_tiles_depend_on_is_read_strictly(members: dict[str, Any]) -> None:
    """Another projection, another order of rows, or no pictures: refused before the first tile."""
    with pytest.raises(ConfigError):
        read(**members)


def test_the_operator_answers_for_a_documents_projection() -> None:
    """With a note that says what the document says."""
    document = read(profile="geodetic", projection_setting="web-mercator")
    assert len(document.notes) == 1
    assert "geodetic" in document.notes[0]
