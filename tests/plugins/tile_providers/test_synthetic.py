"""The provider ``synthetic``: pictures that line up across tiles, across zooms and round the world."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from operator_tool.api import RunContext, Tile, TileId, TileProvider, WantedTile
from operator_tool_plugins.tile_providers import synthetic
from operator_tool_plugins.tile_providers.synthetic.paint import Painter
from operator_tool_plugins.tile_providers.synthetic.relief import Surface

PLACES = [TileId(15, 17_203, 11_482), TileId(14, 9_580, 5_502), TileId(17, 70_000, 44_444), TileId(19, 2**18, 2**18)]


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(0, 80)


def provider(**chosen: int) -> synthetic.SyntheticProvider:
    context = RunContext(run_id="r", state_dir=Path("unused"))
    return synthetic.make_tile_provider(synthetic.SyntheticSettings(**chosen), context)


def fetch(made: synthetic.SyntheticProvider, *ids: TileId) -> dict[TileId, bytes]:
    results = list(made.fetch(WantedTile(tile) for tile in ids))
    assert len(results) == len(ids)
    return {result.id: result.data for result in results if isinstance(result, Tile)}


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def difference(a: Image.Image, b: Image.Image) -> float:
    """Return the mean difference of two pictures, of 255."""
    return sum(ImageStat.Stat(ImageChops.difference(a, b)).mean) / len(a.getbands())


def column(picture: Image.Image, number: int) -> Image.Image:
    return picture.crop((number, 0, number + 1, 256))


def row(picture: Image.Image, number: int) -> Image.Image:
    return picture.crop((0, number, 256, number + 1))


def test_it_is_a_tile_provider_by_the_hooks_and_says_that_it_is_made_up() -> None:
    """The door gives settings and a provider; the report will say synthetic."""
    assert synthetic.plugin_settings() is synthetic.SyntheticSettings
    made = provider()
    assert isinstance(made, TileProvider)
    info = made.describe()
    assert (info.synthetic, info.dataset, info.tile_size_px) == (True, "synthetic-1-seed0", 256)
    assert "not the real ground" in info.attribution
    assert len({provider(seed=seed, quality=q).describe().dataset for seed in (0, 1) for q in (80, 70)}) == 4


def test_every_wanted_tile_is_a_jpeg_of_256_pixels_at_any_zoom() -> None:
    """From the whole world to the finest zoom, in its corners too."""
    corners = [TileId(z, x, y) for z in (0, 1, 5, 13, 22) for x in (0, 2**z - 1) for y in (0, 2**z - 1)]
    tiles = fetch(provider(), *set(corners))
    assert len(tiles) == len(set(corners))
    for data in tiles.values():
        picture = opened(data)
        assert (picture.format, picture.size, picture.mode) == ("JPEG", (256, 256), "RGB")


def test_the_stream_is_lazy() -> None:
    """It paints no further ahead than it has hands."""
    pulled: list[TileId] = []

    def endless() -> Iterator[WantedTile]:
        while True:
            pulled.append(TileId(18, len(pulled), 0))
            yield WantedTile(pulled[-1])

    stream = provider(connections=1).fetch(endless())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(pulled) <= 3


def test_the_same_seed_paints_the_same_bytes_whoever_paints_in_whichever_order(painter: Painter) -> None:
    """In another process, in another order, with other tiles painted before; another seed paints another world."""
    expected = {tile: painter.jpeg(tile.z, tile.x, tile.y) for tile in PLACES}
    assert fetch(provider(connections=3), *reversed(PLACES)) == expected
    code = (
        "import hashlib; from operator_tool_plugins.tile_providers.synthetic.paint import Painter; p = Painter(0, 80);"
        f"print(hashlib.sha256(b''.join(p.jpeg(*t) for t in {[(t.z, t.x, t.y) for t in PLACES]})).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert elsewhere == hashlib.sha256(b"".join(expected.values())).hexdigest()
    assert all(data != expected[tile] for tile, data in fetch(provider(seed=1), *PLACES).items())


@pytest.mark.parametrize("tile", [*PLACES, TileId(15, 2**15 - 1, 11_482), TileId(12, 2**12 - 1, 7)], ids=str)
@pytest.mark.parametrize(("as_jpeg", "most"), [(False, 1.0), (True, 1.5)], ids=["painted", "as jpeg"])
def test_a_seam_can_not_be_told_from_the_inside(painter: Painter, tile: TileId, as_jpeg: bool, most: float) -> None:
    """Right and lower neighbours go on where a tile ends, across 180° too; JPEG adds a little at every edge."""

    def picture(dx: int, dy: int) -> Image.Image:
        place = (tile.z, (tile.x + dx) % 2**tile.z, tile.y + dy)
        return opened(painter.jpeg(*place)) if as_jpeg else painter.picture(*place)

    here, east, south = picture(0, 0), picture(1, 0), picture(0, 1)
    inside_x = [difference(column(here, n), column(here, n + 1)) for n in range(255)]
    inside_y = [difference(row(here, n), row(here, n + 1)) for n in range(255)]
    assert difference(column(here, 255), column(east, 0)) <= most * max(inside_x)
    assert difference(row(here, 255), row(south, 0)) <= most * max(inside_y)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 22).flatmap(lambda z: st.tuples(st.just(z), *[st.integers(0, 2**z - 1)] * 2)))
def test_neighbours_are_cut_from_one_surface(place: tuple[int, int, int]) -> None:
    """What a tile knows beyond its edge is what its neighbour has there, to a thousandth of a level."""
    z, x, y = place
    surface = Surface("seams", lambda octave: 40.0 * 0.6 ** abs(octave - 14))
    here = surface.pixels(z, x, y, finer=2, border_px=2)
    east = surface.pixels(z, (x + 1) % 2**z, y, finer=2, border_px=2)
    south = surface.pixels(z, x, (y + 1) % 2**z, finer=2, border_px=2)
    for mine, theirs in (
        (here.crop((256, 0, 260, 260)), east.crop((0, 0, 4, 260))),
        (here.crop((0, 256, 260, 260)), south.crop((0, 0, 260, 4))),
    ):
        pairs = zip(array("f", mine.tobytes()), array("f", theirs.tobytes()), strict=True)
        assert max(abs(a - b) for a, b in pairs) < 1e-3


@pytest.mark.parametrize("tile", PLACES, ids=str)
def test_four_children_show_what_their_parent_shows(painter: Painter, tile: TileId) -> None:
    """Seen from as far, they are the same ground; turned round, they would not be."""
    children = Image.new("RGB", (512, 512))
    for dx in (0, 1):
        for dy in (0, 1):
            child = painter.jpeg(tile.z + 1, 2 * tile.x + dx, 2 * tile.y + dy)
            children.paste(opened(child), (256 * dx, 256 * dy))
    parent = opened(painter.jpeg(tile.z, tile.x, tile.y))
    from_afar = children.reduce(2)
    assert difference(parent, from_afar) < 6.0
    assert difference(parent.transpose(Image.Transpose.ROTATE_180), from_afar) > 10.0


def test_it_looks_like_ground_and_weighs_like_it(painter: Painter) -> None:
    """Tiles of a few kilometres differ, show many colours, and are of the size that imagery has."""
    tiles = [painter.jpeg(15, 17_200 + n, 11_480 + n) for n in range(24)]
    assert len(set(tiles)) == 24
    assert 3_000 < sum(map(len, tiles)) / 24 < 25_000
    for data in tiles:
        colours = opened(data).getcolors(256 * 256)
        assert colours is not None
        assert len(colours) > 300


@pytest.mark.parametrize(("x", "y"), [(17_200, 11_480), (9_000, 21_000), (0, 16_384), (30_000, 14_000)])
def test_a_flight_of_twenty_kilometres_sees_water_woods_and_open_ground(painter: Painter, x: int, y: int) -> None:
    """Wherever it is: nobody rehearses over a sea of one colour."""
    kinds: set[str] = set()
    for n in range(64):
        data = painter.picture(15, x + 2 * (n % 8), y + 2 * (n // 8)).resize((8, 8)).tobytes()
        for green, blue in zip(data[1::3], data[2::3], strict=True):
            kinds.add("water" if blue > green else "wood" if green < 90 else "open")
    assert kinds == {"water", "wood", "open"}


def test_the_settings_have_bounds() -> None:
    """Checked where the values come in."""
    assert msgspec.convert({"seed": 7, "connections": 2}, synthetic.SyntheticSettings).connections == 2
    for wrong in ({"seed": -1}, {"quality": 100}, {"connections": 0}, {"colour": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, synthetic.SyntheticSettings)
