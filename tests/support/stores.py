"""Stores for these tests: pictures of their own for each number, at x = number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operator_tool.api import PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore, store
from operator_tool.tile_store.listing import ListedStore, list_stores

LENGTH = 1_000


def picture(number: int, length: int = LENGTH) -> bytes:
    """Bytes of their own for each number."""
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(length)


def open_store(folder: Path, dataset: str = "set", provider: str = "test") -> TileStore:
    return TileStore.open(folder, provider=provider, dataset=dataset)


def fill(
    folder: Path,
    numbers: range,
    *,
    z: int = 12,
    y: int = 0,
    dataset: str = "set",
    provider: str = "test",
    picture_format: PictureFormat = PictureFormat.PNG,
) -> Path:
    """Commit a tile for each number, in a pack of its own; return the store's folder."""
    with open_store(folder, dataset, provider) as opened:
        for number in numbers:
            opened.put(Tile(TileId(z, number, y), picture(number)), picture_format)
        opened.commit()
        return opened.folder


def fill_at(monkeypatch: pytest.MonkeyPatch, day: int, folder: Path, numbers: range, dataset: str = "set") -> Path:
    """Commit tiles as if it were this day of March 2026."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "datetime", _clock(day))
        return fill(folder, numbers, dataset=dataset)


def moment_s(day: int) -> float:
    """Return the start of a day of March 2026."""
    return datetime(2026, 3, day, tzinfo=UTC).timestamp()


def the_store(folder: Path) -> ListedStore:
    """Return the one store of a folder of stores."""
    (one,) = list_stores(folder)
    return one


def held(folder: Path, dataset: str = "set") -> list[int]:
    """Return the x of the tiles held in the first row, each one read and compared."""
    with open_store(folder, dataset) as opened:
        found = opened.held(12, 0, 0, 4095)
        assert all(opened.read(tile.record) == picture(tile.record.id.x) for tile in found)
        return [tile.record.id.x for tile in found]


def packs_of(folder: Path) -> list[Path]:
    return sorted((folder / "packs").glob("*.pack"))


def flip(pack: Path, number: int) -> None:
    """Turn one bit of the picture that lies as the ``number``-th of a pack."""
    with pack.open("r+b") as file:
        file.seek(number * LENGTH + 10)
        byte = file.read(1)
        file.seek(number * LENGTH + 10)
        file.write(bytes([byte[0] ^ 1]))


def state(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by path."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _clock(day: int) -> type[datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # always UTC here
            return datetime(2026, 3, day, 12, tzinfo=UTC)

    return Clock
