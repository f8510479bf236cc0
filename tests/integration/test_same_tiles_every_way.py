"""The same ground by each kind of provider, from real servers and real files: the same bytes in the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from operator_tool.api import AreaRequest, BuildCacheRequest, ProviderInfo, TileId
from operator_tool.build_cache.plan import make_plan
from tests.support.command import Workstation
from tests.support.memory import flight_of
from tests.support.pictures import real_jpeg
from tests.support.real_mapproxy import real_mapproxy
from tests.support.real_parts import real_nginx
from tests.support.real_tileserver import real_tileserver

pytestmark = pytest.mark.real_parts
PLACES = ((47.05, 8.30), (47.06, 8.32))
ZOOMS = (14, 15, 16)
FLIGHT = (
    '{"id": "F-7", "name": "every way", "waypoints": ['
    + ", ".join(f'{{"ordinal": {i}, "lat": {lat}, "lon": {lon}, "alt_m": 100}}' for i, (lat, lon) in enumerate(PLACES))
    + "]}"
)


@dataclass(frozen=True)
class Ground:
    """The tiles that the flight needs, in each form in which providers hand tiles out."""

    pictures: dict[TileId, bytes]
    folder: Path
    """``z/x/y.jpeg``, rows from the north."""
    mbtiles: Path
    pmtiles: Path


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """The ground, written once."""
    base = tmp_path_factory.mktemp("ground")
    request = BuildCacheRequest(flight="x", zooms=ZOOMS, area=AreaRequest(metres=500))
    plan = make_plan(flight_of(*PLACES), request, [("x", ProviderInfo(dataset="x"))])
    made = Ground(
        {tile: real_jpeg(str(tile)) for tile in plan.coverage.tiles()},
        base / "tiles",
        base / "ground.mbtiles",
        base / "tiles" / "ground.pmtiles",
    )
    for tile, data in made.pictures.items():
        path = made.folder / f"{tile}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    _write_mbtiles(made)
    _write_pmtiles(made)
    return made


@pytest.fixture(scope="module")
def nginx(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real nginx over the folder."""
    with real_nginx(tmp_path_factory.mktemp("nginx"), ground.folder) as running:
        yield running.url


@pytest.fixture(scope="module")
def mapproxy(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A real MapProxy over the folder: its template, its WMTS by key and value, its WMTS by templates."""
    with real_mapproxy(tmp_path_factory.mktemp("mapproxy"), ground.folder) as running:
        yield running.xyz, running.service, running.document


@pytest.fixture(scope="module")
def tileserver(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real tileserver-gl-light over the MBTiles file."""
    with real_tileserver(tmp_path_factory.mktemp("tileserver"), ground.mbtiles) as tilejson:
        yield tilejson


WAYS: dict[str, Callable[[pytest.FixtureRequest, Ground], tuple[str, str]]] = {
    "xyz from nginx": lambda r, _g: ("xyz", f"url={r.getfixturevalue('nginx')}/{{z}}/{{x}}/{{y}}.jpeg"),
    "xyz from MapProxy": lambda r, _g: ("xyz", f"url={r.getfixturevalue('mapproxy')[0]}"),
    "WMTS by key and value from MapProxy": lambda r, _g: ("wmts", f"url={r.getfixturevalue('mapproxy')[1]}"),
    "WMTS by templates from MapProxy": lambda r, _g: ("wmts", f"url={r.getfixturevalue('mapproxy')[2]}"),
    "TileJSON from tileserver-gl": lambda r, _g: ("xyz", f"url={r.getfixturevalue('tileserver')}"),
    "PMTiles from nginx by ranges": lambda r, _g: ("pmtiles", f"url={r.getfixturevalue('nginx')}/ground.pmtiles"),
    "a PMTiles file": lambda _r, g: ("pmtiles", f"path={g.pmtiles}"),
    "an MBTiles file": lambda _r, g: ("mbtiles", f"path={g.mbtiles}"),
    "a folder": lambda _r, g: ("folder", f"path={g.folder}"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_tiles_by_each_way_are_the_same_bytes_in_the_store(
    ground: Ground, way: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every tile once, byte for byte; a second run asks for none of them."""
    provider, setting = WAYS[way](request, ground)
    workstation = Workstation(tmp_path)
    flight = tmp_path / "flight.json"
    flight.write_text(FLIGHT)
    download = ["download", "--flight-file", str(flight), "--zoom", "14-16", "--corridor", "500", "--json"]
    download += ["--provider", provider, "-o", f"{provider}.{setting}"]

    first = workstation.run(*download)
    assert first.code == 0, first.all
    assert first.report["tiles"]["downloaded"] == len(ground.pictures)
    assert workstation.run(*download).report["tiles"]["reused"] == len(ground.pictures)

    exported = tmp_path / "exported.mbtiles"
    assert workstation.run("store", "export", str(exported)).code == 0
    assert _read_mbtiles(exported) == ground.pictures


def _write_mbtiles(ground: Ground) -> None:
    with closing(sqlite3.connect(ground.mbtiles)) as connection, connection:
        connection.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
        connection.execute(
            "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)"
        )
        metadata = {"name": "ground", "format": "jpg", "bounds": "8.2,46.9,8.4,47.2", "minzoom": "14", "maxzoom": "16"}
        connection.executemany("INSERT INTO metadata VALUES (?, ?)", metadata.items())
        rows = [(t.z, t.x, (1 << t.z) - 1 - t.y, data) for t, data in ground.pictures.items()]
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)


def _read_mbtiles(path: Path) -> dict[TileId, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles").fetchall()
    return {TileId(z, x, (1 << z) - 1 - row): data for z, x, row, data in rows}


def _write_pmtiles(ground: Ground) -> None:
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    header = {
        "tile_type": TileType.JPEG,
        "tile_compression": Compression.NONE,
        "min_lon_e7": int(8.2e7),
        "min_lat_e7": int(46.9e7),
        "max_lon_e7": int(8.4e7),
        "max_lat_e7": int(47.2e7),
        "center_zoom": 14,
        "center_lon_e7": int(8.3e7),
        "center_lat_e7": int(47.05e7),
    }
    numbered = sorted((zxy_to_tileid(t.z, t.x, t.y), data) for t, data in ground.pictures.items())
    with ground.pmtiles.open("wb") as file:
        writer = Writer(file)
        for number, data in numbered:
            writer.write_tile(number, data)
        writer.finalize(header, {"attribution": "somebody"})
