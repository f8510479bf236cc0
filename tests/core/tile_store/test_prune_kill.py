"""Pruning killed at each of its steps: what was to stay stays, and the next pruning ends the work."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import TileId
from operator_tool.tile_store import compaction
from operator_tool.tile_store.listing import list_stores
from operator_tool.tile_store.pruning import prune
from operator_tool.tile_store.verification import verify
from tests.support.stores import LENGTH, fill_at, held, moment_s, open_store, packs_of


class _Killer:
    """Kills this process at its n-th step: a system call that changes the disk, or a statement of SQLite."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self, *_what: object) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            self.step()
            return call(*arguments, **named)

        return called

    def watch(self) -> None:
        for name in ("write", "fsync", "unlink", "rename", "rmdir", "ftruncate"):
            setattr(os, name, self.before(getattr(os, name)))
        connect = sqlite3.connect

        def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **named)
            connection.set_trace_callback(self.step)
            return connection

        setattr(sqlite3, "connect", traced)  # noqa: B010 - mypy knows that nobody may


def pruned_until_killed(folder: Path, at: int) -> bool:
    """Prune in a child that is killed at a step; return True when it came to its end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _Killer(at).watch()
            prune(folder, list_stores(folder), before_s=moment_s(3))
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stores with a dead pack, a pack to be written anew in several parts, and a store of which nothing stays."""
    monkeypatch.setattr(compaction, "_MOVED_AT_ONCE", 7)
    folder = tmp_path / "before"
    fill_at(monkeypatch, 1, folder, range(10))
    fill_at(monkeypatch, 4, folder, range(100, 150))
    fill_at(monkeypatch, 1, folder, range(10), dataset="old")
    with open_store(folder) as store:
        store.forget_tiles([TileId(12, x, 0) for x in range(100, 130)])
    return folder


def test_case_047_killed_at_any_step_pruning_loses_nothing_that_was_to_stay(tmp_path: Path, before: Path) -> None:
    """After each kill the tiles are held and whole, the store verifies, and pruning again gives the room back."""
    kills = 0
    while True:
        folder = tmp_path / f"killed at {kills}"
        shutil.copytree(before, folder)
        ended = pruned_until_killed(folder, kills)
        held_after = [x for x in held(folder) if x >= 100]
        assert held_after == list(range(130, 150)), f"killed at step {kills}"
        assert all(verify(one.folder, forget=False).is_well for one in list_stores(folder))
        prune(folder, list_stores(folder), before_s=moment_s(3))
        (left,) = list_stores(folder)
        assert 20 * LENGTH <= sum(pack.stat().st_size for pack in packs_of(left.folder)) <= 20 * LENGTH / 0.75
        assert [path.name for path in folder.iterdir()] == [left.name]
        assert held(folder) == list(range(130, 150))
        shutil.rmtree(folder)
        if ended:
            break
        kills += 1
    assert kills > 40
