"""A build that brings the companion down, again and again, is not begun for ever (case 100)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CacheOrder
from tests.support.c10_rig import Agent, agent_file, ask, build_once, order_of, receive_once, supply_of
from tests.support.onboard_trial import OnboardTrial, Play
from tests.support.played_agent import changed_agent

BOOTS = 5
OWN_BOOT = "from c10_agent import layout\nlayout.boot_id = lambda: open({boot!r}).read()\n"
DIES = 'before("building.made", "run_stages", lambda: os.kill(os.getpid(), 9))\n'


class Restarting:
    """A companion of this machine whose boots are the test's, and which a build may bring down."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = agent_file(folder)
        self.root = folder / "cache"
        self.boot = folder / "boot_id"
        self.boot.write_text("boot 0")
        self._monkeypatch = monkeypatch
        own_boot = OWN_BOOT.format(boot=str(self.boot))
        self._sound = changed_agent(folder / "sound", own_boot)
        self._dies = changed_agent(folder / "dies", own_boot + DIES)
        self.restart(0, dies=False)

    def restart(self, boot: int, *, dies: bool) -> None:
        """Let it be another boot, and builds bring it down or not."""
        self.boot.write_text(f"boot {boot}")
        self._monkeypatch.setattr(Agent, "python", str(self._dies if dies else self._sound))

    def build(self, order: CacheOrder) -> dict[str, Any]:
        """Build what was received; empty where it went down."""
        said = build_once(self.file, self.root, order, supply_of(20))
        return said if "report" in said else {}

    def noted(self) -> Path:
        """Return where the attempts are counted."""
        return self.root / "state" / "attempts.json"


@pytest.fixture
def restarting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restarting:
    """A companion that received what is to be built."""
    companion = Restarting(tmp_path, monkeypatch)
    assert receive_once(companion.file, companion.root, order_of(20), supply_of(20))[1]["ok"]
    return companion


def test_case_100_the_sixth_boot_of_one_run_is_refused(restarting: Restarting) -> None:
    """Five boots, however often in each; then the run is refused, and another run is not."""
    order = order_of(20)
    for boot in range(BOOTS):
        restarting.restart(boot, dies=True)
        for _ in range(2 if boot == 0 else 1):
            assert restarting.build(order) == {}
    restarting.restart(BOOTS, dies=False)
    refused = restarting.build(order)
    assert (refused["ok"], refused["error"]["code"], refused["error"]["boots"]) == (False, "attempts", BOOTS)
    assert not (restarting.root / "current").exists()
    assert restarting.build(order_of(20, run_id="run-2"))["ok"]
    assert not restarting.noted().exists()


def test_case_100_a_build_that_is_made_at_last_is_forgotten(restarting: Restarting) -> None:
    """Four boots that failed, and one that did not: nothing is held against the next."""
    for boot in range(BOOTS - 1):
        restarting.restart(boot, dies=True)
        assert restarting.build(order_of(20)) == {}
    restarting.restart(BOOTS, dies=False)
    assert restarting.build(order_of(20))["ok"]
    assert not restarting.noted().exists()


def test_case_100_a_note_that_was_changed_holds_nobody_up_and_is_found(restarting: Restarting) -> None:
    """It is a brake and no lock: where it can't be believed counting begins anew, and verify tells."""
    restarting.restart(0, dies=True)
    assert restarting.build(order_of(20, run_id="run-9")) == {}
    note = json.loads(restarting.noted().read_text())
    restarting.noted().write_text(json.dumps({**note, "boots": [f"boot {n}" for n in range(9)]}))
    restarting.restart(10, dies=False)
    said = ask(restarting.file, "verify", restarting.root, order_of(20))
    assert (said["ok"], said["error"]["code"]) == (False, "state")
    assert restarting.build(order_of(20))["ok"]
    assert ask(restarting.file, "verify", restarting.root, order_of(20))["ok"]


def test_case_100_the_operator_is_told_not_to_try_again(trial: OnboardTrial, played: Play) -> None:
    """21, not retryable, and what is to be found out first."""
    script = """
request = ask()
say({"report": verb, "run_id": request["run_id"], "ok": False,
     "error": {"code": "attempts", "message": "begun in 5 boots", "boots": 5}})
sys.exit(1)
"""
    report = trial.assert_fails(
        trial.run(python=played("build", script)), 21, "build", "attempts: begun in 5 boots", retryable=False
    )
    assert "what restarts the companion" in report["remediation"]
