"""The real tileserver-gl-light, on a free loopback port, serving one MBTiles file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.support.real_parts import free_port, not_installed, require, running

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
"""The user's own: read before the tests get folders of theirs."""


@contextlib.contextmanager
def real_tileserver(folder: Path, mbtiles: Path) -> Iterator[str]:
    """Run it with its files in ``folder``; gives the address of the file's TileJSON."""
    node, program = require("node"), _program()
    for name in ("fonts", "styles"):
        (folder / name).mkdir(parents=True)
    paths = {"root": str(folder), "fonts": "fonts", "styles": "styles", "mbtiles": ""}
    config = folder / "config.json"
    config.write_text(
        json.dumps({"options": {"paths": paths}, "styles": {}, "data": {"ground": {"mbtiles": str(mbtiles)}}})
    )
    port = free_port()
    argv = [node, str(program), "--config", str(config), "--port", str(port), "--bind", "127.0.0.1"]
    with running(argv, port, folder / "tileserver.log", start_s=60.0):
        yield f"http://127.0.0.1:{port}/data/ground.json"


def _program() -> Path:
    """Return where ``.ci/real-parts`` puts it."""
    place = _CACHE / "operator-tool-real-parts" / "tileserver-gl-light"
    if not (place / "ready").exists():
        not_installed("tileserver-gl-light (.ci/real-parts installs it)")
    return place / "node_modules" / "tileserver-gl-light" / "src" / "main.js"
