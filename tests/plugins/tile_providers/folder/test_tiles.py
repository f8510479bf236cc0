"""The provider ``folder`` on single tiles: whole ones, missing ones, odd ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import (
    Absent,
    Corrupt,
    DownloadError,
    RunContext,
    Tile,
    TileId,
    TileProvider,
    Unreachable,
    WantedTile,
)
from operator_tool_plugins.tile_providers import folder
from tests.plugins.tile_providers.folder.folders import fetch, make_folder, pictures, provider
from tests.support.pictures import real_jpeg, real_png, real_webp


def test_it_is_a_tile_provider_by_the_hooks() -> None:
    """The door gives settings and a provider that looks at nothing yet."""
    assert folder.plugin_settings() is folder.FolderSettings
    assert isinstance(provider(Path("/not/there")), TileProvider)


@pytest.mark.parametrize("layout", ["xyz", "tms"])
def test_tiles_come_byte_for_byte_in_the_order_in_which_they_are_wanted(tmp_path: Path, layout: str) -> None:
    """Whichever ending each has; rows count from the north, or from the south where the layout says so."""
    files = {
        "3/1/0.jpg": real_jpeg(1),
        "3/1/7.png": real_png(2),
        "3/6/2.webp": real_webp(3),
        "3/6/3.jpeg": b"\xff\xd8\xff",
    }
    path = make_folder(tmp_path / "tiles", files)
    rows = {"xyz": (2, 7, 0, 3), "tms": (5, 0, 7, 4)}[layout]
    wanted = [TileId(3, x, row) for x, row in zip((6, 1, 1, 6), rows, strict=True)]
    results = fetch(provider(path, layout=layout), *wanted)
    assert [result.id for result in results] == wanted
    assert pictures(results) == [real_webp(3), real_png(2), real_jpeg(1), b"\xff\xd8\xff"]


def test_what_the_folder_does_not_hold_is_absent(tmp_path: Path) -> None:
    """No file, no column, no zoom, and a file where a column's folder would be."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1), "3/2": b"a file"})
    results = fetch(provider(path), TileId(3, 1, 1), TileId(3, 5, 0), TileId(9, 1, 1), TileId(3, 2, 0))
    assert [type(result) for result in results] == [Absent] * 4


@pytest.mark.timeout(20)
def test_what_is_no_picture_or_too_long_fails_its_tile_alone(tmp_path: Path) -> None:
    """One bad file is one gap; a FIFO that nobody writes to blocks nothing."""
    path = make_folder(
        tmp_path / "tiles",
        {"3/0/0.jpg": real_jpeg(1), "3/1/0.jpg": b"<html>", "3/2/0.jpg": b"", "3/3/0.jpg": real_jpeg(1)},
    )
    os.truncate(path / "3/3/0.jpg", 4 * 1024 * 1024 + 1)
    (path / "3/4/0.jpg").mkdir(parents=True)
    (path / "3/5").mkdir()
    os.mkfifo(path / "3/5/0.jpg")
    (path / "3/6").mkdir()
    (path / "3/6/0.jpg").symlink_to("/proc/version")  # says that it is empty, and is not
    results = fetch(provider(path), *(TileId(3, x, 0) for x in range(7)))
    assert [type(result) for result in results] == [Tile] + [Corrupt] * 6
    assert isinstance(results[6], Corrupt)
    assert "changed while it was read" in results[6].reason


def test_links_are_read_through_and_one_in_a_circle_fails_its_tile_alone(tmp_path: Path) -> None:
    """A link to a file, to a column, to the folder itself."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    (path / "3/1/1.jpg").symlink_to("0.jpg")
    (path / "3/2").symlink_to("1")
    (path / "3/1/2.jpg").symlink_to("2.jpg")
    (path / "3/3").symlink_to("nowhere")
    (tmp_path / "link").symlink_to(path)
    made = provider(tmp_path / "link")
    ids = [TileId(3, 1, 1), TileId(3, 2, 0), TileId(3, 1, 2), TileId(3, 3, 0)]
    assert [type(result) for result in fetch(made, *ids)] == [Tile, Tile, Unreachable, Absent]
    assert made.describe().dataset == provider(path).describe().dataset


def test_a_disk_that_can_not_be_read_ends_the_run(tmp_path: Path) -> None:
    """Unreadable files are gaps while they are few; a million of them are one error. One that is read starts anew."""
    path = make_folder(tmp_path / "tiles", {"9/1/500.jpg": real_jpeg(1)})
    for row in range(30):
        (path / f"9/1/{row}.jpg").symlink_to(f"{row}.jpg")
    rows = [*range(20), 500, *range(20)]
    results = fetch(provider(path), *(TileId(9, 1, row) for row in rows))
    assert [type(result) for result in results] == [Unreachable] * 20 + [Tile] + [Unreachable] * 20
    with pytest.raises(DownloadError, match="24 tiles in a row"):
        fetch(provider(path), *(TileId(9, 1, row) for row in range(30)))


def test_the_stream_is_lazy(tmp_path: Path) -> None:
    """It pulls one tile at a time."""
    pulled: list[int] = []

    def endless() -> Iterator[WantedTile]:
        while True:
            pulled.append(len(pulled))
            yield WantedTile(TileId(22, len(pulled), 0))

    stream = provider(make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})).fetch(endless())
    assert isinstance(next(stream), Absent)
    assert len(pulled) == 1


def test_a_run_that_is_given_up_ends_the_stream(tmp_path: Path) -> None:
    """At the next tile."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    context = RunContext(run_id="r", state_dir=tmp_path)
    made = folder.FolderProvider(folder.FolderSettings(path=path), context)
    stream = made.fetch(WantedTile(TileId(3, x, 0)) for x in range(8))
    next(stream)
    context.cancelled.set()
    assert list(stream) == []


def test_nothing_stays_open(tmp_path: Path) -> None:
    """However a stream ends: a disk can be unmounted after it."""
    path = make_folder(tmp_path / "tiles", {f"{z}/1/0.jpg": real_jpeg(1) for z in range(10)})
    before = len(os.listdir("/proc/self/fd"))
    made = provider(path)
    stream = made.fetch(WantedTile(TileId(3, x, 0)) for x in range(8))
    next(stream)
    assert len(os.listdir("/proc/self/fd")) == before + 10
    stream.close()  # type: ignore[attr-defined]
    fetch(made, TileId(3, 1, 0))
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before
