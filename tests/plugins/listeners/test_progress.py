"""What an operator sees of a run: lines where there is no terminal, bars where there is one."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from operator_tool.api import (
    Event,
    Notice,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    PluginSettings,
    PromptAnswered,
    PromptShown,
    RunContext,
)
from operator_tool_plugins.listeners import progress

EVENTS: list[Event] = [
    PhaseStarted(phase="resolve", detail="survey.plan"),
    PhaseFinished(phase="resolve", duration_s=0.25),
    PhaseStarted(phase="download", total=1200),
    PhaseProgress(phase="download", done=600, total=1200, bytes=3_000_000),
    Notice(text="[red]synthetic[/red] imagery\x1b]0;"),
    PhaseFinished(phase="download", duration_s=2.0, detail="1200 tiles downloaded, 0 held already"),
]


def tell_all(folder: Path) -> None:
    """Tell the listener of a whole run."""
    progress.start_listening(PluginSettings(), RunContext(run_id="r", state_dir=folder))
    for event in EVENTS:
        progress.on_event(event)
    progress.stop_listening()


def test_without_a_terminal_there_are_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is whole; nothing moves, nothing is coloured; markup of strangers is text."""
    tell_all(tmp_path)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "resolve: survey.plan",
        "resolve: done in 0.2 s",
        "download: started",
        "note: [red]synthetic[/red] imagery\\x1b]0;",
        "download: done in 2.0 s, 1200 tiles downloaded, 0 held already",
    ]


def test_a_long_phase_says_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every few seconds, and not at every event."""
    monkeypatch.setattr(progress, "PLAIN_EVERY_S", 0.0)
    tell_all(tmp_path)
    assert "download: 600 of 1,200 tiles, 3.0 MB" in capsys.readouterr().err


def test_in_a_run_for_several_each_line_says_whose_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What two companions do at the same time is told apart."""
    progress.start_listening(PluginSettings(), RunContext(run_id="r", state_dir=tmp_path))
    for event in (
        PhaseStarted(phase="transfer", companion="alpha"),
        PhaseStarted(phase="transfer", companion="beta"),
        Notice(text="slow", companion="beta"),
        PhaseFinished(phase="transfer", duration_s=1.0, companion="alpha"),
    ):
        progress.on_event(event)
    progress.stop_listening()
    assert capsys.readouterr().err.splitlines() == [
        "alpha transfer: started",
        "beta transfer: started",
        "note: beta: slow",
        "alpha transfer: done in 1.0 s",
    ]


def test_case_016_what_drives_a_terminal_is_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of a flight's file, as an operator was sent it; each event stays one line."""
    progress.start_listening(PluginSettings(), RunContext(run_id="r", state_dir=tmp_path))
    progress.on_event(PhaseStarted(phase="resolve", detail="-rf\n\x1b[31m.plan"))
    progress.on_event(Notice(text="\u202egnp.\x1b]0;"))
    progress.stop_listening()
    assert capsys.readouterr().err.splitlines() == ["resolve: -rf\\n\\x1b[31m.plan", "note: \\u202egnp.\\x1b]0;"]


def test_while_the_operator_is_asked_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bars and what is to be noted wait for the answer, and come back after it."""
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs, "w", encoding="utf-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", terminal)
    steps: list[list[Event]] = [
        [PhaseStarted(phase="download", total=1200, companion="alpha"), PromptShown(companion="alpha")],
        [
            PromptShown(companion="beta"),
            PhaseProgress(phase="download", done=600, total=1200, bytes=3_000_000, companion="alpha"),
            Notice(text="held back"),
            PromptAnswered(companion="beta"),
        ],
        [PromptAnswered(companion="alpha")],
    ]
    shown = []
    try:
        progress.start_listening(PluginSettings(), RunContext(run_id="r", state_dir=tmp_path))
        for events in steps:
            for event in events:
                progress.on_event(event)
            terminal.flush()
            shown.append(everything_in(ours))
        progress.stop_listening()
        terminal.flush()
        shown.append(everything_in(ours))
    finally:
        terminal.close()
        os.close(ours)
    assert "alpha download" in shown[0]
    assert shown[0].rindex("\x1b[?25h") > shown[0].rindex("\x1b[?25l"), "the terminal is given back for the question"
    assert shown[1] == ""
    assert "held back" in shown[2]
    assert "600/1200" in shown[2] + shown[3]


def test_on_a_terminal_there_is_a_bar_per_phase_and_the_terminal_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor is shown again at the end."""
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs, "w", encoding="utf-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", terminal)
    try:
        tell_all(tmp_path)
        terminal.flush()
        shown = everything_in(ours)
    finally:
        terminal.close()
        os.close(ours)
    for text in ("resolve", "download", "1200/1200", "3.0 MB", "note: [red]synthetic[/red] imagery\\x1b]0;"):
        assert text in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def everything_in(descriptor: int) -> str:
    """Return all that a terminal was sent so far; one read gives 4 kB of it at most."""
    os.set_blocking(descriptor, False)
    shown = b""
    while True:
        try:
            shown += os.read(descriptor, 65_536)
        except BlockingIOError:
            return shown.decode("utf-8")


def test_quiet_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The report and errors are not this listener's."""
    progress.start_listening(PluginSettings(), RunContext(run_id="r", state_dir=tmp_path, quiet=True))
    for event in EVENTS:
        progress.on_event(event)
    progress.stop_listening()
    assert capsys.readouterr().err == ""
