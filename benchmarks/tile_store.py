"""Measure the tile store: 5,000 pictures of 8-25 kB put and committed, against bare files and SQLite alone, same run.

Run it with a Python that has operator-tool installed, on the disk that the store will lie on::

    python benchmarks/tile_store.py [--folder FOLDER] [--rounds 5] [--held]

Prints seconds (median of the rounds, interleaved) and the ratio to bare files with one sync at the end.
"""

from __future__ import annotations

import argparse
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
    "bare files, one sync": into_files,
    "tile store, durable batches": into_store,
    "SQLite in WAL, FULL, batches": into_sqlite_wal,
}


def measure_writing(root: Path, rounds: int) -> None:
    """Print the median of each way and its ratio to bare files."""
    tiles = pictures(1)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            os.sync()
            start_s = time.perf_counter()
            way(folder, tiles)
            # Nothing is deleted in between: making files right after a mass delete is several times slower.
            seconds[name].append(time.perf_counter() - start_s)
    files_s = statistics.median(seconds["bare files, one sync"])
    total_mb = sum(len(data) for _, data in tiles) / 1e6
    print(f"{TILES:,} tiles, {total_mb:.0f} MB, {rounds} rounds, batches of {BATCH}")
    for name, measured in seconds.items():
        median_s = statistics.median(measured)
        print(f"{name:32} {median_s:6.2f} s   {median_s / files_s:5.2f}   (fastest {min(measured):.2f} s)")


def measure_reading(root: Path) -> None:
    """Print how long reading every tile in order takes, verified."""
    tiles = pictures(2)
    into_store(root, tiles)
    with TileStore.open(root, provider="bench", dataset="bench") as store:
        held = [tile for y in range(44_000, 44_050) for tile in store.held(17, y, 70_000, 70_099)]
        start_s = time.perf_counter()
        for tile in held:
            store.read(tile.record)
        spent_s = time.perf_counter() - start_s
    print(f"read {len(held):,} tiles, verified: {spent_s:.3f} s, {len(held) / spent_s:,.0f} tiles/s")


def measure_held(root: Path) -> None:
    """Print how long a question after 20 tiles takes in a store that holds 500,000."""
    with TileStore.open(root, provider="bench", dataset="held") as store:
        start_s = time.perf_counter()
        for y in range(500):
            for x in range(1_000):
                data = (y * 1_000 + x).to_bytes(16, "big")
                store.put(Tile(TileId(18, x, y), data, '"0123456789abcdef"'), PictureFormat.JPEG)
            store.commit()
        print(f"500,000 tiles of 16 bytes put: {time.perf_counter() - start_s:.1f} s")
        source = random.Random(3)
        places = [(source.randrange(500), source.randrange(980)) for _ in range(10_000)]
        for what, width in (("20 tiles", 20), ("1 tile", 1)):
            start_s = time.perf_counter()
            for y, x in places:
                assert len(store.held(18, y, x, x + width - 1)) == width
            spent_us = (time.perf_counter() - start_s) / len(places) * 1e6
            print(f"held, a range of {what}: {spent_us:.0f} microseconds")
        start_s = time.perf_counter()
        store.count()
        print(f"count: {(time.perf_counter() - start_s) * 1e3:.1f} ms")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where to write; the disk matters")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--held", action="store_true", help="also fill a store with 500,000 tiles and question it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        measure_writing(root, options.rounds)
        measure_reading(root)
        if options.held:
            measure_held(root)


if __name__ == "__main__":
    main()
