"""The area of a sector from a GeoJSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import UsageError
from operator_tool.sectors import geojson
from operator_tool.sectors.geojson import bounds_of, read_polygons

SQUARE = [[8.0, 47.0], [9.0, 47.0], [9.0, 48.0], [8.0, 48.0], [8.0, 47.0]]
HOLE = [[8.4, 47.4], [8.6, 47.4], [8.6, 47.6], [8.4, 47.4]]
RING = tuple((lon, lat) for lon, lat in SQUARE)
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}


def read(folder: Path, document: Any) -> Any:
    path = folder / "area.geojson"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return read_polygons(path)


@pytest.mark.parametrize(
    "document",
    [
        POLYGON,
        {"type": "MultiPolygon", "coordinates": [[SQUARE]]},
        {"type": "Feature", "properties": {"name": "x", "deep": [[{}]]}, "geometry": POLYGON},
        {"type": "FeatureCollection", "name": "layer", "features": [{"type": "Feature", "geometry": POLYGON}]},
        {"type": "Polygon", "coordinates": [[[*corner, 410.5] for corner in SQUARE]]},
        "\ufeff" + json.dumps(POLYGON),
    ],
    ids=["polygon", "multi", "feature", "collection", "with heights", "with a mark"],
)
def test_polygons_are_read_from_every_form(tmp_path: Path, document: Any) -> None:
    """Heights and properties are left out."""
    assert read(tmp_path, document) == ((RING,),)


@pytest.mark.parametrize(
    ("crs", "fits"),
    [
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, True),
        ({"type": "EPSG", "properties": {"code": 4326}}, True),
        ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::25832"}}, False),
        ({"type": "EPSG", "properties": {"code": 14326}}, False),
        ("EPSG:3857", False),
        ({"type": "link", "properties": {"href": "x"}}, False),
    ],
)
def test_another_reference_system_is_refused(tmp_path: Path, crs: Any, fits: bool) -> None:
    """Wherever it is named: metres of a national grid are no degrees."""
    for document in (
        {**POLYGON, "crs": crs},
        {"type": "FeatureCollection", "crs": crs, "features": [{"type": "Feature", "geometry": POLYGON}]},
    ):
        if fits:
            assert read(tmp_path, document) == ((RING,),)
        else:
            with pytest.raises(UsageError):
                read(tmp_path, document)


def test_holes_and_several_polygons_are_kept(tmp_path: Path) -> None:
    """In their order; the bounds are those of all."""
    far = [[lon + 10, lat] for lon, lat in SQUARE]
    polygons = read(tmp_path, {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [far]]})
    assert [len(polygon) for polygon in polygons] == [2, 1]
    assert bounds_of(polygons) == (8.0, 47.0, 19.0, 48.0)


def test_the_whole_world_is_a_polygon(tmp_path: Path) -> None:
    """An edge from one end of the map to the other goes around the earth; it doesn't cross 180°."""
    world = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    assert bounds_of(read(tmp_path, {"type": "Polygon", "coordinates": [world]})) == (-180, -90, 180, 90)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("", "truncated"),
        ("not json", "malformed|invalid"),
        ("[" * 200_000, "Expected `object`"),
        ('{"type": "Feature", "properties": ' + "[" * 200_000, "recursion|truncated"),
        ({"type": "Point", "coordinates": [8, 47]}, "Point"),
        ({"type": "Feature", "geometry": None}, "geometry"),
        ({"type": "FeatureCollection", "features": []}, "no polygon"),
        ({"type": "Polygon", "coordinates": []}, "no polygon"),
        ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "3 corners"),
        ({"type": "Polygon", "coordinates": [SQUARE[:4]]}, "not the first one again"),
        ({"type": "Polygon", "coordinates": [[[8], *SQUARE[1:]]]}, "corner 0"),
        ({"type": "Polygon", "coordinates": [[[47.0, 108.0], *SQUARE[1:]]]}, "corner 0.*108"),
        ({"type": "Polygon", "coordinates": [[[900_000, 6_000_000]] * 5]}, "corner 0"),
        ({"type": "Polygon", "coordinates": [[*SQUARE[:2], ["a", 1], *SQUARE[2:]]]}, r"coordinates\[\.\.\.\]|Expected"),
        ({"type": "Polygon", "coordinates": [[[8, 47], [9, 48], [8, 47], [8, 47]]]}, "no area"),
        (
            {"type": "Polygon", "coordinates": [[[179, 1], [-179, 1], [-179, 2], [179, 2], [179, 1]]]},
            "corner 0 to the next it crosses",
        ),
        ('{"type": "Polygon", "coordinates": [[[NaN, 1], [9, 1], [9, 2], [NaN, 1]]]}', "invalid|malformed"),
        ('{"type": "Polygon", "coordinates": [[[1e999, 1], [9, 1], [9, 2], [1e999, 1]]]}', "out of range|corner 0"),
    ],
)
def test_what_is_no_polygon_on_the_earth_is_refused_with_its_place(tmp_path: Path, document: Any, problem: str) -> None:
    """The message names the file and what is wrong with it, the hint what would be right."""
    with pytest.raises(UsageError, match=f"(?s)area.geojson.*({problem})") as caught:
        read(tmp_path, document)
    assert caught.value.hint


def test_files_that_are_none_or_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is not waited for; too many corners are told."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a file"):
        read_polygons(tmp_path / "pipe")
    with pytest.raises(UsageError, match="No such file"):
        read_polygons(tmp_path / "nothing")
    many = [[8 + i / 20_000, 47 + i % 2] for i in range(10_001)]
    with pytest.raises(UsageError, match="more than 10,000 corners"):
        read(tmp_path, {"type": "Polygon", "coordinates": [[*many, many[0]]]})
    monkeypatch.setattr(geojson, "_MAX_BYTES", 10)
    with pytest.raises(UsageError, match="longer than"):
        read(tmp_path, POLYGON)
