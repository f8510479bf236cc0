"""A link over the system's ssh that breaks or stalls while it is used."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import CompanionSession, LinkError, LinkStalledError, RunLimits
from operator_tool_plugins.transports.openssh import program
from tests.support.openssh_sessions import connect, master_of
from tests.support.real_parts import RealSshd
from tests.support.ssh_peers import flood, quiet, slow_server, wait_until, wait_until_no_thread

pytestmark = pytest.mark.real_parts

LIMITS = RunLimits(silence_s=1.0, exit_s=0.5)
MEGABYTE = 1024 * 1024


def test_three_ends_are_told_apart(sshd: RealSshd) -> None:
    """A program that ends with 255, one that is killed, and a link that is lost: ssh itself says 255 of all three."""
    with connect(sshd) as session:
        with session.run(["sh", "-c", "exit 255"]) as run:
            assert (list(run), run.exit_status) == ([], 255)
        with session.run(["sh", "-c", "kill -9 $$"]) as run:
            assert (list(run), run.exit_status) == ([], None)
        with session.run(["sh", "-c", "echo up; exec cat"], stdin=quiet()) as run:
            lines = iter(run)
            next(lines)
            os.kill(master_of(session), signal.SIGKILL)
            with pytest.raises(LinkError, match="was lost"):
                next(lines)


@pytest.mark.parametrize("who", ["server", "ssh"])
@pytest.mark.parametrize("sending", [False, True])
def test_case_067_a_killed_end_is_noticed_at_once(sshd: RealSshd, sending: bool, who: str) -> None:
    """Either end of the connection; nothing more can be started over it."""
    with connect(sshd) as session:
        ssh = master_of(session)
        stdin = flood() if sending else quiet()
        with session.run(["sh", "-c", "echo up; exec cat >/dev/null"], stdin=stdin) as run:
            lines = iter(run)
            assert next(lines) == b"up"
            if who == "server":
                sshd.send_to_sessions(signal.SIGKILL)
            else:
                os.kill(ssh, signal.SIGKILL)
            began_s = time.monotonic()
            with pytest.raises(LinkError, match="was lost"):
                list(lines)
            assert time.monotonic() - began_s < 2
        with pytest.raises(LinkError, match="was lost"):
            session.run(["true"])
    wait_until_no_thread("companion-stdin")


def test_case_067_output_that_is_cut_after_the_exit_is_no_success(sshd: RealSshd) -> None:
    """The exit status alone isn't enough: what a child still writes is lost with the link."""
    limits = RunLimits(exit_s=10)
    script = "echo up; sleep 5 & exit 0"
    with connect(sshd) as session, session.run(["sh", "-c", script], stdin=quiet(), limits=limits) as run:
        lines = iter(run)
        assert next(lines) == b"up"
        wait_until(lambda: run._program.wait(0.0) and run.exit_status == 0)  # type: ignore[attr-defined]
        sshd.send_to_sessions(signal.SIGKILL)
        with pytest.raises(LinkError, match="was lost"):
            next(lines)


def test_case_067_a_link_that_is_cut_before_the_exit_is_no_end(sshd: RealSshd) -> None:
    """Nor is the end of the output: a program whose exit was never told may not have been killed."""
    limits = RunLimits(exit_s=10)
    script = "echo up; exec >&- 2>&-; exec sleep 5"
    with connect(sshd) as session, session.run(["sh", "-c", script], limits=limits) as run:
        lines = iter(run)
        assert next(lines) == b"up"
        wait_until(lambda: run._program.read_stdout(0.0) == b"")  # type: ignore[attr-defined]
        sshd.send_to_sessions(signal.SIGKILL)
        with pytest.raises(LinkError, match="was lost"):
            next(lines)


def test_a_put_that_is_cut_leaves_the_old_file(sshd: RealSshd, tmp_path: Path) -> None:
    """What had arrived is not put in place, and does not stay beside it."""
    path = tmp_path / "companion" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")

    def cut() -> None:
        wait_until(lambda: any(entry.stat().st_size for entry in path.parent.glob(".put.*")))
        sshd.send_to_sessions(signal.SIGKILL)

    cutter = threading.Thread(target=cut)
    with connect(sshd) as session:
        cutter.start()
        with pytest.raises(LinkError):
            session.put(bytes(400 * MEGABYTE), str(path))
    cutter.join()
    wait_until(lambda: [entry.name for entry in path.parent.iterdir()] == ["file"])
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("sending", [False, True])
def test_case_070_a_stopped_server_is_noticed(sshd: RealSshd, sending: bool) -> None:
    """Nothing tells of it but silence, also with every buffer full; leaving the run takes no longer for it."""
    with connect(sshd) as session:
        began_s = time.monotonic()
        with interrupted(sshd, session, flood() if sending else quiet()) as lines:
            with pytest.raises(LinkStalledError, match=r"said nothing for 1 s"):
                list(lines)
            assert time.monotonic() - began_s < 5
        session.close()
        assert time.monotonic() - began_s < 10
    wait_until_no_thread("companion-stdin")


def test_case_070_a_stopped_ssh_is_noticed(sshd: RealSshd) -> None:
    """It is ended nevertheless, when the session is closed."""
    with connect(sshd) as session:
        ssh = master_of(session)
        with session.run(["sh", "-c", "echo up; exec cat"], stdin=quiet(), limits=LIMITS) as run:
            lines = iter(run)
            assert next(lines) == b"up"
            os.kill(ssh, signal.SIGSTOP)
            with pytest.raises(LinkStalledError):
                list(lines)
    assert not Path(f"/proc/{ssh}").exists()


def test_case_070_a_program_that_reads_nothing_is_a_stall(sshd: RealSshd) -> None:
    """The server answers, the program does not: no progress is told, and the link is still good."""
    with connect(sshd) as session:
        with session.run(["sleep", "30"], stdin=flood(), limits=LIMITS) as run, pytest.raises(LinkStalledError):
            list(run)
        with session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]


@pytest.mark.parametrize("step", ["open", "start"])
def test_case_070_no_answer_to_the_start_of_a_program(
    sshd: RealSshd, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It has a deadline of its own, after which the link is not used again."""
    monkeypatch.setattr(program, "_OPEN_S", 0.5)
    began_s = time.monotonic()
    with slow_server(sshd, step) as port, connect(sshd, port=port) as session:
        for _ in range(2):
            with pytest.raises(LinkStalledError), session.run(["true"], limits=LIMITS) as run:
                list(run)
        assert time.monotonic() - began_s < 8


def test_more_programs_than_a_server_takes(sshd: RealSshd) -> None:
    """The one too many is refused, the others go on, and room is made by their ends."""
    with connect(sshd) as session:
        with contextlib.ExitStack() as many:
            runs = [many.enter_context(session.run(["cat"], stdin=quiet())) for _ in range(10)]
            with pytest.raises(LinkError, match="would not run a program"):
                session.run(["true"])
            assert all(run.exit_status is None for run in runs)
        with session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]


@contextlib.contextmanager
def interrupted(server: RealSshd, session: CompanionSession, stdin: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Run a program that talks, stop the server's session after its first line, let it go on in the end."""
    try:
        with session.run(["sh", "-c", "echo up; exec cat >/dev/null"], stdin=stdin, limits=LIMITS) as run:
            lines = iter(run)
            assert next(lines) == b"up"
            server.send_to_sessions(signal.SIGSTOP)
            yield lines
    finally:
        server.send_to_sessions(signal.SIGCONT)
