"""Each check that the kit has for flight sources fails on one that is weak in that, and in that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.testing import FlightSourceContract, WebFlightSourceContract
from tests.core.testing.kit_runs import run_kit
from tests.core.testing.twins import flight_twins
from tests.support.distributions import write_distribution

CHECKS = {name for contract in (FlightSourceContract, WebFlightSourceContract) for name in vars(contract)}
OF_ALL_ROLES = {"test_says_no_secret", "test_writes_nothing_to_standard_output"}
"""Checks that other contracts have too, with a twin here."""
REASONS = ("AssertionError: ", "Failed: ")
"""How a failure begins that a check has told; anything else is the check's own."""


@pytest.mark.parametrize(
    "everything", [False, pytest.param(True, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])]
)
def test_each_check_fails_on_its_twin(tmp_path: Path, everything: bool) -> None:
    """Each twin fails its own check and the sound one none; with all checks on each twin, no other."""
    twins = flight_twins.TWINS
    site = tmp_path / "site"
    named = {f"twin-{name.replace('_', '-')}": f"{flight_twins.__name__}:{name}" for name in twins}
    write_distribution(site, "flight-twins", entry_points={"flight_source": named})
    if not everything:  # the sound one is the built-in source, which has a test of its own
        twins = {name: twin for name, twin in twins.items() if twin.fails}
    tests = "from tests.core.testing.twins.flight_contracts import classes\n\n"
    tests += f"globals().update(classes({list(twins)}, hurried={not everything}))\n"

    outcomes = run_kit(tmp_path, tests, everything=everything, site=site)

    wrong = []
    for name, twin in twins.items():
        told = {check: problem[:200] for check, problem in outcomes[f"Test{name}"].items() if problem}
        failed = {check.partition("[")[0] for check in told} & (CHECKS | OF_ALL_ROLES)
        if failed != ({twin.fails} if twin.fails else set()):
            wrong.append(f"{name} should fail {twin.fails or 'nothing'}, and failed {told or 'nothing'}")
        own = [problem for check, problem in told.items() if check.partition("[")[0] == twin.fails]
        wrong += [f"{name}: {problem}" for problem in own if not problem.startswith(REASONS)]
    assert not wrong, "\n".join(wrong)


def test_each_check_has_a_twin() -> None:
    """No check of the kit is without a plugin that it catches."""
    caught = {twin.fails for twin in flight_twins.TWINS.values()}
    assert {name for name in CHECKS if name.startswith("test_")} <= caught
