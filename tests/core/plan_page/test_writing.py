"""The files: whole or not at all, and nothing is left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, UsageError
from operator_tool.plan_page import check_targets, draw_plan

from .plans import AT, LEG, estimate_of, flight_of, plan_of

PLAN = plan_of(flight_of(*LEG), zooms=(15,))


def draw(folder: Path, page: Path | None, picture: Path | None = None) -> None:
    """Draw the plan, with stores in the folder that aren't there."""
    draw_plan(PLAN, estimate_of(PLAN), folder / "stores", page=page, picture=picture, at=AT)


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    """No store is made, and no temporary file is left."""
    draw(tmp_path, tmp_path / "plan.html", tmp_path / "plan.png")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["plan.html", "plan.png"]
    assert (tmp_path / "plan.html").read_text("utf-8").startswith("<!doctype html>")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_there_is_replaced_and_a_link_is_followed(tmp_path: Path) -> None:
    """The link stays a link; who has the old file open reads it to its end."""
    target = tmp_path / "old.html"
    target.write_text("old")
    os.link(target, tmp_path / "still open")
    link = tmp_path / "plan.html"
    link.symlink_to(target)
    draw(tmp_path, link)
    assert link.is_symlink()
    assert "<!doctype html>" in target.read_text("utf-8")
    assert (tmp_path / "still open").read_text() == "old"


def test_a_file_that_is_there_stays_whole_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was drawn before is better than half of what is new."""
    page = tmp_path / "plan.html"
    page.write_text("old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        draw(tmp_path, page)
    assert page.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["plan.html"]


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """With the path and the system's word; into this folder not even root may write."""
    with pytest.raises(ConfigError, match=r"/proc/plan\.html can't be written"):
        draw(tmp_path, Path("/proc/plan.html"))


def test_what_can_be_no_file_is_refused_before_anything_is_asked_for(tmp_path: Path) -> None:
    """A folder, a device, a folder that isn't there, one file for both."""
    with pytest.raises(UsageError, match=r"--page .* is no file"):
        check_targets(tmp_path, None)
    with pytest.raises(UsageError, match="--picture /dev/null is no file"):
        check_targets(None, Path("/dev/null"))
    with pytest.raises(UsageError, match="there is no folder"):
        check_targets(tmp_path / "none" / "plan.html", None)
    with pytest.raises(UsageError, match="are both"):
        check_targets(tmp_path / "plan", tmp_path / "plan")
    check_targets(tmp_path / "plan.html", tmp_path / "plan.png")
