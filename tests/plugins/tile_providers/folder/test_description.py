"""What the provider ``folder`` makes of a folder: one that gdal2tiles left, one of vectors, none at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool.api import ConfigError, PictureFormat, TileId
from operator_tool_plugins.tile_providers import folder
from tests.plugins.tile_providers.folder.folders import fetch, make_folder, pictures, provider
from tests.support.pictures import real_jpeg, real_png
from tests.support.real_parts import require

RESOURCE = '<TileMap version="1.0.0"><TileSets profile="mercator"><TileSet href="3"/></TileSets></TileMap>'


@pytest.mark.parametrize(
    ("name", "text", "from_south"),
    [
        (None, "", False),
        ("tilemapresource.xml", RESOURCE, True),
        ("metadata.json", '{"name": "a", "scheme": "tms"}', True),
        ("metadata.json", '{"name": "a", "scheme": "xyz"}', False),
        ("metadata.json", '{"name": "a"}', False),
        ("metadata.json", '["scheme", "tms"]', False),
        ("metadata.json", '{"scheme":' * 100_000, False),
        ("metadata.json", '{"scheme": {"tms": 1}}', False),
        ("metadata.json", " " * 2_000_000 + '{"scheme": "tms"}', False),
        ("tilemapresource.xml", RESOURCE + " " * 2_000_000, False),
        ("doc.kml", "tms", False),
    ],
)
def test_the_layout_is_tms_only_where_the_folder_says_so(
    tmp_path: Path, name: str | None, text: str, from_south: bool
) -> None:
    """By what gdal2tiles and mb-util leave; a file that says nothing of use is as none."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg("top"), "3/1/7.jpg": real_jpeg("end")})
    if name is not None:
        (path / name).write_text(text)
    first = real_jpeg("end" if from_south else "top")
    assert pictures(fetch(provider(path), TileId(3, 1, 0))) == [first]
    assert pictures(fetch(provider(path, layout="xyz"), TileId(3, 1, 0))) == [real_jpeg("top")]


@pytest.mark.real_parts
@pytest.mark.parametrize("option", ["", "--xyz"])
def test_what_the_real_gdal2tiles_leaves_is_read_the_right_way_up(tmp_path: Path, option: str) -> None:
    """The same picture comes for the same tile, whichever way it counts its rows."""
    gdal2tiles, gdal_translate = require("gdal2tiles.py"), require("gdal_translate")
    (tmp_path / "a.jpg").write_bytes(real_jpeg(1, 1024))
    corner = ["-a_srs", "EPSG:3857", "-a_ullr", "900000", "5960000", "910000", "5950000"]
    for argv in (
        [gdal_translate, "-q", *corner, "a.jpg", "a.tif"],
        [gdal2tiles, "-q", "-z", "11-12", "--processes=1", *option.split(), "a.tif", "tiles"],
    ):
        subprocess.run(argv, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    made = provider(tmp_path / "tiles")
    info = made.describe()
    assert (info.min_zoom, info.max_zoom, info.tile_size_px, info.formats) == (11, 12, 256, (PictureFormat.PNG,))
    # 8.1 east, 47.1 north: the north-western corner of the picture.
    (result,) = fetch(made, TileId(12, 2140, 1438))
    south = (1 << 12) - 1 - 1438
    file = tmp_path / "tiles" / "12" / "2140" / f"{1438 if option else south}.png"
    assert pictures([result]) == [file.read_bytes()]


def test_the_folder_says_what_it_is(tmp_path: Path) -> None:
    """Zooms by its folders' names, size and format by a first picture, the rest by mb-util's metadata."""
    path = make_folder(
        tmp_path / "tiles",
        {"3/1/0.png": real_png(1, 512), "5/1/0.png": real_png(2, 512), "007/1/0.png": b"", "99/a": b""},
    )
    (path / "12").write_bytes(b"a file")
    (path / "metadata.json").write_text('{"attribution": "© Somebody", "version": 1.5, "bounds": "0,0,1,1"}')
    info = provider(path).describe()
    assert (info.min_zoom, info.max_zoom, info.tile_size_px, info.bounds_deg) == (3, 5, 512, None)
    assert (info.attribution, info.version, info.formats) == ("© Somebody", "1.5", (PictureFormat.PNG,))
    info = provider(path, min_zoom=4, max_zoom=6, tile_size=256, attribution="© E", dataset="spring").describe()
    assert (info.min_zoom, info.max_zoom, info.tile_size_px) == (4, 6, 256)
    assert (info.attribution, info.dataset) == ("© E", "spring")


def test_an_unusual_ending_is_learnt_from_the_first_tile(tmp_path: Path) -> None:
    """Some programs write it in capitals."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.JPG": real_jpeg(1), "3/1/1.JPG": real_jpeg(2)})
    assert pictures(fetch(provider(path), TileId(3, 1, 1))) == [real_jpeg(2)]


def test_a_folder_with_many_tiles_is_described_by_a_few_listings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns are named and dated, and not entered: there may be a million tiles in them."""
    path = make_folder(tmp_path / "tiles", {f"9/{x}/{y}.jpg": real_jpeg(x) for x in range(1, 100) for y in range(3)})
    listed: list[str] = []
    real_scandir = os.scandir

    def counting(where: Any) -> Any:
        listed.append(str(where))
        return real_scandir(where)

    monkeypatch.setattr(os, "scandir", counting)
    provider(path).describe()
    assert 0 < len(listed) <= 4


@pytest.mark.parametrize(
    "make",
    [lambda _path: None, Path.mkdir, os.mkfifo, Path.touch, lambda path: path.symlink_to(path)],
    ids=["missing", "empty", "fifo", "file", "circle"],
)
@pytest.mark.timeout(20)
def test_what_is_no_folder_of_tiles_is_refused_with_its_path(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """Whatever it is instead."""
    path = tmp_path / "survey"
    make(path)
    with pytest.raises(ConfigError, match=r"folder\.path .*survey"):
        provider(path).describe()


def test_a_folder_one_level_too_high_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """The most common mistake."""
    make_folder(tmp_path / "survey" / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    with pytest.raises(ConfigError, match="named as a zoom is") as caught:
        provider(tmp_path / "survey").describe()
    assert "z/x/y.jpg" in caught.value.hint


def test_zooms_without_any_tile_are_described_and_have_none(tmp_path: Path) -> None:
    """They are empty, not wrong."""
    path = make_folder(tmp_path / "tiles", {"3/1/readme.txt": b"", "3/2/0.jpg": b""})
    info = provider(path).describe()
    assert (info.min_zoom, info.max_zoom, info.tile_size_px, info.formats) == (3, 3, 256, ())


@pytest.mark.parametrize(
    "files",
    [
        {"3/1/0.pbf": b"\x1a\x0a"},
        {"3/1/0.MVT": b"\x1a\x0a"},
        {"3/1/0.png": b"\x1f\x8b\x08\x00"},
        {"3/1/0.png": real_png(1), "metadata.json": b'{"format": "PBF"}'},
    ],
)
def test_vector_tiles_are_refused_by_name(tmp_path: Path, files: dict[str, bytes]) -> None:
    """By their ending, their bytes, or the metadata."""
    path = make_folder(tmp_path / "tiles", files)
    with pytest.raises(ConfigError, match="vector tiles") as caught:
        provider(path).describe()
    assert str(path) in caught.value.message


@pytest.mark.parametrize("profile", ["geodetic", "global-geodetic", "raster"])
def test_tiles_of_another_projection_are_refused(tmp_path: Path, profile: str) -> None:
    """Their numbers would name other places in Web Mercator."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    (path / "tilemapresource.xml").write_text(RESOURCE.replace("mercator", profile))
    with pytest.raises(ConfigError, match=f"profile {profile}"):
        provider(path).describe()


def test_zooms_that_leave_nothing_are_refused(tmp_path: Path) -> None:
    """Set both wrong, or one against what the folder has."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    for settings in ({"min_zoom": 4}, {"max_zoom": 2}, {"min_zoom": 3, "max_zoom": 2}):
        with pytest.raises(ConfigError, match=r"folder\.min_zoom"):
            provider(path, **settings).describe()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"layout": "zyx"}, "layout"),
        ({"tile_size": 63}, "tile_size"),
        ({"min_zoom": 23}, "min_zoom"),
        ({"max_zoom": -1}, "max_zoom"),
        ({}, None),
        ({"layout": "tms", "tile_size": 512, "min_zoom": 3, "max_zoom": 4}, None),
    ],
)
def test_settings_are_checked_by_their_declared_bounds(value: dict[str, Any], problem: str | None) -> None:
    """As the core converts them."""
    given = {"path": "/data/tiles", **value}
    if problem is None:
        msgspec.convert(given, folder.FolderSettings, dec_hook=lambda kind, text: kind(text))
        return
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(given, folder.FolderSettings, dec_hook=lambda kind, text: kind(text))
