"""An SSH link that breaks or stalls while it is used."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import (
    CompanionSession,
    LinkError,
    LinkStalledError,
    RunLimits,
)
from operator_tool_plugins.transports.ssh import link
from tests.support.real_parts import RealSshd
from tests.support.ssh_peers import (
    connect,
    flood,
    quiet,
    slow_server,
    wait_until,
    wait_until_no_thread,
)

pytestmark = pytest.mark.real_parts

MEGABYTE = 1024 * 1024


class TestALostLink:
    """The server or the way to it fails while a program runs."""

    LIMITS = RunLimits(silence_s=1.0, exit_s=0.5)

    def test_case_070_a_stopped_server_is_noticed(self, sshd: RealSshd) -> None:
        """Nothing tells of it but silence, and leaving the run takes no longer for it."""
        with connect(sshd) as session:
            began_s = time.monotonic()
            with self.interrupted(sshd, session, signal.SIGSTOP, stdin=quiet()) as lines:
                with pytest.raises(LinkStalledError):
                    list(lines)
                assert time.monotonic() - began_s < 5
            session.close()
        assert time.monotonic() - began_s < 10

    def test_case_070_a_stall_while_sending(self, sshd: RealSshd) -> None:
        """Also when every buffer on the way is full and the sending thread is stuck in the socket."""
        stopped = threading.Event()

        def flood_when_stopped() -> Iterator[bytes]:
            stopped.wait(10)
            yield from flood()

        with connect(sshd) as session:
            # Smaller than the channel's window, so that it is the socket that takes nothing more.
            connection = session._link.transport.sock  # type: ignore[attr-defined]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            began_s = time.monotonic()
            with self.interrupted(sshd, session, signal.SIGSTOP, stdin=flood_when_stopped()) as lines:
                stopped.set()
                with pytest.raises(LinkStalledError):
                    list(lines)
                assert time.monotonic() - began_s < 5
            session.close()
        assert time.monotonic() - began_s < 12
        wait_until_no_thread("companion-stdin")

    @pytest.mark.parametrize("sending", [False, True])
    def test_case_067_a_killed_session_is_no_end_of_output(self, sshd: RealSshd, sending: bool) -> None:
        """A connection that broke is told from a program that ended."""
        with connect(sshd) as session:
            stdin = flood() if sending else quiet()
            with (
                self.interrupted(sshd, session, signal.SIGKILL, stdin=stdin) as lines,
                pytest.raises(LinkError, match="was lost"),
            ):
                list(lines)
            with pytest.raises(LinkError):
                session.run(["true"])

    def test_case_067_output_that_is_cut_after_the_exit_is_no_success(self, sshd: RealSshd) -> None:
        """The exit status alone isn't enough: what a child still writes is lost with the link."""
        limits = RunLimits(exit_s=10)
        script = "echo up; sleep 5 & exit 0"
        with connect(sshd) as session, session.run(["sh", "-c", script], stdin=quiet(), limits=limits) as run:
            lines = iter(run)
            assert next(lines) == b"up"
            wait_until(lambda: run.exit_status == 0)
            sshd.send_to_sessions(signal.SIGKILL)
            with pytest.raises(LinkError, match="was lost"):
                next(lines)

    def test_case_067_a_link_that_is_cut_before_the_exit_is_no_end(self, sshd: RealSshd) -> None:
        """Nor is the end of the output: a program whose exit was never told may not have been killed."""
        limits = RunLimits(exit_s=10)
        script = "echo up; exec >&- 2>&-; exec sleep 5"
        with connect(sshd) as session, session.run(["sh", "-c", script], limits=limits) as run:
            lines = iter(run)
            assert next(lines) == b"up"
            wait_until(lambda: run._program._channel.eof_received)  # type: ignore[attr-defined]
            sshd.send_to_sessions(signal.SIGKILL)
            with pytest.raises(LinkError, match="was lost"):
                next(lines)

    def test_a_put_that_is_cut_leaves_the_old_file(self, sshd: RealSshd, tmp_path: Path) -> None:
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

    def test_case_070_a_program_that_reads_nothing_is_a_stall(self, sshd: RealSshd) -> None:
        """The server answers, the program does not: no progress is told, and the link is still good."""
        with connect(sshd) as session:
            with (
                session.run(["sleep", "30"], stdin=flood(), limits=self.LIMITS) as run,
                pytest.raises(LinkStalledError),
            ):
                list(run)
            with session.run(["echo", "here"]) as run:
                assert list(run) == [b"here"]

    def test_case_070_no_answer_to_the_opening_of_a_channel(
        self, sshd: RealSshd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has a deadline of its own, after which the link is not used again."""
        monkeypatch.setattr(link, "_OPEN_S", 0.5)
        began_s = time.monotonic()
        with slow_server(sshd, "open") as port, connect(sshd, port=port) as session:
            for _ in range(2):
                with pytest.raises(LinkStalledError, match="stalled"):
                    session.run(["true"])
            assert time.monotonic() - began_s < 5

    def test_case_070_no_first_byte(self, sshd: RealSshd) -> None:
        """A program that is asked for and never begins."""
        began_s = time.monotonic()
        with slow_server(sshd, "start") as port, connect(sshd, port=port) as session:
            with session.run(["true"], limits=self.LIMITS) as run, pytest.raises(LinkStalledError):
                list(run)
            assert time.monotonic() - began_s < 6

    def test_a_program_that_talks_for_ever_is_ended(self, sshd: RealSshd) -> None:
        """The whole run has a limit that no progress lengthens."""
        limits = RunLimits(silence_s=5.0, run_s=1.0, exit_s=0.5)
        with connect(sshd) as session:
            script = "while :; do echo up; sleep 0.1; done"
            with session.run(["sh", "-c", script], limits=limits) as run, pytest.raises(LinkError) as caught:
                list(run)
            assert not isinstance(caught.value, LinkStalledError)

    @contextlib.contextmanager
    def interrupted(
        self, server: RealSshd, session: CompanionSession, number: signal.Signals, stdin: Iterator[bytes]
    ) -> Iterator[Iterator[bytes]]:
        """Run a program that talks, signal the server's session after its first line, go on when it was left."""
        try:
            script = "echo up; exec cat >/dev/null"
            with session.run(["sh", "-c", script], stdin=stdin, limits=self.LIMITS) as run:
                lines = iter(run)
                assert next(lines) == b"up"
                server.send_to_sessions(number)
                yield lines
        finally:
            if number == signal.SIGSTOP:
                server.send_to_sessions(signal.SIGCONT)
