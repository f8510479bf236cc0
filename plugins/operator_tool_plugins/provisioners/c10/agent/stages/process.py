"""A stage's program: started apart from everything, waited for within bounds, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from ..ending import end_before_us, no_longer
from ..faults import AgentError
from . import descendants
from .lines import Lines
from .table import Stage

GRACE_S = 5.0
"""How long what a program started may outlive it."""
_KILLED_S = 5.0
_LOOK_EVERY_S = 0.5
_SHORTEST_S, _LONGEST_S = 0.005, 0.05


class Ended(NamedTuple):
    """What came of a program."""

    problem: str
    """Why what it made can't be used; empty where it can."""
    tail: List[str]
    """The last lines that it printed."""
    left_out: int
    """How many lines were not passed on."""


def run_program(
    stage: Stage, folder: str, environment: Dict[str, str], say: Callable[[str], None], too_much: Callable[[], str]
) -> Ended:
    """Run it in ``folder`` until it ends; when this returns, nothing that it started is left.

    ``too_much`` is asked now and then, and tells why the program is not to go on.
    """
    descendants.adopt_orphans()
    out, into = os.pipe()
    lines = Lines(out, say)
    end_before_us(_kill_all)
    try:
        try:
            process = _start(stage, folder, environment, into)
        finally:
            os.close(into)
        problem = _wait(process.pid, stage.deadline_s, too_much)
        if not problem:
            problem = _problem_of_what_runs_on()
        # Nobody has collected it yet, so the number of its group is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        left = descendants.end_all(_KILLED_S)
        if left:
            problem = "what it started can't be ended: process %s" % ", ".join(map(str, left))
        lines.wait(_KILLED_S)
        return Ended(problem or _problem_of(status), lines.tail(), lines.left_out)
    finally:
        descendants.end_all(_KILLED_S)
        no_longer(_kill_all)


def _start(stage: Stage, folder: str, environment: Dict[str, str], output: int) -> "subprocess.Popen[bytes]":
    runner = pkgutil.get_data(__package__, "runner.py")
    assert runner is not None, "it lies beside this file"
    # One byte more than it may make: of a program that let an unfinished write pass, the file is then too large.
    bounds = [str(os.getpid()), str(stage.max_output_bytes + 1)]
    try:
        return subprocess.Popen(  # noqa: S603 - the companion's keeper names it, in a file that nobody else may write
            [sys.executable, "-I", "-S", "-B", "-c", runner.decode("utf-8"), *bounds, *stage.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise AgentError("stage", "stage %s can't be started: %s" % (stage.name, error)) from None


def _wait(process_id: int, deadline_s: float, too_much: Callable[[], str]) -> str:
    """Wait until it has ended, uncollected; return why it is not waited for any more."""
    begun_s = looked_s = time.monotonic()
    pause_s = _SHORTEST_S
    while not os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        now_s = time.monotonic()
        if now_s - begun_s > deadline_s:
            return "it did not end within %g s, its deadline_s" % deadline_s
        if now_s - looked_s > _LOOK_EVERY_S:
            looked_s = now_s
            problem = too_much()
            if problem:
                return problem
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_S)
    return ""


def _problem_of_what_runs_on() -> str:
    until_s = time.monotonic() + GRACE_S
    while descendants.alive():
        if time.monotonic() > until_s:
            return (
                "it ended, and what it started was still running %g s later: what it made may be unfinished" % GRACE_S
            )
        time.sleep(_LONGEST_S)
    return ""


def _problem_of(status: int) -> str:
    if status == -signal.SIGXFSZ:
        return "it was ended at a file larger than its max_output_bytes"
    if status < 0:
        return "it was ended by signal %d (%s)" % (-status, _signal_name(-status) or "unknown")
    return "it ended with exit status %d" % status if status else ""


def _signal_name(number: int) -> Optional[str]:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def _kill_all() -> None:
    # Not collected: whoever waits for the program must not take its end for a good one.
    descendants.kill_all(1.0)
