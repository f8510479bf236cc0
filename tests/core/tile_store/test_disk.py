"""Room on the disk: asked before a download and at every commit, and told in full when there is too little."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from operator_tool.api import DownloadError
from operator_tool.tile_store.disk import check_reserve, check_room, free_bytes, make_durable_folder, total_bytes

MB = 10**6
MIB = 2**20
GIB = 2**30


def disk_of(monkeypatch: pytest.MonkeyPatch, *, total: int, free: int) -> None:
    """Let every folder lie on a disk of this size."""
    answer = SimpleNamespace(f_frsize=1, f_blocks=total, f_bavail=free)
    monkeypatch.setattr(os, "statvfs", lambda _path: answer)


def test_case_045_an_estimate_that_does_not_fit_is_told_with_what_is_needed_and_what_is_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The estimate counts 1.1 times, and 3 % of the disk stay free."""
    disk_of(monkeypatch, total=10_000 * MB, free=1_400 * MB)
    check_room(tmp_path, 1_000 * MB)
    with pytest.raises(
        DownloadError, match=r"1,400\.0 MB are free, 1,100\.1 MB are needed .* 300\.0 MB that are kept"
    ) as caught:
        check_room(tmp_path, 1_000_100_000)
    assert "store prune" in caught.value.hint
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("total", "reserve"), [(1_000 * MB, 64 * MIB), (10_000 * MB, 300 * MB), (2_000_000 * MB, 2 * GIB)]
)
def test_case_045_the_reserve_is_3_percent_and_never_tiny_or_huge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, total: int, reserve: int
) -> None:
    """A commit is refused one byte below it."""
    disk_of(monkeypatch, total=total, free=reserve)
    check_reserve(tmp_path)
    disk_of(monkeypatch, total=total, free=reserve - 1)
    with pytest.raises(DownloadError, match="below the"):
        check_reserve(tmp_path)


def test_case_045_a_disk_that_can_not_be_asked_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An input/output error is no free room."""

    def refuse(_path: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", refuse)
    with pytest.raises(DownloadError, match="Input/output error"):
        check_reserve(tmp_path)


def test_a_folder_that_is_not_there_yet_lies_on_its_parents_disk(tmp_path: Path) -> None:
    """A store can be asked about before it is made."""
    there, missing = os.statvfs(tmp_path), tmp_path / "a" / "b"
    assert total_bytes(missing) == there.f_blocks * there.f_frsize
    assert 0 < free_bytes(missing) <= total_bytes(missing)
    assert not missing.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_case_052_folders_are_made_for_us_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """Mode 0700 from the first to the last."""
    before = os.umask(umask)
    try:
        make_durable_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o7777 for name in ("a", "a/b")] == [0o700, 0o700]
