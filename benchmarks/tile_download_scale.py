"""What a tile costs when there are many: downloads of 5,000 to 500,000 tiles, their time and memory. Takes minutes.

Not part of the page unless it is asked for: ``benchmarks/run.py tile_download_scale``. Needs 10 GB of disk.
"""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path

from tile_download.ground import Ground
from tile_download.ours import operator_tool, right_tiles
from tile_download.pictures import SmallJpegs
from tile_download.server import running
from tile_download.timing import Track

CONNECTIONS = 16
SIZES = {5_000: (40, 25), 50_000: (125, 80), 500_000: (400, 250)}
"""Tiles, and the columns and rows of the coarser of two zooms."""


def section() -> str:
    """Return the section of the benchmarks' page."""
    grounds = {tiles: Ground((17, 18), columns=columns, rows=rows) for tiles, (columns, rows) in SIZES.items()}
    pictures, numbers = SmallJpegs(), count()
    with tempfile.TemporaryDirectory(prefix="tile-download-scale-") as name:
        folder = Path(name)
        size = grounds[max(grounds)].write_pictures(folder / "tiles", lambda: pictures.numbered(next(numbers)))
        with running(folder / "nginx", folder / "tiles") as server:
            track = Track(folder / "tiles", server, folder)
            rows = [_row(track, tiles, ground) for tiles, ground in grounds.items()]
    return "\n".join(
        [
            "\n## What a tile costs when there are many\n",
            f"`operator-tool download` of JPEGs of {size / max(grounds) / 1e3:.1f} kB, all different, from nginx on",
            f"the loopback with {CONNECTIONS} connections; one run each. The peak is of the whole process.\n",
            "| tiles | s | microseconds a tile | CPU, microseconds a tile | peak MB |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _row(track: Track, tiles: int, ground: Ground) -> str:
    outcome = track.once(ground, operator_tool, right_tiles, way="raw", connections=CONNECTIONS, watch=True)
    if outcome.right != tiles:
        raise SystemExit(f"{outcome.right:,} of {tiles:,} tiles are right")
    took = outcome.process
    each_us, cpu_us = took.seconds / tiles * 1e6, took.cpu_s / tiles * 1e6
    return f"| {tiles:,} | {took.seconds:.1f} | {each_us:.0f} | {cpu_us:.0f} | {took.peak_bytes / 1e6:.0f} |"


if __name__ == "__main__":
    print(section())
