"""Each check that the kit has for companion transports fails on one that is weak in that."""

from __future__ import annotations

from pathlib import Path

from operator_tool.testing import LinkedTransportContract
from operator_tool.testing.plugin_contract import FactoryContract
from tests.core.testing.kit_runs import run_kit
from tests.core.testing.twins import transport_twins
from tests.support.distributions import write_distribution

CHECKS = {
    name for name in dir(LinkedTransportContract) if name.startswith("test_") and not hasattr(FactoryContract, name)
}
REASONS = ("AssertionError: ", "assert ", "Failed: ", "operator_tool.api.errors.")
"""How a failure begins that a check has told, or the transport; anything else is the check's own."""


def test_each_check_fails_on_its_twin(tmp_path: Path) -> None:
    """Each twin fails its own check. (The sound one is ``local``, which passes all of them in a test of its own.)"""
    twins = transport_twins.TWINS
    site = tmp_path / "site"
    named = {f"twin-{name}": f"{transport_twins.__name__}:{name}" for name in twins}
    write_distribution(site, "transport-twins", entry_points={"companion_transport": named})
    tests = "from tests.core.testing.twins.transport_contracts import classes\n\n"
    tests += f"globals().update(classes({list(twins)}))\n"

    outcomes = run_kit(tmp_path, tests, everything=False, site=site)

    wrong = []
    for name, twin in twins.items():
        told = [problem for problem in outcomes[f"Test{name}"].values() if problem]
        if not told or not all(problem.startswith((*REASONS, "failed on teardown")) for problem in told):
            wrong.append(f"{name} should fail {twin.fails}, and {told[0][:300] if told else 'passed'}")
    assert not wrong, "\n".join(wrong)


def test_each_check_has_a_twin() -> None:
    """No check of the kit is without a transport that it catches."""
    caught = {twin.fails for twin in transport_twins.TWINS.values()}
    assert caught == CHECKS
