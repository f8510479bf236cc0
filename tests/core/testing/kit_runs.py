"""Runs the kit on twins, in one pytest of its own, and tells what failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

from tests.core.testing.twins.twin import twins_of
from tests.support.distributions import write_distribution

ROOT = Path(__file__).parents[3]
ACME = ROOT / "tests" / "distributions" / "acme-satellite" / "src"
_CONFTEST = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if {everything} or item.originalname == item.cls.fails or not item.cls.fails]
"""
_TESTS = """
import {module} as module
from tests.core.testing.twins.contracts import {base}, classes_of

globals().update(classes_of(module, {base}))
"""

Outcomes = dict[str, dict[str, str]]
"""By test class and check: empty where it passed, else what failed in it."""


def run_kit(
    folder: Path, tests: str, *, everything: bool, site: Path, checks: Sequence[str] = ("test_twins.py",)
) -> Outcomes:
    """Run a file of test classes; without ``everything`` each runs the one check that it is said to fail.

    ``checks`` may name those checks, so that the others are not even collected.
    """
    (folder / "conftest.py").write_text(_CONFTEST.format(everything=everything))
    (folder / "test_twins.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    report = folder / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", f"--junitxml={report}"]
    path = os.pathsep.join(map(str, (site, ACME, ROOT)))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *checks],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert report.exists(), ran.stdout + ran.stderr
    outcomes: Outcomes = {}
    for case in ET.parse(report).iter("testcase"):
        failures = [f"{child.get('message')}\n{child.text}" for child in case if child.tag in ("failure", "error")]
        found = outcomes.setdefault((case.get("classname") or "").rpartition(".")[2], {})
        found[case.get("name") or ""] = "\n".join(failures)
    assert outcomes, ran.stdout + ran.stderr
    return outcomes


def run_twins(folder: Path, module: ModuleType, base: str, *, everything: bool) -> Outcomes:
    """Install the twins of a module, and run the class ``base`` of ``twins.contracts`` on each of them.

    Without ``everything`` the sound one and the slow ones are left out.
    """
    site = folder / "site"
    entry_points = {}
    for plugin in twins_of(module):
        attribute = plugin.removeprefix("twin-").replace("-", "_").upper()
        entry_points[plugin] = f"{module.__name__}:{attribute}"
    write_distribution(site, "kit-twins", entry_points={"tile_provider": entry_points})
    tests = _TESTS.format(module=module.__name__, base=base)
    checks = [
        f"test_twins.py::{_class_of(plugin)}::{twin.fails}"
        for plugin, twin in twins_of(module).items()
        if twin.is_quick
    ]
    return run_kit(folder, tests, everything=everything, site=site, checks=["test_twins.py"] if everything else checks)


def objections(outcomes: Outcomes, module: ModuleType, *, everything: bool) -> list[str]:
    """Return in which way the twins did not fail as they should; empty where each fails its own check alone."""
    found = []
    for plugin, twin in twins_of(module).items():
        checks = outcomes.get(_class_of(plugin))
        if checks is None:
            assert not everything, plugin
            assert not twin.is_quick, plugin
            continue
        failed = {name.partition("[")[0] for name, problem in checks.items() if problem}
        if failed != ({twin.fails} if twin.fails else set()):
            told = {name: problem[:200] for name, problem in checks.items() if problem}
            found.append(f"{plugin} should fail {twin.fails or 'nothing'}, and failed {told or 'nothing'}")
    return found


def _class_of(plugin: str) -> str:
    return "Test" + plugin.title().replace("-", "")
