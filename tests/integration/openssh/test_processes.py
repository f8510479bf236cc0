"""What a link consists of on the workstation, and that none of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CompanionError, EagerTransport
from tests.support.openssh_sessions import children, connect, leftovers, master_of, transport, wait_until_gone
from tests.support.real_parts import RealSshd
from tests.support.ssh_peers import peer, quiet, wait_until

pytestmark = pytest.mark.real_parts


class TestBeginning:
    """A connection that is begun while the command still does other things."""

    def test_what_was_begun_is_taken(self, sshd: RealSshd) -> None:
        """It is the only connection, and the session is as good as any."""
        way = transport(sshd)
        assert isinstance(way, EagerTransport)
        way.begin()
        way.begin()
        with way.connect() as session, session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]
            assert logins(sshd) == 1
        way.connect().close()
        assert logins(sshd) == 2

    def test_beginning_raises_nothing_and_does_not_wait(self, sshd: RealSshd) -> None:
        """What it can't do shows when the connection is wanted."""
        with peer(b"") as port:
            way = transport(sshd, port=port, connect_timeout_s=1)
            began_s = time.monotonic()
            way.begin()
            assert time.monotonic() - began_s < 0.3
            with pytest.raises(CompanionError, match="can't be reached"):
                way.connect()

    @pytest.mark.parametrize("wait", [True, False], ids=["connected", "on its way"])
    def test_what_nobody_takes_is_let_go_of(self, sshd: RealSshd, wait: bool) -> None:
        """No process, folder, thread or descriptor stays, here or there."""
        before = leftovers()
        way = transport(sshd)
        way.begin()
        assert leftovers() - before
        if wait:
            wait_until(lambda: logins(sshd))
        way.close()
        way.close()
        assert leftovers() <= before
        wait_until(lambda: not sshd.sessions())

    def test_what_broke_meanwhile_is_made_anew(self, sshd: RealSshd) -> None:
        """Nobody is told of a link that broke before it was used."""
        way = transport(sshd)
        way.begin()
        assert way._begun is not None
        begun = way._begun
        wait_until(lambda: begun.is_ready)
        sshd.send_to_sessions(signal.SIGKILL)
        wait_until(lambda: begun.has_ended)
        with way.connect() as session, session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]


def test_a_session_leaves_nothing(sshd: RealSshd) -> None:
    """One ssh process for all programs, and after the session none."""
    before = leftovers()
    with connect(sshd) as session:
        ssh = master_of(session)
        for _ in range(3):
            with session.run(["sh", "-c", "echo out; echo err >&2"]) as run:
                list(run)
        assert master_of(session) == ssh
    assert leftovers() <= before
    assert logins(sshd) == 1


def test_the_socket_is_the_account_s_alone(sshd: RealSshd, temporary_files: Path) -> None:
    """Who could open it could run programs on the companion."""
    with connect(sshd):
        (folder,) = temporary_files.glob("operator-tool-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "control").stat().st_mode & 0o777 == 0o600


def test_a_long_name_of_the_folder_for_temporary_files(
    sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's path is short by nature, so that another folder is taken, and nothing is left in either."""
    long = tmp_path / ("long" * 20)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    others = set(Path("/tmp").glob("operator-tool-*/control"))
    with connect(sshd) as session, session.run(["echo", "here"]) as run:
        assert list(run) == [b"here"]
        (mine,) = set(Path("/tmp").glob("operator-tool-*/control")) - others
    assert not mine.parent.exists()
    assert list(long.iterdir()) == []


def test_two_links_know_nothing_of_each_other(sshd: RealSshd) -> None:
    """The end of one is not the end of the other."""
    with connect(sshd) as first:
        with connect(sshd) as second:
            assert first.identity == second.identity
        with first.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]


def test_many_threads_may_start_programs(sshd: RealSshd) -> None:
    """Each gets its own lines and its own status."""
    seen: dict[int, tuple[list[bytes], int | None]] = {}
    with connect(sshd) as session:

        def work(number: int) -> None:
            with session.run(["sh", "-c", f"echo {number}; exit {number}"]) as run:
                lines = list(run)
                seen[number] = (lines, run.exit_status)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == {number: ([str(number).encode()], number) for number in range(8)}


@pytest.mark.parametrize("step", ["connected", "on its way"])
def test_who_was_killed_leaves_no_connection(sshd: RealSshd, temporary_files: Path, step: str) -> None:
    """A process that could tidy up nothing itself: ssh is ended, and its folder removed."""
    code = """
import pathlib, sys, time
import msgspec
from operator_tool.api import RunContext
from operator_tool_plugins.transports import openssh
settings = msgspec.json.decode(sys.argv[1], type=openssh.OpensshSettings)
way = openssh.make_companion_transport(settings, RunContext(run_id="run", state_dir=pathlib.Path()))
way.begin()
session = way.connect() if sys.argv[2] == "connected" else None
print("up", flush=True)
time.sleep(60)
"""
    with peer(b"") as silent:
        port = sshd.port if step == "connected" else silent
        options = msgspec.json.encode({**sshd.options(), "port": port}).decode()
        victim = subprocess.Popen([sys.executable, "-c", code, options, step], stdout=subprocess.PIPE)
        assert victim.stdout is not None
        with victim.stdout:
            assert victim.stdout.readline() == b"up\n"
            started = children(victim.pid)
            assert len(started) == 2
            assert list(temporary_files.glob("operator-tool-*"))
            victim.kill()
            victim.wait()
        for pid in started:
            wait_until_gone(pid)
        wait_until(lambda: not list(temporary_files.glob("operator-tool-*")))
    wait_until(lambda: not sshd.sessions())


def test_an_interrupt_at_the_keyboard_is_not_ssh_s(sshd: RealSshd) -> None:
    """The tool hears it and ends things in its own order: ssh is in another session."""
    with connect(sshd) as session:
        assert os.getsid(master_of(session)) != os.getsid(0)
        with session.run(["cat"], stdin=quiet()):
            assert os.getpgid(master_of(session)) != os.getpgid(0)


def logins(sshd: RealSshd) -> int:
    """Return how many logins the server has seen."""
    return (sshd.folder / "sshd.log").read_text().count("Accepted publickey")
