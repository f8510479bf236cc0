"""Faults of the script that a build gets over, or bears."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.mock_rig import MockRig, fault

IN_TRANSFER = {"phase": "transfer", "after_sent_bytes": 150_000}
SURVIVED = {
    "drop-in-transfer": (fault(kind="drop", **IN_TRANSFER), 1),
    "drop-in-build": (fault(kind="drop", phase="build"), 1),
    "reboot-in-build": (fault(kind="reboot", phase="build", down_s=0.1), 1),
    "noise-before-the-agent-speaks": (fault(kind="garbage", phase="companion"), 0),
}
SURVIVED_TOO = {
    "drop-in-download": (fault(kind="drop", phase="download"), 1),
    "drops": (fault(kind="drop", phase="transfer", after_sent_bytes=100_000, times=2), 2),
    "garbled-answer": (fault(kind="garbage", phase="companion", after_received_bytes=700, bytes=40), 1),
    "reboot-in-transfer": (fault(kind="reboot", down_s=0.1, **IN_TRANSFER), 1),
}


@pytest.mark.parametrize(
    ("tables", "reconnects"),
    [
        *(pytest.param(*one, id=name) for name, one in SURVIVED.items()),
        *(pytest.param(*one, id=name, marks=pytest.mark.nightly) for name, one in SURVIVED_TOO.items()),
    ],
)
def test_a_fault_that_passes_is_got_over(tmp_path: Path, tables: str, reconnects: int) -> None:
    """The link is taken up again, and the report says how often; the same command has nothing left to do."""
    rig = MockRig(tmp_path, tables)
    built = rig.build()
    assert built.code == 0, built.all
    assert built.report["outcome"] == "success"
    assert built.report["companion"]["reconnects"] == reconnects
    again = rig.build().report
    assert (again["outcome"], again["bytes"]["sent"]) == ("idempotent_no_op", 0)
    rig.check_sound()


def test_a_wrong_clock_and_a_slow_disk_are_told_and_borne(tmp_path: Path) -> None:
    """The clock is a note, and dates the companion's own log; the disk takes its time. The next build has neither."""
    rig = MockRig(
        tmp_path,
        fault(kind="wrong_clock", offset_s=86_400.0)
        + fault(kind="slow_disk", sync_s=0.02, write_bytes_per_s=2_000_000),
    )
    slow = rig.build().report
    assert slow["outcome"] == "success"
    assert any(re.search(r"clock is 86,(399|400) s ahead", note) for note in slow["notes"])
    assert slow["duration_s"]["transfer"] + slow["duration_s"]["build"] > 0.25, "0.5 MB, and a dozen syncs"
    usual = rig.build(zoom="15-15").report
    assert usual["outcome"] == "success"
    assert not any("clock" in note for note in usual["notes"])
    ahead, now = (json.loads(line)["time"] for line in (rig.home / "cache/audit.jsonl").read_text().splitlines())
    assert ahead > now


def test_a_link_that_takes_its_time_is_no_fault(tmp_path: Path) -> None:
    """Latency, jitter and rates that never stop a build: 0.4 MB at 1 MB/s take 0.4 s."""
    rig = MockRig(
        tmp_path,
        "[link]\nlatency_s = 0.005\njitter_s = 0.005\nup_bytes_per_s = 1_000_000\ndown_bytes_per_s = 100_000\n",
    )
    built = rig.build("-o", "mock.seed=7").report
    assert (built["outcome"], built["companion"]["reconnects"]) == ("success", 0)
    assert built["duration_s"]["transfer"] > 0.4
    rig.check_sound()
