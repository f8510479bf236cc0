"""Every failpoint of both sides, with everything that may happen there, in a whole build over an older cache."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from tests.support.failpoint_runs import Fault, all_faults, one_each, trial_of
from tests.support.failpoint_scenes import Stage
from tests.support.reliability_counts import note_run

AT_ONCE = 3
"""A run waits much of its time, for its companion or for what hangs."""


@pytest.fixture(scope="module")
def trials(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Fault, Future[None]]]:
    """Every trial that was asked for, some at once."""
    stage = Stage(tmp_path_factory.mktemp("failpoints"))
    ours = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    faults = dict.fromkeys(cast("Fault", item.callspec.params["fault"]) for item in ours)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {fault: pool.submit(fails_and_recovers, stage, fault) for fault in faults}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", one_each(random.Random(140)), ids=str)
def test_case_140_a_build_that_fails_once_at_each_failpoint(trials: dict[Fault, Future[None]], fault: Fault) -> None:
    """The short form of the matrix below: each failpoint with one of the actions."""
    trials[fault].result()


@pytest.mark.reliability
@pytest.mark.parametrize("fault", all_faults(), ids=str)
def test_case_140_a_build_that_fails_at_every_failpoint_in_every_way(
    trials: dict[Fault, Future[None]], fault: Fault
) -> None:
    """The full matrix."""
    trials[fault].result()


def fails_and_recovers(stage: Stage, fault: Fault) -> None:
    """The armed run leaves everything in order; the same command, as it is shipped, then ends well."""
    with trial_of(stage, fault) as trial, noted_of(fault) as run:
        ended = trial.run_armed()
        run["code"] = ended.code

        assert trial.problems(ended) == [], f"{fault} after {trial.took_s:.1f} s, exit code {ended.code}"

        made = trial.scene.look(trial.workstation) == trial.scene.new
        again = trial.run_again()
        assert again.code == 0 or (made and trial.scene.says_that_nothing_is_to_do(again)), again.all
        assert trial.scene.look(trial.workstation) == trial.scene.new
        assert trial.strange_locks() == []
        run["ok"] = True


@contextmanager
def noted_of(fault: Fault) -> Iterator[dict[str, object]]:
    """Give what is to be noted of a run, and note it however the run ends."""
    said = {"side": fault.side, "name": fault.name, "action": fault.action, "once": fault.once}
    run: dict[str, object] = {**said, "code": 0, "ok": False}
    try:
        yield run
    finally:
        note_run("failpoints", run)
