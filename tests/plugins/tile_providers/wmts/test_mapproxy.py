"""The provider ``wmts`` against a real MapProxy, by query and by template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import NotModified, Tile, TileId, WantedTile
from tests.plugins.tile_providers.wmts.service import fetch, provider
from tests.support.pictures import real_jpeg
from tests.support.real_mapproxy import RealMapProxy, real_mapproxy

pytestmark = pytest.mark.real_parts

TILES = {
    TileId(z, x, y): real_jpeg(f"{z}/{x}/{y}")
    for z, x0, y0 in ((3, 4, 2), (15, 17_000, 11_000))
    for x in (x0, x0 + 1)
    for y in range(y0, y0 + 3)
}
WAYS = ["service", "document"]


@pytest.fixture(scope="module")
def mapproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMapProxy]:
    """A MapProxy over a folder of real pictures."""
    folder = tmp_path_factory.mktemp("mapproxy")
    for tile, picture in TILES.items():
        write(folder / "tiles", tile, picture)
    with real_mapproxy(folder / "own", folder / "tiles") as running:
        yield running


def write(folder: Path, tile: TileId, picture: bytes) -> None:
    path = folder / f"{tile}.jpeg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)


@pytest.mark.parametrize("way", WAYS)
def test_every_file_comes_as_it_is(mapproxy: RealMapProxy, way: str) -> None:
    """The very bytes of the folder, each at its own place."""
    results = fetch(getattr(mapproxy, way), TILES)
    assert {result.id: result.data for result in results if isinstance(result, Tile)} == TILES


@pytest.mark.parametrize("way", WAYS)
def test_it_says_what_mapproxy_announces(mapproxy: RealMapProxy, way: str) -> None:
    """One layer in one set of the web maps, whose matrices it calls 00 to 22."""
    url = getattr(mapproxy, way)
    info = provider(url).describe()
    assert (info.min_zoom, info.max_zoom, info.tile_size_px) == (0, 22, 256)
    assert info.bounds_deg == pytest.approx((-180.0, -85.051129, 180.0, 85.051129))
    assert info.dataset == f"wmts:{url}:imagery:default:webmercator:image/jpeg"


@pytest.mark.parametrize("way", WAYS)
def test_an_etag_without_quotes_is_known_again_byte_for_byte(mapproxy: RealMapProxy, way: str) -> None:
    """MapProxy answers 304 to its own form alone: to the quoted one, which is right by the book, it sends all again."""
    url = getattr(mapproxy, way)
    held = [result for result in fetch(url, TILES) if isinstance(result, Tile)]
    assert all(tile.etag and '"' not in tile.etag for tile in held)
    again = list(provider(url).fetch(WantedTile(tile.id, tile.etag) for tile in held))
    assert {type(result) for result in again} == {NotModified}
    quoted = list(provider(url).fetch(WantedTile(tile.id, f'"{tile.etag}"') for tile in held))
    assert {type(result) for result in quoted} == {Tile}


def test_a_file_that_changed_is_sent_again(mapproxy: RealMapProxy) -> None:
    """And the others are not."""
    held = [result for result in fetch(mapproxy.document, TILES) if isinstance(result, Tile)]
    changed = held[0].id
    write(mapproxy.tiles, changed, real_jpeg("another picture"))
    try:
        again = list(provider(mapproxy.document).fetch(WantedTile(tile.id, tile.etag) for tile in held))
    finally:
        write(mapproxy.tiles, changed, TILES[changed])
    assert [result.id for result in again if isinstance(result, Tile)] == [changed]
    assert sum(isinstance(result, NotModified) for result in again) == len(TILES) - 1


def test_by_query_and_by_template_other_addresses_are_asked(mapproxy: RealMapProxy) -> None:
    """So the tests above are two."""
    fetch(mapproxy.service, list(TILES)[:1])
    assert "REQUEST=GetTile" in mapproxy.log.read_text().splitlines()[-1]
    fetch(mapproxy.document, list(TILES)[:1])
    assert f"GET /wmts/{mapproxy.layer}/{mapproxy.matrix_set}/03/4/2.jpeg" in mapproxy.log.read_text().splitlines()[-1]
