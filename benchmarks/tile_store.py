"""The tile store: 5,000 pictures of 8-25 kB kept, against bare files and SQLite alone; and asked when it is large.

The disk matters: the folders are made in the one that ``TMPDIR`` names.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore

Pictures = list[tuple[TileId, bytes]]
TILES = 5_000
BATCH = 512
ROUNDS = 7


def pictures(seed: int) -> Pictures:
    """Return tiles with random bytes of the sizes that imagery has."""
    source = random.Random(seed)
    return [
        (TileId(17, 70_000 + i % 100, 44_000 + i // 100), source.randbytes(source.randint(8_000, 25_000)))
        for i in range(TILES)
    ]


def into_store(folder: Path, tiles: Pictures) -> None:
    """Put and commit in batches, as a download does."""
    with TileStore.open(folder, provider="bench", dataset="bench") as store:
        for number, (tile_id, data) in enumerate(tiles, 1):
            store.put(Tile(tile_id, data), PictureFormat.JPEG)
            if number % BATCH == 0:
                store.commit()
        store.commit()


def into_files(folder: Path, tiles: Pictures) -> None:
    """Write a file a tile, and bring them to the disk with one sync at the end."""
    for tile_id, data in tiles:
        parent = folder / str(tile_id.z) / str(tile_id.x)
        parent.mkdir(parents=True, exist_ok=True)
        (parent / f"{tile_id.y}.jpg").write_bytes(data)
    os.sync()


def into_sqlite_wal(folder: Path, tiles: Pictures) -> None:
    """Insert into one SQLite table in WAL mode, synchronous FULL, a transaction a batch, and fold the log in."""
    connection = sqlite3.connect(folder / "tiles.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE tiles (z INTEGER, x INTEGER, y INTEGER, data BLOB, UNIQUE (z, x, y))")
    for start in range(0, len(tiles), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(t.z, t.x, t.y, data) for t, data in tiles[start : start + BATCH]]
        connection.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


WAYS: dict[str, Callable[[Path, Pictures], None]] = {
    "bare files, one sync at the end": into_files,
    "the tile store, each batch durable": into_store,
    "SQLite in WAL, FULL, each batch durable": into_sqlite_wal,
}


def section() -> str:
    """Return the section of the benchmarks' page."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        return "\n".join(
            ["\n## The workstation's tile store", "", *_writing(root), "", *_reading(root), *_asking(root)]
        )


def _writing(root: Path) -> list[str]:
    tiles = pictures(1)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            os.sync()
            start_s = time.perf_counter()
            way(folder, tiles)
            # Nothing is deleted in between: making files right after a mass delete is several times slower.
            seconds[name].append(time.perf_counter() - start_s)
    files = seconds["bare files, one sync at the end"]
    rows = []
    for name, measured in seconds.items():
        middle_s, files_s = statistics.median(measured), statistics.median(files)
        middle = f"{middle_s:.2f} | {middle_s / files_s:.2f}"
        rows.append(f"| {name} | {middle} | {min(measured):.2f} | {min(measured) / min(files):.2f} |")
    total_mb = sum(len(data) for _, data in tiles) / 1e6
    return [
        f"{TILES:,} tiles, {total_mb:.0f} MB, {ROUNDS} rounds, interleaved; a commit every {BATCH} tiles.",
        "",
        "| | median s | ratio | fastest s | ratio |",
        "|---|---|---|---|---|",
        *rows,
    ]


def _reading(root: Path) -> list[str]:
    into_store(root, pictures(2))
    with TileStore.open(root, provider="bench", dataset="bench") as store:
        held = [tile for y in range(44_000, 44_050) for tile in store.held(17, y, 70_000, 70_099)]
        start_s = time.perf_counter()
        for tile in held:
            store.read(tile.record)
        spent_s = time.perf_counter() - start_s
    return [f"* Read in order, each verified: {len(held) / spent_s:,.0f} tiles/s."]


def _asking(root: Path) -> list[str]:
    lines = []
    with TileStore.open(root, provider="bench", dataset="large") as store:
        for y in range(500):
            for x in range(1_000):
                data = (y * 1_000 + x).to_bytes(16, "big")
                store.put(Tile(TileId(18, x, y), data, '"0123456789abcdef"'), PictureFormat.JPEG)
            store.commit()
        source = random.Random(3)
        places = [(source.randrange(500), source.randrange(980)) for _ in range(10_000)]
        for width in (1, 20):
            start_s = time.perf_counter()
            for y, x in places:
                assert len(store.held(18, y, x, x + width - 1)) == width
            spent_us = (time.perf_counter() - start_s) / len(places) * 1e6
            lines.append(
                f"* Which of {width} neighbours are held, 500,000 tiles in the store: {spent_us:.0f} microseconds."
            )
    return lines


if __name__ == "__main__":
    print(section())
