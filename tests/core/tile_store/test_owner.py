"""A store that somebody else could change is not used; and pruning and runs keep out of each other's way."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, DownloadError
from operator_tool.tile_store import TileStore, folder
from operator_tool.tile_store.folder import FolderLock
from tests.support.stores import fill, held, open_store

STRANGER = 65_534


@pytest.mark.parametrize("below", ["", "packs"])
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o720])
def test_case_052_a_folder_that_others_may_write_into_is_refused(tmp_path: Path, below: str, mode: int) -> None:
    """The message names the folder and its mode, the hint the command that mends it."""
    place = fill(tmp_path, range(3)) / below
    place.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode is {mode:04o}") as caught:
        open_store(tmp_path)
    assert f"chmod go-w {place}" in caught.value.hint
    place.chmod(0o755)
    assert held(tmp_path) == [0, 1, 2]


@pytest.mark.parametrize("below", ["", "packs"])
def test_case_052_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    """The hint says how to take it over."""
    place = fill(tmp_path, range(3)) / below
    if os.geteuid() == 0:
        os.chown(place, STRANGER, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    with pytest.raises(ConfigError, match="another user") as caught:
        open_store(tmp_path)
    assert f"chown -R {os.geteuid()}" in caught.value.hint


def test_case_052_a_folder_of_roots_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is root can change it in any case; who is neither root nor we can't be told from a stranger."""
    place = fill(tmp_path, range(3))
    owner = 0
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER)
    monkeypatch.setattr(Path, "stat", lambda _path: os.stat_result((0o040700, 1, 1, 2, owner, 0, 0, 0, 0, 0)))
    folder.check_owner(place)
    owner = 1
    with pytest.raises(ConfigError, match="uid 1"):
        folder.check_owner(place)


def test_case_052_a_store_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file under the store's name is not a store."""
    place = fill(tmp_path, range(1))
    place.rename(tmp_path / "away")
    place.write_text("x")
    with pytest.raises(ConfigError, match="not a folder"):
        open_store(tmp_path)


def test_an_open_store_is_not_to_be_had_alone_and_a_closed_one_is(tmp_path: Path) -> None:
    """Reading holds pruning off as writing does; two runs don't disturb each other."""
    place = fill(tmp_path, range(3))
    with open_store(tmp_path), open_store(tmp_path) as second:
        assert second.count() == 3
        assert FolderLock.alone(place) is None
    lock = FolderLock.alone(place)
    assert lock is not None
    lock.release()


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel takes it back."""
    place = fill(tmp_path, range(3))
    script = (
        "import sys; from pathlib import Path; from operator_tool.tile_store import TileStore\n"
        "store = TileStore.open_existing(Path(sys.argv[1])); store.count(); print('open', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", script, str(place)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "open\n"
        assert FolderLock.alone(place) is None
        run.kill()
    lock = FolderLock.alone(place)
    assert lock is not None
    lock.release()


def test_a_run_waits_for_pruning_and_gives_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way out in the message."""
    place = fill(tmp_path, range(3))
    monkeypatch.setattr(folder, "_LOCK_TIMEOUT_S", 0.1)
    lock = FolderLock.alone(place)
    assert lock is not None
    with pytest.raises(DownloadError, match="pruned by another process") as caught:
        open_store(tmp_path)
    assert caught.value.retryable
    lock.release()
    assert held(tmp_path) == [0, 1, 2]


def test_a_lock_on_a_store_that_was_removed_meanwhile_is_not_taken_for_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is locked, and then it is looked up again under its name."""
    place = fill(tmp_path, range(3))
    try_lock = folder._try_lock
    replaced: list[bool] = []

    def replace_first(fd: int, kind: int) -> bool:
        if not replaced:
            replaced.append(True)
            place.rename(tmp_path / ".away")
            fill(tmp_path, range(3, 5))
        return try_lock(fd, kind)

    monkeypatch.setattr(folder, "_try_lock", replace_first)
    with open_store(tmp_path) as store:
        assert store.count() == 2
        assert FolderLock.alone(place) is None


def test_where_there_are_no_locks_runs_go_on_and_pruning_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without locks can't tell whether a store is in use."""
    place = fill(tmp_path, range(3))

    def refuse(_fd: int, _kind: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ConfigError, match="can't be locked"):
        FolderLock.alone(place)
    store = TileStore.open_existing(place)
    assert store is not None
    with store:
        assert store.count() == 3
