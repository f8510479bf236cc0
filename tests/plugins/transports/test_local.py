"""What only the transport to this machine does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession, LinkError, RunContext, RunLimits
from operator_tool.api.programs import process
from operator_tool_plugins.transports import local


@pytest.fixture
def session(tmp_path: Path) -> Iterator[CompanionSession]:
    """An open session."""
    transport = local.make_companion_transport(RunContext(run_id="run", state_dir=tmp_path))
    with transport.connect() as opened:
        yield opened


def gone(process: int) -> bool:
    """Tell within five seconds whether a process is gone, or dead and not yet collected by its new parent."""
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_program_that_ignores_everything_is_killed(session: CompanionSession) -> None:
    """Neither the end of its input nor SIGTERM ends it, so SIGKILL does, its children included."""
    script = "trap '' TERM; sleep 60 & echo $$ $!; while :; do wait; done"
    with session.run(["sh", "-c", script], limits=RunLimits(exit_s=0.1)) as run:
        shell, child = (int(word) for word in next(iter(run)).split())
    assert gone(shell)
    assert gone(child)


def test_case_091_a_background_child_ends_with_the_run(session: CompanionSession) -> None:
    """What a program leaves in its group is ended when the run is left, though the program itself exited well."""
    with session.run(["sh", "-c", "sleep 60 & echo $!"], limits=RunLimits(exit_s=0.1)) as run:
        (child,) = list(run)
        assert run.exit_status == 0
    assert gone(int(child))


def test_programs_see_none_of_the_tools_settings(session: CompanionSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over ssh, what may hold a secret does not reach the companion; the rest of the environment does."""
    monkeypatch.setenv("OPERATOR_TOOL_XYZ_API_KEY", "canary")
    monkeypatch.setenv("LANG", "C.UTF-8")
    with session.run(["env"]) as run:
        lines = list(run)
    assert b"LANG=C.UTF-8" in lines
    assert not any(b"canary" in line for line in lines)


def test_the_link_error_of_a_start_names_the_cause(session: CompanionSession) -> None:
    """An argument list that the kernel refuses is an error of its own, not a status."""
    with pytest.raises(LinkError, match=r"true could not be started: .*too long"):
        session.run(["true", "x" * (4 * 1024 * 1024)])


def test_a_put_that_fails_says_why(session: CompanionSession, tmp_path: Path) -> None:
    """The system's own reason is in the message."""
    (tmp_path / "file").touch()
    with pytest.raises(LinkError, match="could not be written: Not a directory"):
        session.put(b"data", str(tmp_path / "file" / "below" / "it"))


def test_what_kept_the_input_from_being_made_is_what_is_told(
    session: CompanionSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that answers the early end of its input, however quickly, doesn't hide why it ended."""

    class FullDiskError(Exception):
        pass

    def pieces() -> Iterator[bytes]:
        yield b"one piece"
        raise FullDiskError

    close_stdin = process._Process.close_stdin

    def close_and_let_it_answer(program: process._Process) -> None:
        close_stdin(program)
        program.wait(10.0)

    monkeypatch.setattr(process._Process, "close_stdin", close_and_let_it_answer)
    answering = ["sh", "-c", "cat >/dev/null; echo the input ended too early"]
    with session.run(answering, stdin=pieces()) as run, pytest.raises(FullDiskError):
        next(iter(run))
