"""Every failpoint of both sides, with everything that may happen there, in a whole build over an older cache."""

from __future__ import annotations

import random

import pytest

from operator_tool import failpoints
from tests.support.failpoint_runs import Fault, Rig, all_faults, one_each

FAULTS = all_faults()
SHORT = one_each(FAULTS, random.Random(5).sample(failpoints.ACTIONS, len(failpoints.ACTIONS)))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """An older cache, and what the new one must show."""
    return Rig(tmp_path_factory.mktemp("failpoints"))


@pytest.mark.parametrize("fault", SHORT, ids=str)
def test_case_140_a_build_that_fails_once_at_each_failpoint(rig: Rig, fault: Fault) -> None:
    """The short form of the matrix below: each failpoint with one of the actions."""
    fails_and_recovers(rig, fault)


@pytest.mark.reliability
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_case_140_a_build_that_fails_at_every_failpoint_in_every_way(rig: Rig, fault: Fault) -> None:
    """The full matrix."""
    fails_and_recovers(rig, fault)


def fails_and_recovers(rig: Rig, fault: Fault) -> None:
    """The armed run leaves everything in order; the same command, as it is shipped, then ends well."""
    with rig.trial(fault) as trial:
        ended = trial.run_armed()

        assert trial.problems(ended) == [], f"{fault} after {trial.took_s:.1f} s, exit code {ended.code}"

        again = trial.run_again()
        assert again.code == 0, again.all
        assert trial.tiles() == rig.new_tiles
        assert trial.strange_locks() == []
