"""What goes through an SSH link: whole, in packets of the right size, with keys exchanged anew."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import time
from pathlib import Path

import paramiko  # type: ignore[import-untyped]
import pytest

from operator_tool.api import (
    LinkError,
    RunLimits,
)
from tests.support.real_parts import RealSshd, real_sshd
from tests.support.ssh_peers import (
    connect,
    flood,
    slow_server,
    wait_until,
    wait_until_no_thread,
)

pytestmark = pytest.mark.real_parts

MEGABYTE = 1024 * 1024


def test_a_program_that_minds_nothing_is_signalled(sshd: RealSshd, tmp_path: Path) -> None:
    """The server is asked to end it, gently first; OpenSSH refuses that to root, of whose sessions it signals none."""
    script = """trap 'touch "$1"' TERM; echo $$; while :; do sleep 0.1; done"""
    tidied = tmp_path / "tidied"
    with connect(sshd) as session:
        with session.run(["sh", "-c", script, "sh", str(tidied)], limits=RunLimits(exit_s=0.1)) as run:
            process = int(next(iter(run)))
        if os.geteuid() == 0:
            log = sshd.folder / "sshd.log"
            wait_until(lambda: log.read_text().count("session_signal_req") == 2)
            os.kill(process, signal.SIGKILL)
        else:
            wait_until(tidied.exists)
        wait_until(lambda: not Path(f"/proc/{process}").exists())


def test_no_slice_is_larger_than_a_packet(sshd: RealSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """paramiko copies what is left of a larger piece for every packet of it."""
    sizes: list[int] = []
    send = paramiko.Channel.send

    def noting(channel: paramiko.Channel, data: bytes) -> int:
        sizes.append(len(data))
        return int(send(channel, data))

    monkeypatch.setattr(paramiko.Channel, "send", noting)
    with connect(sshd) as session, session.run(["wc", "-c"], stdin=[bytes(MEGABYTE)]) as run:
        assert [int(line) for line in run] == [MEGABYTE]
    assert max(sizes) == 32_704


@pytest.mark.parametrize("size", [0, 1, 32_704, 32_704 * 8, MEGABYTE + 1])
def test_case_073_every_size_arrives_whole(sshd: RealSshd, size: int) -> None:
    """Nothing at all, exact multiples of a packet, and one byte more."""
    data = os.urandom(size)
    with connect(sshd) as session, session.run(["sha256sum"], stdin=[data] if data else []) as run:
        assert [line.split()[0].decode() for line in run] == [hashlib.sha256(data).hexdigest()]


def test_case_073_keys_exchanged_anew_every_megabyte(tmp_path: Path) -> None:
    """The server asks for it again and again, while both sides send as much as they can."""
    block = os.urandom(64) * 1024
    with real_sshd(tmp_path / "sshd", extra="RekeyLimit 1M\nLogLevel DEBUG1\n") as server:
        with connect(server) as session, session.run(["base64", "-w", "1023"], stdin=[block] * 192) as run:
            received = base64.b64decode(b"".join(run))
            assert run.exit_status == 0
        log = (server.folder / "sshd.log").read_text()
    assert received == block * 192
    assert log.count("SSH2_MSG_KEXINIT received") > 10


def test_case_073_more_than_half_a_gigabyte_on_one_connection(sshd: RealSshd) -> None:
    """Beyond the 2^29 bytes after which the library exchanges keys anew, every byte arrives (paramiko issue 822)."""
    block = os.urandom(MEGABYTE)
    count = 600
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(block)
    exchanges: list[int] = []
    with connect(sshd) as session:
        link = session._link.transport  # type: ignore[attr-defined]
        send_kex_init = link._send_kex_init

        def noting() -> None:
            exchanges.append(1)
            send_kex_init()

        link._send_kex_init = noting
        with session.run(["sha256sum"], stdin=(block for _ in range(count))) as run:
            assert [line.split()[0].decode() for line in run] == [digest.hexdigest()]
    assert len(exchanges) == 1


class TestTheServersNo:
    """A server that lets one in and then does not do what it is asked for."""

    LIMITS = RunLimits(silence_s=5.0, exit_s=0.5)

    def test_a_program_that_it_will_not_run(self, sshd: RealSshd) -> None:
        """The refusal comes after the program's input was sent on: it is no end of the program, and no broken link."""
        with slow_server(sshd, "exec") as port, connect(sshd, port=port) as session:
            with (
                session.run(["cat"], stdin=flood(), limits=self.LIMITS) as run,
                pytest.raises(LinkError, match="would not run a program") as caught,
            ):
                list(run)
            assert not caught.value.retryable
            assert run.exit_status is None
            wait_until_no_thread("companion-stdin")

    def test_a_channel_that_it_will_not_open(self, tmp_path: Path) -> None:
        """No session at all is allowed."""
        with real_sshd(tmp_path / "sshd", extra="MaxSessions 0\n") as server, connect(server) as session:
            with pytest.raises(LinkError, match="would not do what was asked"):
                session.run(["true"])
            with pytest.raises(LinkError, match="would not do what was asked"):
                session.run(["true"])

    def test_one_program_at_a_time_may_be_all_that_it_allows(self, tmp_path: Path) -> None:
        """The channel that was opened ahead is the first program's, and takes no other's place."""
        with real_sshd(tmp_path / "sshd", extra="MaxSessions 1\n") as server, connect(server) as session:
            for word in (b"one", b"two", b"three"):
                with session.run(["echo", word.decode()]) as run:
                    assert list(run) == [word]


def test_a_program_begins_one_round_trip_after_the_login(sshd: RealSshd) -> None:
    """Its channel is there already, and nothing is waited for between the request and the input."""
    waits: list[str] = []
    with connect(sshd) as session:
        link = session._link  # type: ignore[attr-defined]
        link._ahead.result(10)
        link.transport.open_session = lambda **_: waits.append("open")
        paramiko_wait = paramiko.Channel._wait_for_event
        try:
            paramiko.Channel._wait_for_event = lambda _channel: waits.append("answer")
            with session.run(["echo", "here"]) as run:
                assert list(run) == [b"here"]
        finally:
            paramiko.Channel._wait_for_event = paramiko_wait
    assert waits == []


def test_the_end_of_a_program_and_of_a_session_cost_no_tick(sshd: RealSshd) -> None:
    """Neither waits for a thread to look round: the tenths of a second would add up over programs and companions."""
    ends_s: list[float] = []
    for _ in range(9):
        session = connect(sshd)
        session._link._ahead.result(10)  # type: ignore[attr-defined] # from here on the server says nothing
        began_s = time.monotonic()
        session.close()
        ends_s.append(time.monotonic() - began_s)
        with connect(sshd) as session:
            run = session.run(["true"])
            with run:
                list(run)
                began_s = time.monotonic()
            ends_s.append(time.monotonic() - began_s)
    assert sorted(ends_s[::2])[4] < 0.05
    assert sorted(ends_s[1::2])[4] < 0.05


def test_a_session_that_is_closed_while_its_channel_is_opened_ends_at_once(sshd: RealSshd) -> None:
    """The library would look again a tenth of a second later."""
    ends_s: list[float] = []
    with slow_server(sshd, "open") as port:
        for _ in range(5):
            session = connect(sshd, port=port)
            link = session._link  # type: ignore[attr-defined]
            wait_until(lambda link=link: link.transport.channel_events)  # it has asked
            began_s = time.monotonic()
            session.close()
            ends_s.append(time.monotonic() - began_s)
    assert sorted(ends_s)[2] < 0.05


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux lets a program ask for it")
def test_the_first_channel_is_not_held_back_for_an_acknowledgement(sshd: RealSshd) -> None:
    """OpenSSH's server sends its answer once what it sent before is acknowledged, for which a kernel takes 40 ms."""
    opened_s: list[float] = []
    for _ in range(5):
        with connect(sshd) as session:
            logged_in_s = time.monotonic()
            session._link._ahead.result(10)  # type: ignore[attr-defined]
            opened_s.append(time.monotonic() - logged_in_s)
    assert sorted(opened_s)[2] < 0.03
