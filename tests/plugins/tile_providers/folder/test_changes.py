"""The provider ``folder`` on folders that change, or vanish, between two runs or within one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import DownloadError, NotModified, Tile, TileId, WantedTile
from operator_tool_plugins.tile_providers import folder
from tests.plugins.tile_providers.folder.folders import fetch, make_folder, provider
from tests.support.pictures import real_jpeg


def rename_into_place(path: Path) -> None:
    (path / "new").write_bytes(real_jpeg("new"))
    (path / "new").rename(path / "3/1/0.jpg")


@pytest.mark.parametrize(
    "change",
    [
        rename_into_place,
        lambda path: (path / "3/1/5.jpg").write_bytes(real_jpeg(5)),
        lambda path: (path / "3/2").mkdir(),
        lambda path: (path / "4").mkdir(),
        lambda path: (path / "3/1/0.jpg").unlink(),
        lambda path: (path / "metadata.json").write_text("{}"),
    ],
    ids=["replaced", "added", "column", "zoom", "removed", "metadata"],
)
def test_the_data_set_changes_with_the_imagery_and_a_run_never_mixes_two(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    """Whatever was changed, by whom ever; nothing changed, it is the same."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    before = provider(path).describe().dataset
    assert provider(path).describe().dataset == before
    assert before.startswith("folder:tiles:")
    assert str(tmp_path) not in before
    stream, named = (
        provider(path, dataset=name).fetch(iter([WantedTile(TileId(3, 1, 0))])) for name in ("", "always filled")
    )
    assert isinstance(next(stream), Tile)
    assert isinstance(next(named), Tile)
    change(path)
    assert provider(path).describe().dataset != before
    with pytest.raises(DownloadError, match="changed while it was read"):
        next(stream)
    assert list(named) == []


def test_the_data_set_is_another_in_another_place_or_layout(tmp_path: Path) -> None:
    """Two folders of one name and one time are two surveys until somebody says otherwise."""
    first = make_folder(tmp_path / "one" / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    second = make_folder(tmp_path / "two" / "tiles", {"3/1/0.jpg": real_jpeg(2)})
    seen = {provider(path, layout=layout).describe().dataset for path in (first, second) for layout in ("xyz", "tms")}
    assert len(seen) == 4
    assert provider(first).describe().dataset == provider(first, layout="xyz").describe().dataset


def test_a_zoom_with_very_many_columns_is_known_by_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a tile that is replaced goes unseen, and a column that is added does not."""
    monkeypatch.setattr(folder.look, "_MAX_COLUMNS", 3)
    path = make_folder(tmp_path / "tiles", {f"9/{x}/0.jpg": real_jpeg(x) for x in range(4)})
    before = provider(path).describe().dataset
    (path / "9/1/1.jpg").write_bytes(real_jpeg(1))
    assert provider(path).describe().dataset == before
    (path / "9/5").mkdir()
    assert provider(path).describe().dataset != before


def test_a_tile_that_is_held_is_given_again_only_when_its_file_changed(tmp_path: Path) -> None:
    """The ETag is of size and time, so also a file that is overwritten in place is seen."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    (first,) = fetch(provider(path), TileId(3, 1, 0))
    assert isinstance(first, Tile)
    held = WantedTile(first.id, first.etag)
    assert list(provider(path).fetch(iter([held]))) == [NotModified(first.id)]
    with (path / "3/1/0.jpg").open("r+b") as file:
        file.write(real_jpeg(2))
    os.utime(path / "3/1/0.jpg", ns=(10**18, 10**18))
    (second,) = provider(path).fetch(iter([held]))
    assert isinstance(second, Tile)
    assert (second.data, second.etag != first.etag) == (real_jpeg(2), True)


@pytest.mark.parametrize("gone", ["tiles", "tiles/3"])
@pytest.mark.parametrize("instead", [False, True])
@pytest.mark.parametrize("row", [1, 2], ids=["missing", "unreadable"])
def test_a_folder_that_vanishes_ends_the_run_and_no_tile_of_it_is_absent(
    tmp_path: Path, gone: str, instead: bool, row: int
) -> None:
    """A disk that was unplugged, or another one in its place, is no word of the provider's on any tile."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1), "4/1/0.jpg": real_jpeg(1)})
    (path / "3/1/2.jpg").symlink_to("2.jpg")
    stream = provider(path).fetch(iter([WantedTile(TileId(3, 1, 0)), WantedTile(TileId(3, 1, row))]))
    assert isinstance(next(stream), Tile)
    (tmp_path / gone).rename(tmp_path / "elsewhere")
    if instead:
        (path / "3").mkdir(parents=True)
    with pytest.raises(DownloadError, match="is no longer") as caught:
        next(stream)
    assert caught.value.retryable


def test_a_folder_that_vanishes_before_the_first_tile_ends_the_run(tmp_path: Path) -> None:
    """It was described, and then its disk was unplugged."""
    path = make_folder(tmp_path / "tiles", {"3/1/0.jpg": real_jpeg(1)})
    made = provider(path)
    made.describe()
    shutil.rmtree(path)
    with pytest.raises(DownloadError, match="is no longer"):
        fetch(made, TileId(3, 1, 0))
