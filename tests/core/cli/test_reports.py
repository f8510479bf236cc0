"""Where a report is asked for there is one, however the run ends; where there can be none the run is not begun."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operator_tool.api.build import BuildCacheOutcome, CacheBuildReport, FleetReport
from operator_tool.api.context import RunContext
from operator_tool.build_cache.fleet import fleet_report
from operator_tool.build_cache.notebook import Notebook
from operator_tool.cli import reporting
from operator_tool.cli.exits import InterruptedRun
from operator_tool.places import Places


def _options(report: Path) -> Any:
    return SimpleNamespace(report=report, deadline=None, dry_run=False, as_json=False, companion=())


def _never(*_: object, **__: object) -> Any:
    pytest.fail("the run was begun")


@pytest.mark.parametrize("place", ["nowhere/report.json", "."])
@pytest.mark.parametrize(
    "ask", [reporting.reported_fleet, lambda *more: reporting.reported_run(*more, companion=False)]
)
def test_a_run_whose_report_cannot_be_written_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, ask: Callable[..., int]
) -> None:
    """A folder that is not there, and a folder in place of a file: 11, and nothing is left behind."""
    monkeypatch.setattr(reporting, "open_run", _never)
    assert ask(_options(tmp_path / place), _never) == 11
    assert list(tmp_path.iterdir()) == []


def test_to_look_whether_a_report_can_be_written_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced by the report of a run, and by nothing else."""
    (tmp_path / "report.json").write_text("the older one")

    def stop(*_: object, **__: object) -> Any:
        raise InterruptedRun(130)

    monkeypatch.setattr(reporting, "open_run", stop)
    with pytest.raises(InterruptedRun):
        reporting.reported_fleet(_options(tmp_path / "report.json"), _never)
    assert (tmp_path / "report.json").read_text() == "the older one"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("code", [130, 143])
@pytest.mark.parametrize("several", [False, True])
def test_an_interrupted_run_leaves_its_report_and_its_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, several: bool
) -> None:
    """With the phase that it was in; a part of several that had come to its end says how."""
    notebook = Notebook(RunContext(run_id="r", state_dir=tmp_path), ())
    done = CacheBuildReport(run_id="r", outcome=BuildCacheOutcome.SUCCESS, exit_code=0)
    places = Places.find(data_dir=tmp_path / "data", config_file=None, env={"HOME": str(tmp_path)})
    orchestrator = SimpleNamespace(
        interrupted=notebook.interrupted,
        interrupted_fleet=lambda number: fleet_report({"alpha": done, "bravo": notebook.interrupted(number)}),
    )

    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[Any]:
        yield SimpleNamespace(orchestrator=orchestrator, places=places, run_id="r")

    def work(_run: object) -> Any:
        with notebook.phase("transfer"):
            raise InterruptedRun(code)

    monkeypatch.setattr(reporting, "open_run", opened)
    options = _options(tmp_path / "report.json")
    ask = reporting.reported_fleet if several else partial(reporting.reported_run, companion=True)
    with pytest.raises(InterruptedRun):
        ask(options, work)
    written = json.loads((tmp_path / "report.json").read_bytes())
    assert (written["outcome"], written["exit_code"]) == ("interrupted", code)
    one = written["builds"]["bravo"] if several else written
    assert (one["outcome"], one["failure_phase"], one["retryable"]) == ("interrupted", "transfer", True)
    lines = [json.loads(line) for line in (tmp_path / "data" / "audit.jsonl").read_text().splitlines()]
    wanted = [("alpha", "success"), ("bravo", "interrupted")] if several else [("", "interrupted")]
    assert [(line["companion"], line["outcome"]) for line in lines] == wanted
    if several:
        assert written["builds"]["alpha"]["outcome"] == "success"


def test_several_of_which_one_was_interrupted_were_interrupted(tmp_path: Path) -> None:
    """Whatever became of the others."""
    ended = Notebook(RunContext(run_id="r", state_dir=tmp_path), ()).interrupted(130)
    failed = CacheBuildReport(run_id="r", outcome=BuildCacheOutcome.FAILURE, exit_code=21)
    whole: FleetReport = fleet_report({"alpha": failed, "bravo": ended})
    assert whole.outcome == BuildCacheOutcome.INTERRUPTED
