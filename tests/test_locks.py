"""The locks are those of pyproject.toml: what a check installs is what the project asks for, each file by its hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _locked(name: str) -> dict[str, tuple[str, str]]:
    """Return each package's version and the lines with its hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    entries = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(.*(?:\n .*)*)", text, re.MULTILINE)
    return {package: (version, rest) for package, version, rest in entries}


@pytest.mark.parametrize(
    ("lock", "groups"), [("development", ("test", "docs", "lint", "benchmark")), ("nox", ("nox",))]
)
def test_a_lock_has_what_is_asked_for(lock: str, groups: tuple[str, ...]) -> None:
    """A requirement that is added, or raised, without ``nox -s lock`` is noticed here."""
    asked = [line for group in groups for line in PROJECT["dependency-groups"][group]]
    if lock == "development":
        asked += PROJECT["project"]["dependencies"]
    locked = _locked(lock)
    assert len(asked) >= 1
    for requirement in map(Requirement, asked):
        version, _ = locked[requirement.name.lower()]
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("lock", ["development", "nox"])
def test_each_package_of_a_lock_has_a_hash(lock: str) -> None:
    """Without one pip and uv would take whatever an index serves under that version."""
    locked = _locked(lock)
    assert len(locked) > 5
    assert [package for package, (_, rest) in locked.items() if "--hash=sha256:" not in rest] == []
