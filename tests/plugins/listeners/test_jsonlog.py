"""Every event of a run as one JSON line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operator_tool.api import BuildCacheOutcome, CacheBuildReport, ConfigError, Notice, RunContext, RunFinished
from operator_tool_plugins.listeners import jsonlog


def context(folder: Path) -> RunContext:
    """Return a run's context."""
    return RunContext(run_id="r", state_dir=folder)


def test_each_event_is_a_line_with_its_tag_and_runs_are_appended(tmp_path: Path) -> None:
    """The file is a log: a second run goes on behind the first."""
    settings = jsonlog.Settings(path=str(tmp_path / "events.jsonl"))
    report = CacheBuildReport(run_id="r", outcome=BuildCacheOutcome.SUCCESS)
    for _ in range(2):
        jsonlog.start_listening(settings, context(tmp_path))
        jsonlog.on_event(Notice(text="hello\nthere"))
        jsonlog.on_event(RunFinished(report=report))
        jsonlog.stop_listening()

    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["notice", "run_finished"] * 2
    assert lines[0]["text"] == "hello\nthere"
    assert lines[1]["report"]["outcome"] == "success"


def test_a_path_that_can_not_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    """A log that was asked for and can't be kept is an error of the configuration."""
    with pytest.raises(ConfigError, match="can't be appended to"):
        jsonlog.start_listening(jsonlog.Settings(path=str(tmp_path / "no" / "file")), context(tmp_path))


def test_before_and_after_a_run_nothing_is_written(tmp_path: Path) -> None:
    """An event without a run is nobody's."""
    jsonlog.on_event(Notice(text="x"))
    jsonlog.stop_listening()
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_utf8_can_not_spell_is_a_line_too(tmp_path: Path) -> None:
    """Half of a surrogate pair comes from a file's name or a companion's program."""
    jsonlog.start_listening(jsonlog.Settings(path=str(tmp_path / "events.jsonl")), context(tmp_path))
    jsonlog.on_event(Notice(text="half \ud83d"))
    jsonlog.stop_listening()

    assert json.loads((tmp_path / "events.jsonl").read_text("ascii")) == {
        "type": "notice",
        "text": "half \ud83d",
        "companion": "",
    }
