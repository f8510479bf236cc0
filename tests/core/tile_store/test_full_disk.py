"""A disk that refuses: the error says how much was wanted, and what was durable stays."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from operator_tool.api import DownloadError, PictureFormat, Tile, TileId
from operator_tool.tile_store import TileStore


def picture(number: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(8, "big")).digest(20_000)


def open_store(folder: Path) -> TileStore:
    return TileStore.open(folder, provider="test", dataset="set")


def put(store: TileStore, numbers: range) -> None:
    for number in numbers:
        store.put(Tile(TileId(15, number, 0), picture(number)), PictureFormat.JPEG)


def put_and_commit(store: TileStore, numbers: range) -> None:
    put(store, numbers)
    store.commit()


def assert_whole(folder: Path, numbers: list[int]) -> None:
    """Assert that exactly these tiles are held, in a store opened anew, and read well."""
    with open_store(folder) as store:
        held = store.held(15, 0, 0, 1 << 15)
        assert [tile.record.id.x for tile in held] == numbers
        assert all(store.read(tile.record) == picture(tile.record.id.x) for tile in held)


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse to make any file larger than this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_case_045_a_write_that_the_kernel_refuses_leaves_a_valid_store(tmp_path: Path) -> None:
    """The batch is dropped, the batches before it stay, and the same session goes on once there is room."""
    with open_store(tmp_path) as store:
        put(store, range(10))
        store.commit()
        with (
            largest_file(500_000),
            pytest.raises(DownloadError, match=r"MB were to be added, .* MB are free") as caught,
        ):
            put_and_commit(store, range(10, 200))
        assert caught.value.retryable
        assert (store.pending_tiles, store.pending_bytes) == (0, 0)
        store.commit()
        assert store.count() == 10
        put(store, range(100, 110))
        store.commit()
    assert_whole(tmp_path, [*range(10), *range(100, 110)])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_case_045_enospc_and_eio_at_write_and_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Whichever call fails, a pack that failed is not written to again, and what was durable is still read."""

    def refuse(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    with open_store(tmp_path) as store:
        put(store, range(10))
        store.commit()
        (pack,) = (store.folder / "packs").iterdir()
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refuse)
            with pytest.raises(DownloadError, match=os.strerror(number)):
                put_and_commit(store, range(10, 20))
        assert pack.stat().st_size == 10 * 20_000
        put(store, range(20, 30))
        store.commit()
        assert pack.stat().st_size == 10 * 20_000
    assert_whole(tmp_path, [*range(10), *range(20, 30)])


def test_case_045_a_full_index_disk_drops_the_batch_alone(tmp_path: Path) -> None:
    """The index's commit fails as a whole: no tile of the batch is held, and the next batch works."""
    with open_store(tmp_path) as store:
        put(store, range(10))
        store.commit()
        put(store, range(10, 20))
        with largest_file(0), pytest.raises(DownloadError):
            store.commit()
        assert store.count() == 10
        put(store, range(10, 15))
        store.commit()
    assert_whole(tmp_path, list(range(15)))


def test_case_045_an_index_without_room_drops_the_batch_alone(tmp_path: Path) -> None:
    """SQLite's own "disk is full", as it comes when only the index's pages find no room."""
    with open_store(tmp_path) as store:
        put_and_commit(store, range(10))
        assert store._writing is not None
        connection = store._writing._connection
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(DownloadError, match=r"full; .* MB are free"):
            put_and_commit(store, range(10, 300))
        connection.execute("PRAGMA max_page_count = 1000000")
        put_and_commit(store, range(10, 12))
    assert_whole(tmp_path, list(range(12)))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_case_045_a_folder_that_can_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The first commit fails with the room that is left; nothing of the store is there afterwards but folders."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    with open_store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "mkdir", refuse)
            with pytest.raises(DownloadError, match=rf"{os.strerror(number)}; .* MB are free"):
                put_and_commit(store, range(3))
        assert not store.folder.exists()
        put_and_commit(store, range(3))
    assert_whole(tmp_path, [0, 1, 2])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_case_045_a_pack_that_can_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A disk without a free inode refuses the file itself; no file is left, and the next picture makes one."""
    real_open = os.open

    def refuse(path: object, flags: int, *more: int, **named: int) -> int:
        if flags & os.O_CREAT and str(path).endswith(".pack"):
            raise OSError(number, os.strerror(number))
        return real_open(path, flags, *more, **named)  # type: ignore[arg-type]

    with open_store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            with pytest.raises(DownloadError, match=os.strerror(number)):
                put_and_commit(store, range(3))
        assert list((store.folder / "packs").iterdir()) == []
        put_and_commit(store, range(3))
    assert_whole(tmp_path, [0, 1, 2])
