"""Folders that would show another place, or of whose files none is named as a tile is: refused, with what to set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from operator_tool.api import Absent, ConfigError, DownloadError, Refused, TileId, WantedTile
from tests.plugins.tile_providers.folder.folders import fetch, make_folder, pictures, provider
from tests.support.pictures import real_jpeg, real_png
from tests.support.real_parts import require

_MUNICH = TileId(15, 17435, 11371)
_SOUTH = (1 << 15) - 1 - _MUNICH.y
_PLAIN = {"5/17/11.jpg": real_jpeg(1)}
_KML = (
    "<NetworkLink><name>8/133/{y}.png</name><Region><LatLonAltBox><north>{north}</north><south>{south}</south>"
    "<east>8.4375</east><west>7.03125</west></LatLonAltBox></Region></NetworkLink>"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", '{"profile": "geodetic"}'),
        ("metadata.json", '{"crs": "EPSG:2056", "extent": [2420000, 1030000, 2900000, 1350000]}'),
        ("tiles.json", '{"tilejson": "2.0.0", "crs": "EPSG:4326"}'),
        ("tilemapresource.xml", "<TileMap><SRS>EPSG:4326</SRS></TileMap>"),
        ("tilemapresource.xml", "<TileMap><TileSets  profile = 'local'/></TileMap>"),
        ("openlayers.html", "<script>projection: 'EPSG:4326'</script>"),
        ("openlayers.html", "<script>origin: [8,48],</script>"),
        ("mapml.mapml", '<extent units="WGS84">'),
        ("doc.kml", _KML.format(y=158, north=47.8125, south=46.40625)),
    ],
)
def test_whatever_lies_in_the_folder_and_says_another_projection_refuses_it(
    tmp_path: Path, name: str, text: str
) -> None:
    """By the document's name; the setting answers for the folder."""
    path = make_folder(tmp_path / "tiles", _PLAIN)
    (path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert str(path / name) in caught.value.message
    assert "folder.projection=web-mercator" in caught.value.hint
    assert len(provider(path, projection="web-mercator").describe().notes) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("openlayers.html", "projection: 'EPSG:3857', displayProjection: 'EPSG:4326'"),
        ("mapml.mapml", '<meta content="text/mapml;projection=OSMTILE"/><link projection="WGS84"/>'),
        ("doc.kml", _KML.format(y=89, north=47.98992, south=47.04018)),
        ("doc.kml", "<kml/>"),
        ("tilemapresource.xml", '<TileMap><SRS>EPSG:900913</SRS><TileSets profile="global-mercator"/></TileMap>'),
    ],
)
def test_documents_of_web_mercator_are_taken(tmp_path: Path, name: str, text: str) -> None:
    """As gdal2tiles and others leave them."""
    path = make_folder(tmp_path / "tiles", _PLAIN)
    (path / name).write_text(text)
    assert provider(path).describe().notes == ()


@pytest.mark.real_parts
@pytest.mark.parametrize("option", ["", "--xyz"])
@pytest.mark.parametrize("profile", ["geodetic", "raster"])
def test_what_the_real_gdal2tiles_makes_of_other_profiles_is_refused(tmp_path: Path, profile: str, option: str) -> None:
    """With and without the resource that names the profile."""
    gdal2tiles, gdal_translate = require("gdal2tiles.py"), require("gdal_translate")
    (tmp_path / "a.jpg").write_bytes(real_jpeg(1, 512))
    corner = ["-a_srs", "EPSG:4326", "-a_ullr", "8", "48", "9", "47"]
    for argv in (
        [gdal_translate, "-q", *corner, "a.jpg", "a.tif"],
        [gdal2tiles, "-q", "-p", profile, "--processes=1", *option.split(), "a.tif", "tiles"],
    ):
        subprocess.run(argv, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    with pytest.raises(ConfigError, match="EPSG:3857"):
        provider(tmp_path / "tiles").describe()


def test_a_world_in_degrees_without_a_word_is_asked_for(tmp_path: Path) -> None:
    """Its upper half is empty at every zoom; one in Web Mercator is whole, and a part of the south is a part."""
    world = {
        f"{z}/{x}/{y}.jpg": real_jpeg(1) for z in (2, 3) for x in range(1 << z) for y in range(1 << z >> 1, 1 << z)
    }
    path = make_folder(tmp_path / "world", world)
    with pytest.raises(ConfigError, match="half"):
        provider(path).describe()
    assert provider(path, projection="web-mercator").describe().max_zoom == 3
    whole = {f"2/{x}/{y}.jpg": real_jpeg(1) for x in range(4) for y in range(4)}
    assert provider(make_folder(tmp_path / "whole", whole)).describe().max_zoom == 2
    south = make_folder(tmp_path / "south", {"2/3/2.jpg": real_jpeg(1), "3/7/4.jpg": real_jpeg(1)})
    assert provider(south).describe().max_zoom == 3


def test_tiles_that_lie_in_their_bounds_another_way_alone_are_asked_for(tmp_path: Path) -> None:
    """In degrees, or with rows of the other side."""
    bounds = '{"bounds": "11.5,48.1,11.6,48.2"}'
    turned = make_folder(tmp_path / "turned", {f"15/{_MUNICH.x}/{_SOUTH}.jpg": real_jpeg(1)})
    (turned / "metadata.json").write_text(bounds)
    with pytest.raises(ConfigError) as caught:
        provider(turned).describe()
    assert "folder.layout=tms" in caught.value.hint
    assert provider(turned, layout="tms").describe().max_zoom == 15
    row = int((48.15 + 90) / 360 * (1 << 15))
    degrees = make_folder(tmp_path / "degrees", {f"15/{_MUNICH.x}/{(1 << 15) - 1 - row}.jpg": real_jpeg(1)})
    (degrees / "metadata.json").write_text(bounds)
    with pytest.raises(ConfigError, match="EPSG:4326"):
        provider(degrees).describe()


def test_mirrored_rows_are_a_fact_about_the_folder_and_no_gaps(tmp_path: Path) -> None:
    """Where not one tile of a zoom is there and the mirrored ones are, the run ends with what to set."""
    path = make_folder(tmp_path / "tiles", {f"15/{_MUNICH.x}/{_SOUTH}.jpg": real_jpeg(1)})
    with pytest.raises(DownloadError) as caught:
        fetch(provider(path), _MUNICH)
    assert "folder.layout=tms" in caught.value.hint
    assert isinstance(next(iter(provider(path).fetch(iter([WantedTile(_MUNICH)])))), Refused)
    assert pictures(fetch(provider(path, layout="tms"), _MUNICH)) == [real_jpeg(1)]
    assert isinstance(fetch(provider(path, layout="xyz"), _MUNICH)[0], Absent)


def test_a_hole_in_a_column_of_both_halves_is_a_hole(tmp_path: Path) -> None:
    """What lies on the other side is its own."""
    names = (f"15/{_MUNICH.x}/{row}.jpg" for row in (_SOUTH, _MUNICH.y + 1))
    path = make_folder(tmp_path / "tiles", {name: real_jpeg(1) for name in names})
    assert isinstance(fetch(provider(path), _MUNICH)[0], Absent)


@pytest.mark.parametrize("name", ["{y}.png.tile", "{y}@2x.png", "{y}", "0{y}.png", "tile_{y}.png", "{y}.tile"])
def test_files_of_which_none_is_named_as_a_tile_are_refused_with_the_first(tmp_path: Path, name: str) -> None:
    """As other programs name them."""
    file = f"15/{_MUNICH.x}/" + name.format(y=_MUNICH.y)
    path = make_folder(tmp_path / "tiles", {file: real_png(1)})
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert file in caught.value.message
    assert "gaps" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "file", ["15/017435/011371.jpg", "15/17435/11371.jpg.bak", "15/17435/11371@2x.jpg", "15/11371/17435.jpg"]
)
def test_a_tile_under_another_name_ends_the_run_with_that_name(tmp_path: Path, file: str) -> None:
    """Beside others that are named well; with leading zeros, more behind the number, or column and row swapped."""
    path = make_folder(tmp_path / "tiles", {"3/4/2.jpg": real_jpeg(2), file: real_jpeg(1)})
    made = provider(path)
    made.describe()
    with pytest.raises(DownloadError) as caught:
        fetch(made, TileId(3, 4, 2), _MUNICH)
    assert file in caught.value.message
    assert isinstance(next(iter(made.fetch(iter([WantedTile(_MUNICH)])))), Refused)


def test_a_zoom_that_simply_lacks_tiles_has_gaps(tmp_path: Path) -> None:
    """As before."""
    path = make_folder(tmp_path / "tiles", {f"15/{_MUNICH.x}/{_MUNICH.y + 5}.jpg": real_jpeg(1)})
    assert isinstance(fetch(provider(path), _MUNICH)[0], Absent)


@pytest.mark.parametrize("ending", ["avif", "mlt", "gif", "geojson", "tif", "terrain"])
def test_kinds_that_are_not_used_are_refused_by_their_ending(tmp_path: Path, ending: str) -> None:
    """Before the first tile; beside pictures they are passed over."""
    path = make_folder(tmp_path / "tiles", {f"8/135/89.{ending}": b"\x02\x01ab"})
    with pytest.raises(ConfigError, match="jpg, png or webp"):
        provider(path).describe()
    (path / "8" / "135" / "90.png").write_bytes(real_png(1))
    assert provider(path).describe().max_zoom == 8


def test_sizes_that_differ_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    """A first tile of each zoom tells."""
    path = make_folder(tmp_path / "tiles", {"8/135/89.png": real_png(1), "9/270/178.png": real_png(1, 512)})
    with pytest.raises(ConfigError) as caught:
        provider(path).describe()
    assert "folder.tile_size=512" in caught.value.hint
    assert provider(path, tile_size=512).describe().tile_size_px == 512


def test_links_that_go_round_in_a_circle_are_as_none(tmp_path: Path) -> None:
    """They are passed over, and the tiles beside them are read."""
    path = make_folder(tmp_path / "tiles", _PLAIN)
    (path / "5" / "18").symlink_to("18")
    (path / "6").symlink_to("6")
    made = provider(path)
    assert made.describe().max_zoom == 5
    assert pictures(fetch(made, TileId(5, 17, 11))) == [real_jpeg(1)]
