"""Each check that the kit has for a tile provider of a web service fails on one that is weak in that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.testing.kit_runs import objections, run_twins
from tests.core.testing.twins import web_twins


@pytest.mark.parametrize(
    "everything", [False, pytest.param(True, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])]
)
def test_each_check_fails_on_its_twin(tmp_path: Path, everything: bool) -> None:
    """Each twin fails its own check; with all checks on each twin, no other."""
    outcomes = run_twins(tmp_path, web_twins, "WebTwins", everything=everything)
    assert not (found := objections(outcomes, web_twins, everything=everything)), "\n".join(found)
