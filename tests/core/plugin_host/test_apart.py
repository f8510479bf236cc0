"""Work in processes of their own: an answer, or how the process ended without one."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from operator_tool.plugin_host.apart import each_apart


def work(item: str) -> bytes:
    """Do what the item says."""
    if item == "hang":
        threading.Event().wait(60)
    if item == "end":
        os._exit(3)
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "raise":
        raise SystemExit(0)
    if item == "large":
        return b"x" * 10**6
    print("nobody sees this")
    return f"{item} of {os.getpid()}".encode()


def test_each_has_its_outcome_whatever_the_others_do(capfd: pytest.CaptureFixture[str]) -> None:
    """What hangs is ended; a large answer comes whole; nothing is printed."""
    items = ["hang", "end", "die", "raise", "large", "well"]
    begun_s = time.monotonic()
    outcomes = dict(each_apart(work, items, limit_s=1.0, at_once=3))
    assert time.monotonic() - begun_s < 30
    assert outcomes["hang"].ending == "did not come back within 1 s, and was ended"
    assert outcomes["end"].ending == "ended the process with exit status 3"
    assert outcomes["die"].ending == "ended the process by the signal SIGKILL"
    assert outcomes["raise"].ending == "ended the process with exit status 1"
    assert outcomes["large"].answer == b"x" * 10**6
    answer = outcomes["well"].answer
    assert answer is not None
    assert answer.startswith(b"well of ")
    assert str(os.getpid()).encode() not in answer
    assert capfd.readouterr() == ("", "")


def test_who_stops_asking_leaves_no_process_behind() -> None:
    """Ctrl-C ends what is at work."""
    before = _children()
    outcomes = each_apart(work, ["well", "hang", "hang"], limit_s=60.0, at_once=3)
    assert next(outcomes)[0] == "well"
    outcomes.close()  # type: ignore[attr-defined]
    assert _children() == before


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(encoding="ascii").split())
