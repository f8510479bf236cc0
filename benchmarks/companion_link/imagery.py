"""What is sent: real pictures in a folder, in editions that differ in one tile of twenty, and the flight over them."""

from __future__ import annotations

import functools
import os
from itertools import count
from pathlib import Path

import msgspec
from tile_download.ground import BOX_M, Ground, tile_path
from tile_download.pictures import imagery_jpegs

_DIFFERENT = 5_000
_CHANGED_OF = 20
_COLUMNS = 40
_TILES_A_ROW = _COLUMNS * 5
_OTHER = 10**9 + _DIFFERENT // 2


class Imagery(msgspec.Struct, frozen=True):
    """One edition of the tiles of a ground."""

    ground: Ground
    tiles: int
    size_bytes: int
    folder: Path
    """``Z/X/Y.jpg`` below it."""
    flight: Path

    @property
    def asked_for(self) -> list[str]:
        """The options of ``operator-tool`` for this ground's tiles."""
        zooms = self.ground.zooms
        area = ["--box", str(BOX_M), "--zoom", f"{zooms[0]}-{zooms[-1]}", "--max-tiles", str(self.tiles)]
        return ["--flight-file", str(self.flight), *area]

    def picture(self, z: int, x: int, y: int) -> bytes:
        """Return one tile's bytes."""
        return (self.folder / str(z) / str(x) / f"{y}.jpg").read_bytes()


def editions_of(folder: Path, tiles: int, editions: int = 2) -> tuple[Imagery, ...]:
    """Write so many tiles, and so many editions: in each, one tile of twenty shows what none before it showed.

    The rest of an edition are the same files as in the one before.
    """
    if tiles % _TILES_A_ROW or not 1 <= editions <= _CHANGED_OF:
        raise SystemExit(f"{editions} editions of {tiles} tiles: give a multiple of {_TILES_A_ROW}, and few editions")
    ground = Ground((17, 18), columns=_COLUMNS, rows=tiles // _TILES_A_ROW)
    flight, first = folder / "flight.json", folder / "1"
    folder.mkdir(parents=True)
    ground.write_flight(flight)
    numbers = count()
    size_bytes = ground.write_pictures(first, lambda: numbered_picture(next(numbers)))
    written = [Imagery(ground, tiles, size_bytes, first, flight)]
    for edition in range(1, editions):
        written.append(_next_edition(written[-1], folder / str(edition + 1), edition))
    os.sync()
    return tuple(written)


def _next_edition(before: Imagery, folder: Path, edition: int) -> Imagery:
    size_bytes = before.size_bytes
    for number, tile in enumerate(before.ground.tiles()):
        old, new = before.folder / tile_path(tile), folder / tile_path(tile)
        new.parent.mkdir(parents=True, exist_ok=True)
        if number % _CHANGED_OF != edition - 1:
            os.link(old, new)
            continue
        data = numbered_picture(number + _OTHER * edition)
        new.write_bytes(data)
        size_bytes += len(data) - old.stat().st_size
    return Imagery(before.ground, before.tiles, size_bytes, folder, before.flight)


def numbered_picture(number: int) -> bytes:
    """Return a JPEG of 8 to 25 kB; no other number has the same. Some thousand are real, each with its own comment."""
    head, tail = _halves()[number % _DIFFERENT]
    return b"%b\xff\xfe\x00\x12%016d%b" % (head, number, tail)


@functools.cache
def _halves() -> list[tuple[bytes, bytes]]:
    halves = []
    for data in imagery_jpegs(_DIFFERENT):
        own = 4 + int.from_bytes(data[4:6], "big")  # JFIF wants its own segment to be the first
        halves.append((data[:own], data[own:]))
    return halves
