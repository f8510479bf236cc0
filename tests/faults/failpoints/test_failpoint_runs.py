"""The judge of the matrix sees what is wrong, and an agent that hangs is given up without any deadline."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from tests.support.command import Ended
from tests.support.failpoint_runs import COMPANION, Fault, Trial, trial_of
from tests.support.failpoint_scenes import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """What all trials begin with."""
    return Stage(tmp_path_factory.mktemp("failpoints"))


def test_the_judge_sees_what_is_wrong(stage: Stage) -> None:
    """A failpoint that is not reached, a lie about the outcome, words that lack, a rotten and a strange cache."""
    fault = Fault(COMPANION, "publish.after_link", "raise")
    with trial_of(stage, fault) as trial:
        ended = trial.run_armed()
        assert trial.problems(ended) == []

        trial.marker.unlink()
        assert problem_of(trial, ended) == "the failpoint was never reached"
        trial.marker.touch()
        assert problem_of(trial, Ended(0, ended.out, ended.err)) == "it said that all is well, and it is not done"
        assert "exit code 1 does not fit" in problem_of(trial, Ended(1, "", "Oh.\nnext: "))
        assert "what to do next" in problem_of(trial, Ended(21, "", "Oh."))
        assert "traceback" in problem_of(trial, Ended(21, "", "Traceback (most recent call last)\nnext: "))

        current = trial.workstation.cache_root / "current"
        manifest = current / "manifest.json"
        whole = manifest.read_bytes()
        manifest.chmod(0o644)
        manifest.write_bytes(whole.replace(b'"tiles":', b'"tiles" :'))
        assert "does not verify" in problem_of(trial, ended)
        manifest.write_bytes(whole)
        database = current / "tiles.mbtiles"
        database.chmod(0o644)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("DELETE FROM map WHERE tile_column = (SELECT min(tile_column) FROM map)")
            connection.commit()
        strange, unsound = trial.problems(ended)
        assert "neither what was there before nor what is to come" in strange
        assert "does not verify" in unsound


def problem_of(trial: Trial, ended: Ended) -> str:
    """Return the one problem that there is."""
    problems = trial.problems(ended)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.reliability
@pytest.mark.parametrize("name", ["receive.before_commit", "build.after_verify", "publish.after_link"])
def test_an_agent_that_hangs_is_given_up_without_a_deadline(stage: Stage, name: str) -> None:
    """Its heartbeats go on, so that nothing is silent; it is given up after c10.stuck_s, and the next run ends well."""
    with trial_of(stage, Fault(COMPANION, name, "hang")) as trial:
        ended = trial.run_armed("-o", "c10.stuck_s=10", "--deadline", "100")
        assert "hangs: " in ended.report["message"]
        assert "c10.stuck_s" in ended.report["remediation"]
        trial.ends_within_s = 60
        assert trial.took_s >= 10
        assert trial.problems(ended) == []
        assert trial.run_again().code == 0
