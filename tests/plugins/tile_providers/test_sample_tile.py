"""What is told of a collection of tiles before the first is used: by its format's name, an ending, a tile's bytes."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from operator_tool.api import PictureFormat
from operator_tool_plugins.tile_providers._sample_tile import (
    kind_of_bytes,
    kind_of_members,
    kind_of_name,
    kind_of_samples,
    kind_of_word,
    picture_format_of_word,
)
from tests.support.pictures import real_jpeg, real_png


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("pbf", "vector"),
        ("MVT", "vector"),
        ("mlt", "vector"),
        ("application/vnd.mapbox-vector-tile", "vector"),
        ("application/vnd.maplibre-vector-tile", "vector"),
        ("application/vnd.maplibre-tile", "vector"),
        ("application/x-protobuf", "vector"),
        ("avif", "AVIF"),
        ("image/avif", "AVIF"),
        ("gif", "GIF"),
        ("image/GIF; q=1", "GIF"),
        ("json", "JSON"),
        ("application/json", "JSON"),
        ("image/tiff", "TIFF"),
        ("quantized-mesh-1.0", "heights"),
        ("application/vnd.quantized-mesh", "heights"),
    ],
)
def test_a_format_that_is_not_used_is_known_by_name(word: str, kind: str) -> None:
    """As MBTiles, TileJSON and media types write it."""
    assert kind in (kind_of_word(word) or "")
    assert kind in (kind_of_members({"Format": word}) or "")
    assert picture_format_of_word(word) is None


@pytest.mark.parametrize(
    ("word", "picture_format"),
    [
        ("jpg", PictureFormat.JPEG),
        ("image/jpg", PictureFormat.JPEG),
        (".JPEG", PictureFormat.JPEG),
        ("image/pjpeg", PictureFormat.JPEG),
        ("png8", PictureFormat.PNG),
        ("image/png; mode=8bit", PictureFormat.PNG),
        ("image/x-png", PictureFormat.PNG),
        ("image/webp", PictureFormat.WEBP),
        ("application/json, image/png", PictureFormat.PNG),
        ("hybrid", None),
        ("", None),
    ],
)
def test_a_picture_s_format_is_one_in_every_spelling(word: str, picture_format: PictureFormat | None) -> None:
    """And a word that says nothing refuses nothing."""
    assert kind_of_word(word) is None
    assert picture_format_of_word(word) is picture_format


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"encoding": "mlt"}, "vector"),
        ({"encoding": "mvt"}, "vector"),
        ({"encoding": "terrarium"}, "heights"),
        ({"encoding": "mapbox"}, "heights"),
        ({"vector_layers": [{"id": "water"}]}, "vector"),
        ({"type": "raster-dem"}, "heights"),
        ({"mimeType": "image/avif"}, "AVIF"),
        ({"vector_layers": [], "type": "baselayer", "encoding": "utf-8", "format": "png"}, None),
        ({"format": 7, "encoding": None, "name": "pbf"}, None),
    ],
)
def test_a_document_s_members_say_what_is_not_used(members: dict[str, Any], kind: str | None) -> None:
    """Colours that stand for heights among it: they look like pictures, and are none of the ground."""
    found = kind_of_members(members)
    assert (found is None) if kind is None else kind in (found or "")


@pytest.mark.parametrize(
    ("name", "is_used"),
    [
        ("https://a.example/{z}/{x}/{y}.pbf?key=a.png", False),
        ("https://a.example/{z}/{x}/{y}.vector.pbf", False),
        ("7/1/2.mlt", False),
        ("7/1/2.AVIF", False),
        ("https://tiles.pbf.example/{z}/{x}/{y}", True),
        ("https://a.example/{z}/{x}/{y}@2x.png?f=.pbf", True),
        ("https://a.example/v1.pbf/{z}/{x}/{y}", True),
    ],
)
def test_an_ending_tells_and_nothing_else_of_a_name_does(name: str, is_used: bool) -> None:
    """Neither the host nor the query."""
    assert (kind_of_name(name) is None) is is_used


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a", "GIF"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
        (b'  {"grid": []}', "JSON"),
        (b"\xef\xbb\xbf<html>", "text"),
        (b"\x1a\x0a", "vector"),
        (gzip.compress(b"\x1a\x0aabc"), "vector"),
        (zlib.compress(b"\x1a\x0aabc"), "vector"),
        (gzip.compress(b'{"a": 1}'), "JSON"),
        (gzip.compress(gzip.compress(b"abc")), "gzip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xff\xff\xff\xff", None),
        (b"", None),
    ],
)
def test_bytes_are_called_what_they_are(data: bytes, kind: str | None) -> None:
    """What is packed is looked into."""
    found = kind_of_bytes(data)
    assert (found is None) if kind is None else kind in (found or "")


def test_a_picture_in_gzip_is_no_vector_tile() -> None:
    """It is called what it is."""
    found = kind_of_bytes(gzip.compress(real_png(1))) or ""
    assert "png" in found
    assert "vector" not in found


def test_one_broken_tile_among_pictures_decides_nothing() -> None:
    """A collection is refused only where none of the first is a picture."""
    assert kind_of_samples([b"{}", real_jpeg(1)]) is None
    assert kind_of_samples([b"\xff\xff", b"GIF89a"]) == "GIF pictures"
    assert kind_of_samples([]) is None
