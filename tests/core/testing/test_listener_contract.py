"""Each check that the kit has for listeners fails on one that is weak in that, and in that alone."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from operator_tool.api import Event
from operator_tool.testing import ListenerContract
from operator_tool.testing.sample_events import a_run, odd_events
from tests.core.testing.kit_runs import run_kit
from tests.core.testing.twins import listener_twins
from tests.support.distributions import write_distribution

CHECKS = {name for name in vars(ListenerContract) if name.startswith("test_")}
REASONS = ("AssertionError: ", "Failed: ")
"""How a failure begins that a check has told; anything else is the check's own."""
FAILS_MORE = {"picky"}
"""What can't be told of one run fails most checks."""


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_each_check_fails_on_its_twin(tmp_path: Path, everything: bool) -> None:
    """Each twin fails its own check and the sound one none; with all checks on each twin, no other."""
    twins = listener_twins.TWINS
    site = tmp_path / "site"
    named = {f"twin-{name}": f"{listener_twins.__name__}:{name}" for name in twins}
    write_distribution(site, "listener-twins", entry_points={"listener": named})
    tests = "from tests.core.testing.twins.listener_contracts import classes\n\nglobals().update(classes())\n"

    outcomes = run_kit(tmp_path, tests, everything=everything, site=site)

    wrong = []
    for name, twin in twins.items():
        told = {check: problem[:300] for check, problem in outcomes[f"Test{name}"].items() if problem}
        if name in FAILS_MORE:
            told = {check: problem for check, problem in told.items() if check == twin.fails}
        if set(told) != ({twin.fails} if twin.fails else set()):
            wrong.append(f"{name} should fail {twin.fails or 'nothing'}, and failed {told or 'nothing'}")
        wrong += [f"{name}: {problem}" for problem in told.values() if not problem.startswith(REASONS)]
    assert not wrong, "\n".join(wrong)


def test_each_check_has_a_twin() -> None:
    """No check of the kit is without a plugin that it catches."""
    assert {twin.fails for twin in listener_twins.TWINS.values()} >= CHECKS


def test_the_samples_are_of_every_kind() -> None:
    """A kind of event that comes to the contract comes to the kit, too."""
    kinds = set(get_args(Event))
    assert {type(event) for event in a_run()} == kinds
    assert {type(event) for event in odd_events()} == kinds
