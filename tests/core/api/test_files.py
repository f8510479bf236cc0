"""Files that are written for the operator: private, whole or not at all, through no link of another's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from operator_tool.api import appended_file, replaced_file, replaced_path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_case_119_a_private_file_is_created_private(tmp_path: Path) -> None:
    """A file of ours has mode 0600 from its creation on, whatever the umask and whatever the mode of the one before."""
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o644)
    before = os.umask(0)
    try:
        for name in ("old", "new"):
            with replaced_file(tmp_path / name) as file:
                assert {mode_of(one) for one in tmp_path.glob(".*")} == {0o600}
                file.write(b"x")
            assert mode_of(tmp_path / name) == 0o600
        with replaced_path(tmp_path / "made") as path:
            assert mode_of(path.parent) == 0o700
            path.write_bytes(b"x")
        assert mode_of(tmp_path / "made") == 0o600
        appended_file(tmp_path / "log").close()
        assert mode_of(tmp_path / "log") == 0o600
    finally:
        os.umask(before)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log", "made", "new", "old"]


def test_a_name_beside_the_target_that_can_be_foreseen_is_not_used(tmp_path: Path) -> None:
    """Links that were planted under the names of before lead nowhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / f".report.json.{os.getpid()}.new").symlink_to(victim)
    with replaced_file(tmp_path / "report.json") as file:
        file.write(b"x")
    with replaced_path(tmp_path / "report.json") as path:
        path.write_bytes(b"y")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "report.json").read_bytes() == b"y"


def test_the_operators_own_link_is_followed_and_anothers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that others can write to, a link at the name itself may be planted too."""
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    with replaced_file(link) as file:
        file.write(b"new")
    with appended_file(link) as file:
        file.write(b"er")
    assert link.is_symlink()
    assert target.read_bytes() == b"newer"
    uid = os.lstat(link).st_uid
    if uid == 0:
        os.lchown(link, 65_534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    for use in (replaced_file, replaced_path):
        with pytest.raises(OSError, match="another user"), use(link):
            pytest.fail("it was opened")
    with pytest.raises(OSError, match="another user"):
        appended_file(link)
    assert target.read_bytes() == b"newer"


def test_a_failure_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the writer, or of the disk at the end."""
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    for use in (replaced_file, replaced_path):
        with pytest.raises(ZeroDivisionError), use(path):
            raise ZeroDivisionError

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), replaced_file(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]
