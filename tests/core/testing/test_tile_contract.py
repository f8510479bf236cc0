"""Each check that the kit has for any tile provider fails on one that is weak in that, and in that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.testing.kit_runs import objections, run_twins
from tests.core.testing.twins import tile_twins


@pytest.mark.parametrize(
    "everything", [False, pytest.param(True, marks=[pytest.mark.nightly, pytest.mark.timeout(600)])]
)
def test_each_check_fails_on_its_twin(tmp_path: Path, everything: bool) -> None:
    """Each twin fails its own check; with all checks on each twin, no other."""
    outcomes = run_twins(tmp_path, tile_twins, "TileTwins", everything=everything)
    assert not (found := objections(outcomes, tile_twins, everything=everything)), "\n".join(found)
