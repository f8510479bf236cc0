"""Ours: the whole command, from Python's start to a verified store whose every batch is on the disk."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from operator_tool.tile_store import TileStore

from .ground import BOX_M, tile_path
from .peers import Command, Job


def operator_tool(job: Job) -> Command:
    """``operator-tool download`` of the flight."""
    flight, config = job.work / "flight.json", job.work / "config.toml"
    job.ground.write_flight(flight)
    config.touch()
    zooms = job.ground.zooms
    program = str(Path(sys.executable).with_name("operator-tool"))
    told = ["--flight-file", str(flight), "--box", str(BOX_M), "--zoom", f"{zooms[0]}-{zooms[-1]}", "--quiet"]
    provider = ["--provider", "xyz", "-o", f"xyz.url={job.base}/{{z}}/{{x}}/{{y}}.jpg"]
    places = ["--data-dir", str(job.out), "--config", str(config), "--report", str(_report(job))]
    return [program, "download", *told, *provider, "-o", f"xyz.max_connections={job.connections}", *places]


def right_tiles(job: Job, root: Path) -> int:
    """Return how many tiles the store holds with the very bytes of the server's; the report must say the same."""
    right = 0
    for folder in (job.out / "stores").iterdir():
        store = TileStore.open_existing(folder)
        if store is None:
            continue
        with store:
            for tile in job.ground.tiles():
                for held in store.held(tile.z, tile.y, tile.x, tile.x):
                    right += store.read(held.record) == (root / tile_path(tile)).read_bytes()
    report = json.loads(_report(job).read_text())
    assert report["tiles"]["downloaded"] == right, report
    return right


def _report(job: Job) -> Path:
    return job.work / "report.json"
