"""Who built is gone while a stage of the companion's runs: what is left holds up nobody (case 78)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.aftermath import wait_until
from tests.support.companion_trial import signalled
from tests.support.onboard_trial import OnboardTrial

STAGE = """#!{python} -ISB
import os, sys, time
if os.path.exists({began!r}):
    sys.exit(0)
noted = "%d %d " % (os.getppid(), os.getpid())
if os.fork() == 0:
    # It leaves the stage's session, and holds whatever it was given.
    os.setsid()
    if os.fork():
        os._exit(0)
    with open({began!r} + ".new", "w") as file:
        file.write(noted + str(os.getpid()))
    os.rename({began!r} + ".new", {began!r})
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("gone", ["workstation", "agent"])
def test_case_078_a_stage_is_running_when_they_go(trial: OnboardTrial, gone: str) -> None:
    """The rerun gets the lock well within 30 s and is done, and the stage is gone.

    So is what left the stage's session, unless the agent itself was killed: then it runs on, and holds no lock.
    """
    began, stage = trial.workstation.folder / "began", trial.workstation.folder / "stage"
    stage.write_text(STAGE.format(python=sys.executable, began=str(began)))
    stage.chmod(0o755)
    own_file = trial.root / "companion.json"
    own_file.write_text(json.dumps({"stages": {"slow": {"command": [str(stage)]}}}))
    own_file.chmod(0o644)
    with trial.start() as running:
        wait_until(began.exists, 20, "the stage does not begin")
        agent, started, detached = (int(pid) for pid in began.read_text().split())
        assert all(is_running(pid) for pid in (agent, started, detached))
        if gone == "workstation":
            running.kill()
        else:
            os.kill(agent, signal.SIGKILL)
            trial.assert_fails(running.ended(), 21, "build", "killed", retryable=True)
    try:
        began_s = time.monotonic()
        trial.assert_done_again()
        assert time.monotonic() - began_s < 15
        left = (started,) if gone == "agent" else (agent, started, detached)
        wait_until(lambda: not any(is_running(pid) for pid in left), 5, f"{left} run on")
    finally:
        signalled((detached,), signal.SIGKILL)
