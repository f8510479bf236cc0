"""A session over programs, whatever starts them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from operator_tool.api import CompanionIdentity, LinkError, Program, ProgramSession, RunContext, start_process


def session_of(tmp_path: Path, started: list[Sequence[str]], *, closes_at_start: bool = False) -> ProgramSession:
    """Return a session that starts programs here and notes them; it may be closed while one is being started."""

    def start(argv: Sequence[str], _stall_s: float) -> Program:
        started.append(argv)
        program = start_process(argv)
        if closes_at_start:
            session.close()
        return program

    context = RunContext(run_id="r", state_dir=tmp_path)
    session = ProgramSession(CompanionIdentity(address="here"), context, start=start, close_link=lambda: None)
    return session


def test_a_closed_session_starts_nothing(tmp_path: Path) -> None:
    """Its transport may be one that could start programs still: the session itself says no."""
    started: list[Sequence[str]] = []
    session = session_of(tmp_path, started)
    session.close()

    with pytest.raises(LinkError, match="closed"):
        session.run(["true"])
    with pytest.raises(LinkError, match="closed"):
        session.put(b"x", str(tmp_path / "file"))

    assert started == []


def test_a_program_whose_session_is_closed_while_it_starts_is_ended(tmp_path: Path) -> None:
    """Who closes a session can't know of a run that is only being made."""
    before = set(threading.enumerate())
    started: list[Sequence[str]] = []
    session = session_of(tmp_path, started, closes_at_start=True)

    with pytest.raises(LinkError, match="closed"):
        session.run(["sh", "-c", "exec cat"])

    assert len(started) == 1
    assert not set(threading.enumerate()) - before
