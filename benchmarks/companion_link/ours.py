"""Ours: ``operator-tool build-cache`` from Python's start to a verified MBTiles that the companion has switched to."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from .far_side import Reach, python
from .imagery import Imagery
from .peers import Command, Sender, Sending

TRANSPORTS = ("openssh", "ssh")
_GROUP = "operator_tool.v1.companion_transport"


def transports() -> tuple[str, ...]:
    """Return those of our transports over SSH that are installed."""
    installed = {entry.name for entry in importlib.metadata.entry_points(group=_GROUP)}
    return tuple(name for name in TRANSPORTS if name in installed)


class Workstation(msgspec.Struct, frozen=True):
    """The operator's end: a store that holds all imagery, and an agent that the companion has already."""

    data_dir: Path
    config: Path
    agent_dir: Path
    """On the companion."""

    def tool(self, command: str, *told: str) -> Command:
        """Return a command of ``operator-tool`` in this workstation's places."""
        program = str(Path(sys.executable).with_name("operator-tool"))
        places = ["--data-dir", str(self.data_dir), "--config", str(self.config), "--quiet"]
        return [program, command, *told, *places]

    def download(self, imagery: Imagery) -> None:
        """Fill the store."""
        subprocess.run(self.tool("download", *imagery.asked_for, *_provider(imagery)), check=True, capture_output=True)

    def build(self, imagery: Imagery, *told: str) -> Command:
        """Return the build of a cache on whichever companion is told."""
        return self.tool("build-cache", *imagery.asked_for, *_provider(imagery), *told)

    def sender(self, transport: str) -> Sender:
        """Return the build of a cache over a transport."""
        return functools.partial(self._send, transport)

    def _send(self, transport: str, sending: Sending) -> Command:
        over = ["--transport", transport, *settings(transport, sending.reach)]
        return self.build(sending.imagery, *over, *self.cache(sending.out), "--report", str(_report(sending)))

    def cache(self, root: Path) -> list[str]:
        """Return the options that name the cache on the companion."""
        told = {"cache_root": str(root), "agent_dir": str(self.agent_dir), "python": python()}
        return _options("c10", told)


def workstation(folder: Path) -> Workstation:
    """Return a workstation with an empty store."""
    folder.mkdir(parents=True)
    config = folder / "config.toml"
    config.touch()
    return Workstation(folder / "data", config, folder / "agent")


def settings(transport: str, reach: Reach) -> list[str]:
    """Return the options that name the companion."""
    return _options(transport, reach.settings())


def report(sending: Sending) -> dict[str, Any]:
    """Return what the command reported last."""
    told: dict[str, Any] = json.loads(_report(sending).read_text())
    return told


def right_tiles(sending: Sending) -> int:
    """Return how many tiles the companion's current cache holds with the very bytes of the workstation's."""
    return right_in_cache(sending.imagery, sending.out)


def right_in_cache(imagery: Imagery, root: Path) -> int:
    """Return how many tiles the current cache below a root holds with the very bytes of the workstation's."""
    right = 0
    place = (root / "current" / "tiles.mbtiles").resolve(strict=True)
    with contextlib.closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as database:
        for z, x, row, data in database.execute("SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles"):
            right += imagery.picture(z, x, (1 << z) - 1 - row) == data
    return right


def _provider(imagery: Imagery) -> list[str]:
    return ["--provider", "folder", *_options("folder", {"path": str(imagery.folder)})]


def _options(plugin: str, told: dict[str, str]) -> list[str]:
    return [part for key, value in told.items() for part in ("-o", f"{plugin}.{key}={value}")]


def _report(sending: Sending) -> Path:
    return sending.work / "report.json"
