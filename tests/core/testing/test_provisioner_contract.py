"""Each check that the kit has for provisioners fails on one that is weak in that."""

from __future__ import annotations

from pathlib import Path

from operator_tool.testing import ProvisionerContract
from operator_tool.testing.plugin_contract import FactoryContract
from tests.core.testing.kit_runs import run_kit
from tests.core.testing.twins import provisioner_twins
from tests.support.distributions import write_distribution

CHECKS = {name for name in dir(ProvisionerContract) if name.startswith("test_") and not hasattr(FactoryContract, name)}
REASONS = ("AssertionError: ", "assert ", "Failed: ", "operator_tool.api.errors.")
"""How a failure begins that a check has told, or the provisioner; anything else is the check's own."""


def test_each_check_fails_on_its_twin(tmp_path: Path) -> None:
    """Each twin fails its own check, and the sound one none."""
    twins = provisioner_twins.TWINS
    site = tmp_path / "site"
    named = {f"twin-{name}": f"{provisioner_twins.__name__}:{name}" for name in twins}
    write_distribution(site, "provisioner-twins", entry_points={"provisioner": named})
    tests = "from tests.core.testing.twins.provisioner_contracts import classes\n\n"
    tests += f"globals().update(classes({list(twins)}))\n"

    outcomes = run_kit(tmp_path, tests, everything=False, site=site)

    wrong = []
    for name, twin in twins.items():
        told = {check: problem[:300] for check, problem in outcomes[f"Test{name}"].items() if problem}
        failed = {check.partition("[")[0] for check in told}
        if failed != ({twin.fails} if twin.fails else set()):
            wrong.append(f"{name} should fail {twin.fails or 'nothing'}, and failed {told or 'nothing'}")
        wrong += [f"{name}: {problem}" for problem in told.values() if not problem.startswith(REASONS)]
    assert not wrong, "\n".join(wrong)


def test_each_check_has_a_twin() -> None:
    """No check of the kit is without a provisioner that it catches."""
    caught = {twin.fails for twin in provisioner_twins.TWINS.values()}
    assert caught - {""} == CHECKS
