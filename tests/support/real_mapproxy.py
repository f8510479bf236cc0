"""The real MapProxy, started on a free loopback port, giving out a folder's files as WMTS and as XYZ."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.real_parts import free_port, running

_SERVE = """\
import sys
from mapproxy.util.ext.serving import run_simple
from mapproxy.wsgiapp import make_wsgi_app
run_simple("127.0.0.1", int(sys.argv[1]), make_wsgi_app(sys.argv[2]), threaded=True)
"""


@dataclass(frozen=True, kw_only=True)
class RealMapProxy:
    """A MapProxy that serves the files ``z/x/y.jpeg`` of a folder, rows from the north, bytes as they are.

    Where there is no file it answers a picture of one colour, and outside of the world an exception. Its ETags have no
    quotes, and it knows them again without quotes only.
    """

    url: str
    tiles: Path
    """The folder; files may come and go while it runs."""
    layer: str
    matrix_set: str
    log: Path
    """One line for each request."""

    @property
    def service(self) -> str:
        """The address of its WMTS by key and value; the capabilities there announce no templates."""
        return f"{self.url}/service"

    @property
    def document(self) -> str:
        """The address of the capabilities of its WMTS by templates."""
        return f"{self.url}/wmts/1.0.0/WMTSCapabilities.xml"

    @property
    def xyz(self) -> str:
        """The template of the same tiles as XYZ."""
        return f"{self.url}/tiles/{self.layer}/{self.matrix_set}/{{z}}/{{x}}/{{y}}.jpeg?origin=nw"


@contextlib.contextmanager
def real_mapproxy(folder: Path, tiles: Path) -> Iterator[RealMapProxy]:
    """Run MapProxy with its own files in ``folder``, serving the pictures of ``tiles``: whole JPEGs of 256 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    tiles.mkdir(parents=True, exist_ok=True)
    layer, matrix_set = "imagery", "webmercator"
    config = folder / "mapproxy.yaml"  # which JSON is too
    config.write_text(
        json.dumps(
            {
                "services": {"tms": {"use_grid_names": True}, "wmts": {"kvp": True, "restful": True}},
                "layers": [{"name": layer, "title": "Imagery", "tile_sources": ["seeded"]}],
                "caches": {
                    "seeded": {
                        "grids": [matrix_set],
                        "sources": [],
                        "format": "image/jpeg",
                        "cache": {"type": "file", "directory": str(tiles), "directory_layout": "tms"},
                    }
                },
                "grids": {matrix_set: {"base": "GLOBAL_WEBMERCATOR", "num_levels": 23}},
                "globals": {"cache": {"base_dir": str(folder / "cache")}},
            }
        )
    )
    port = free_port()
    log = folder / "mapproxy.log"
    with running([sys.executable, "-c", _SERVE, str(port), str(config)], port, log):
        yield RealMapProxy(url=f"http://127.0.0.1:{port}", tiles=tiles, layer=layer, matrix_set=matrix_set, log=log)
