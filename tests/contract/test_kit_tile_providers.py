"""The conformance kit on every tile provider that comes with the tool, and on one that another company ships."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from operator_tool.api import TileId
from operator_tool.testing import TileProviderContract, WebTileProviderContract
from operator_tool.testing.making import Options
from operator_tool.testing.services.tile_service import Script, TileAnswer, TileRequest, TileService
from operator_tool_plugins.tile_providers._http import engine
from tests.plugins.tile_providers.pmtiles.archives import archive_of
from tests.plugins.tile_providers.wmts import documents
from tests.support.distributions import write_distribution
from tests.support.pictures import real_jpeg
from tests.support.satellite_service import INVENTORY_PATH, Asked, SatelliteService

ACME = Path(__file__).parents[1] / "distributions" / "acme-satellite" / "src"
TILES = tuple(TileId(12, 2200 + x, 1400 + y) for y in range(4) for x in range(4))
LACKED = TileId(12, 2300, 1500)


class LocalContract(TileProviderContract):
    """What lies on this machine: the same sixteen tiles in each form."""

    @pytest.fixture
    def present_tiles(self) -> tuple[TileId, ...]:
        """The tiles that each store has."""
        return TILES

    @pytest.fixture
    def absent_tile(self) -> TileId | None:
        """One that none has."""
        return LACKED


class TestMbtiles(LocalContract):
    """The provider ``mbtiles``."""

    plugin = "mbtiles"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """A file with the tiles, rows counted from the south."""
        path = tmp_path / "tiles.mbtiles"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE metadata (name TEXT, value TEXT)")
            connection.execute(
                "CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB)"
            )
            rows = [(t.z, t.x, (1 << t.z) - 1 - t.y, real_jpeg(str(t))) for t in TILES]
            connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
        return {"path": path}


class TestPmtiles(LocalContract):
    """The provider ``pmtiles`` on a file."""

    plugin = "pmtiles"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """An archive with the tiles."""
        path = tmp_path / "tiles.pmtiles"
        path.write_bytes(archive_of({tile: real_jpeg(str(tile)) for tile in TILES}))
        return {"path": path}


class TestFolder(LocalContract):
    """The provider ``folder``."""

    plugin = "folder"

    @pytest.fixture
    def plugin_options(self, tmp_path: Path) -> Options:
        """A folder with the tiles."""
        for tile in TILES:
            path = tmp_path / "tiles" / f"{tile}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(real_jpeg(str(tile)))
        return {"path": tmp_path / "tiles"}


class TestSynthetic(LocalContract):
    """The provider ``synthetic``, which lacks nothing."""

    plugin = "synthetic"

    @pytest.fixture
    def absent_tile(self) -> TileId | None:
        """There is none."""
        return None


class WebContract(WebTileProviderContract):
    """What asks over http with the tool's own engine; its waits are shortened, and are what they are otherwise."""

    connections: ClassVar[int] = 6

    @pytest.fixture(autouse=True)
    def short_waits(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Wait a fifth as long between attempts, and give up one request after a moment of silence, not a minute."""
        monkeypatch.setattr(engine, "_FIRST_BACKOFF_S", engine._FIRST_BACKOFF_S / 5)
        if "silent_service" in request.node.name:
            monkeypatch.setattr(engine, "WHOLE_TIMEOUT_S", 0.2)


class TestXyz(WebContract):
    """The provider ``xyz``."""

    plugin = "xyz"

    @pytest.fixture
    def plugin_options(self, tile_service: TileService) -> Options:
        """A template of the service's paths."""
        return {"url": tile_service.url + "/{z}/{x}/{y}.jpg", "api_key": tile_service.token}


class TestWmts(WebContract):
    """The provider ``wmts``."""

    plugin = "wmts"

    @pytest.fixture
    def plugin_options(self, tile_service: TileService) -> Options:
        """The service's address."""
        return {"url": tile_service.url + "/wmts", "api_key": tile_service.token}

    @pytest.fixture
    def tile_of_path(self) -> Callable[[str], TileId | None]:
        """A tile's path is matrix, row, column."""

        def tile(path: str) -> TileId | None:
            found = re.fullmatch(r"/photo/(\d+)/(\d+)/(\d+)\.jpg", urlsplit(path).path)
            return TileId(int(found[1]), int(found[3]), int(found[2])) if found else None

        return tile

    @pytest.fixture
    def other_paths(self) -> Script:
        """The capabilities."""

        def answer(request: TileRequest) -> TileAnswer | None:
            if not request.path.startswith("/wmts"):
                return None
            template = f"http://{request.headers['host']}/photo/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.jpg"
            document = documents.document(documents.layer(template=template), documents.matrix_set())
            return TileAnswer(body=document, media_type="application/xml")

        return answer


class TestSatellite(WebContract):
    """The provider ``satellite``, at a service with an inventory."""

    plugin = "satellite"
    pulls_ahead: ClassVar[int] = 1_000

    @pytest.fixture
    def plugin_options(self, tile_service: TileService) -> Options:
        """The service's address."""
        return {"url": tile_service.url, "api_key": tile_service.token}

    @pytest.fixture
    def other_paths(self, absent_tile: TileId) -> Script:
        """The inventory."""
        inventory = SatelliteService(port=0, holds=lambda tile: tile != absent_tile)

        def answer(request: TileRequest) -> TileAnswer | None:
            if request.path != INVENTORY_PATH:
                return None
            asked = Asked(method="POST", path=request.path, headers={}, body=request.body, connection=0)
            found = inventory.answer(asked)
            return TileAnswer(status=found.status, body=found.body, media_type=found.media_type)

        return answer


class TestAcmeSatellite(WebTileProviderContract):
    """A provider in thirty lines, by another company: one function per tile, the rest from the api."""

    plugin = "acme-satellite"
    connections: ClassVar[int] = 8

    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Install it, as far as this process sees."""
        folder = tmp_path / "site"
        entry_points = {"tile_provider": {"acme-satellite": "acme_satellite"}}
        write_distribution(folder, "acme-satellite", version="2.3.0", entry_points=entry_points)
        monkeypatch.syspath_prepend(str(ACME))
        monkeypatch.syspath_prepend(str(folder))

    @pytest.fixture
    def plugin_options(self, tile_service: TileService) -> Options:
        """The service's address and key."""
        return {"url": tile_service.url, "api_key": tile_service.token}

    @pytest.fixture
    def impatient_options(self, plugin_options: Options) -> Options:
        """With little time for one request."""
        return {**plugin_options, "timeout_s": 0.2}
