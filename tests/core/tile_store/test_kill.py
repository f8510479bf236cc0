"""Other processes: killed at any moment, filling the same store at once, and orphans they leave."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore

WRITER = """
import hashlib, sys
from pathlib import Path
from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore

folder, y, start, count, batch = Path(sys.argv[1]), *map(int, sys.argv[2:])
with TileStore.open(folder, provider="test", dataset="set") as store:
    print("open", flush=True)
    for x in range(start, start + count):
        data = hashlib.shake_128(b"%d/%d" % (x, y)).digest(9_000 + x % 7_000)
        store.put(Tile(TileId(20, x, y), data), PictureFormat.JPEG)
        if (x + 1 - start) % batch == 0:
            store.commit()
            print(x, flush=True)
"""


def picture(x: int, y: int) -> bytes:
    return hashlib.shake_128(b"%d/%d" % (x, y)).digest(9_000 + x % 7_000)


def start_writer(folder: Path, *arguments: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", WRITER, str(folder), *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def held_and_verified(store: TileStore, y: int) -> list[int]:
    """Return the x of the tiles held in a row, each one read and compared."""
    held = store.held(20, y, 0, 2**20)
    for tile in held:
        assert store.read(tile.record) == picture(tile.record.id.x, y)
    return [tile.record.id.x for tile in held]


def test_case_047_a_killed_writer_loses_its_open_batch_and_nothing_else(tmp_path: Path) -> None:
    """Ten writers are killed after a random number of commits and a random part of a batch; all that they
    reported as committed is there, whole, and nothing half."""
    source = random.Random(20261122)
    batch = 16
    reported = 0
    for _ in range(10):
        kill_after = source.randrange(1, 12)
        with start_writer(tmp_path, 0, reported, 100_000, batch) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "open\n"
            for _ in range(kill_after):
                reported = int(writer.stdout.readline()) + 1
            # The writer goes on meanwhile, so that the kill comes at any step of a batch.
            for _ in range(source.randrange(20_000)):
                pass
            writer.kill()
            for line in writer.stdout:
                reported = int(line) + 1
        with TileStore.open(tmp_path, provider="test", dataset="set") as store:
            held = held_and_verified(store, 0)
            assert held[:reported] == list(range(reported))
            # At most one commit was durable and not yet reported.
            assert len(held) in (reported, reported + batch)
    assert reported > 10 * batch


def test_packs_that_nothing_refers_to_are_swept_and_those_in_use_are_not(tmp_path: Path) -> None:
    """A writer that died before its first commit leaves a pack; the next writer removes it, and only it."""
    with start_writer(tmp_path, 0, 0, 64, 64) as writer:
        assert writer.wait() == 0
    packs = next(tmp_path.iterdir()) / "packs"
    (committed,) = packs.iterdir()
    orphan = packs / f"{'0' * 32}.pack"
    orphan.write_bytes(b"x" * 100)
    with TileStore.open(tmp_path, provider="test", dataset="set") as first:
        first.put(Tile(TileId(20, 1, 1), picture(1, 1)), PictureFormat.JPEG)
        assert not orphan.exists()
        with TileStore.open(tmp_path, provider="test", dataset="set") as second:
            second.put(Tile(TileId(20, 2, 1), picture(2, 1)), PictureFormat.JPEG)
            second.commit()
        first.commit()
        assert committed.exists()
        assert len(os.listdir(packs)) == 3
        assert held_and_verified(first, 1) == [1, 2]


def test_two_processes_fill_the_same_new_store_at_once(tmp_path: Path) -> None:
    """Both make it, both write, also the same tiles; all of it is there afterwards."""
    for number in range(5):
        folder = tmp_path / str(number)
        with start_writer(folder, 0, 0, 400, 20) as one, start_writer(folder, 0, 200, 400, 20) as two:
            assert (one.wait(60), two.wait(60)) == (0, 0)
        with TileStore.open(folder, provider="test", dataset="set") as store:
            assert held_and_verified(store, 0) == list(range(600))
