"""A whole build-cache against the simulated companion with each fault that a script can name.

The first build meets the fault and ends with its code; the second, the same command, succeeds, and the companion's
cache is what was built, to the last byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.mock_rig import MockRig, fault

HALF_A_SECOND = ("-o", "operator-tool.reconnect_s=0.5")


class Fault(NamedTuple):
    """A fault that one build can't get over: its tables, and what the report says."""

    tables: str
    code: int
    phase: str
    retryable: bool
    says: str
    next: str
    options: tuple[str, ...] = ()


FATAL = {
    "refused": Fault(
        fault(kind="refuse"), 30, "companion", True, "can't be reached: connection refused (fault 1", "switched on"
    ),
    "host-key": Fault(
        fault(kind="refuse", how="host_key"), 30, "companion", False, "HOST KEY CHANGED", "Find out why it changed"
    ),
    "authentication": Fault(
        fault(kind="refuse", how="authentication"), 30, "companion", False, "refused the login", "authorized_keys"
    ),
    "drop-while-asked": Fault(
        fault(kind="drop", phase="companion", times=-1), 30, "companion", True, "broke (fault 1", "switched on"
    ),
    "lost-in-transfer": Fault(
        fault(kind="drop", phase="transfer", after_sent_bytes=150_000)
        + fault(kind="refuse", phase="transfer", times=-1),
        22,
        "transfer",
        True,
        "could not be taken up again within 0.5 s",
        "what had arrived is not sent again",
        HALF_A_SECOND,
    ),
    "drop-in-build": Fault(
        fault(kind="drop", phase="build", times=-1), 21, "build", True, "broke (fault 1", "still has its old cache"
    ),
    "full-from-the-start": Fault(
        fault(kind="disk_full"), 31, "companion", False, "No space left on device", "write to c10.agent_dir"
    ),
    "little-space": Fault(
        fault(kind="disk_full", left_bytes=1_000_000), 31, "companion", False, "MB are free", "Put right what is named"
    ),
    "full-in-transfer": Fault(
        fault(kind="disk_full", phase="transfer", left_bytes=200_000),
        22,
        "transfer",
        True,
        "database or disk is full; 0.",
        "Free space on the companion",
    ),
    "full-in-build": Fault(
        fault(kind="disk_full", phase="build"), 21, "build", True, "No space left on device", "Run the same command"
    ),
    "long-reboot": Fault(
        fault(kind="reboot", phase="transfer", after_sent_bytes=150_000, down_s=60.0),
        22,
        "transfer",
        True,
        "it is starting anew",
        "Check the link",
        HALF_A_SECOND,
    ),
}

ALIKE = {"authentication", "little-space"}
"""Those that another one stands for but at night."""
SLOW = pytest.mark.nightly


@pytest.mark.parametrize(
    "met", [pytest.param(met, id=name, marks=SLOW if name in ALIKE else ()) for name, met in FATAL.items()]
)
def test_a_fault_ends_with_its_code_and_the_same_command_succeeds_after_it(tmp_path: Path, met: Fault) -> None:
    """The report names phase, class, what was seen and what to do next, and nothing became current."""
    rig = MockRig(tmp_path, met.tables)
    failed = rig.build(*met.options)
    report = failed.report
    assert (failed.code, report["exit_code"], report["failure_phase"]) == (met.code, met.code, met.phase)
    assert met.says in report["message"]
    assert met.next in report["remediation"]
    assert report["retryable"] is met.retryable
    assert report["companion"]["generation_after"] is None
    assert not (rig.home / "cache/current").exists()
    rig.check_rerun()
