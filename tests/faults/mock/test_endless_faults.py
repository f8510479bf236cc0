"""Faults of the script that nothing ends but a limit: a link that went silent, a line that came garbled.

Both builds wait for their limits at the same time, in processes of their own.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.command import Workstation
from tests.support.mock_rig import MockRig, fault

IN_TRANSFER = {"phase": "transfer", "after_sent_bytes": 150_000}
GARBAGE = {"kind": "garbage", "phase": "transfer", "after_received_bytes": 50}
"""In the midst of the first line that is heard in that phase."""
WAITING_S = 100.0


def started(rig: MockRig, *more: str) -> subprocess.Popen[bytes]:
    """Start a build in a process of its own."""
    arguments = rig.build_arguments(*more)
    return Workstation(rig.folder).start(*arguments, *rig.settings(), "--transport", "mock")


def test_silence_and_a_garbled_line_are_ended_by_their_limits(tmp_path: Path) -> None:
    """Silence ends the run with its phase's code, and the same command succeeds, though an agent may have been left
    behind; a call whose lines came garbled is ended by its own limit, and made again over a new session."""
    silent, garbled = (
        MockRig(tmp_path / "silent", fault(kind="silence", **IN_TRANSFER)),
        MockRig(tmp_path / "garbled", fault(**GARBAGE)),
    )
    running = started(silent, "-o", "c10.no_progress_s=10"), started(garbled, "-o", "c10.run_s=10")
    try:
        said = [build.communicate(timeout=WAITING_S) for build in running]
    finally:
        for build in running:
            build.kill()
            build.communicate()
    failed, recovered = (json.loads(out) for out, _err in said)
    assert all(b"SIMULATED COMPANION" in err for _out, err in said)
    assert (running[0].returncode, failed["failure_phase"], failed["retryable"]) == (22, "transfer", True)
    assert "said nothing for 10 s" in failed["message"]
    silent.check_rerun()
    assert (running[1].returncode, recovered["outcome"], recovered["companion"]["reconnects"]) == (0, "success", 1)
    assert recovered["duration_s"]["transfer"] > 10
    garbled.check_sound()


@pytest.mark.nightly
def test_silence_while_the_companion_is_asked(tmp_path: Path) -> None:
    """Half a minute without a word is no companion that could be reached."""
    rig = MockRig(tmp_path, fault(kind="silence", phase="companion"))
    asked = rig.build()
    assert (asked.code, asked.report["failure_phase"]) == (30, "companion")
    assert "said nothing for 30 s" in asked.report["message"]
    rig.check_rerun()
