"""Connecting over SSH: to a real OpenSSH server, and to peers that are none."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import (
    CompanionError,
    Deadline,
    EagerTransport,
)
from operator_tool_plugins.transports.ssh import connect as ssh_connect
from tests.support.real_parts import RealSshd, free_port, make_key, real_sshd
from tests.support.ssh_peers import (
    connect,
    failure,
    is_of_a_client,
    old_server,
    peer,
    slow_server,
    transport,
    wait_until,
)

pytestmark = pytest.mark.real_parts


def test_a_session_is_with_the_key_that_is_known(sshd: RealSshd) -> None:
    """The identity carries address and fingerprint; the link is fast and its algorithms are strong."""
    with connect(sshd) as session:
        assert session.identity.address == f"ssh://{sshd.user}@{sshd.host}:{sshd.port}"
        assert session.identity.fingerprint == sshd.fingerprint
        transport = session._link.transport  # type: ignore[attr-defined]
        assert transport.local_cipher == transport.remote_cipher == "aes128-gcm@openssh.com"
        assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


class TestCase053Unreachable:
    """No connection: retryable, and the message names host and port."""

    def test_case_053_refused(self, sshd: RealSshd) -> None:
        """Nothing listens there."""
        port = free_port()
        error = failure(sshd, port=port)
        assert error.retryable
        assert f"127.0.0.1:{port}" in error.message
        assert "refused" in error.message

    def test_case_053_an_unknown_name(self, sshd: RealSshd) -> None:
        """The name does not resolve."""
        error = failure(sshd, host="no-such-host.invalid", connect_timeout_s=5)
        assert error.retryable
        assert "no-such-host.invalid" in error.message
        assert "name" in error.message

    def test_case_053_no_answer(self, sshd: RealSshd, monkeypatch: pytest.MonkeyPatch) -> None:
        """Packets vanish on the way."""

        def vanish(self: socket.socket, address: object) -> None:
            raise TimeoutError("timed out")

        monkeypatch.setattr(socket.socket, "connect", vanish)
        error = failure(sshd, connect_timeout_s=2)
        assert error.retryable
        assert "no answer within 2 s" in error.message

    def test_case_053_no_route(self, sshd: RealSshd, monkeypatch: pytest.MonkeyPatch) -> None:
        """The network says that there is no way."""

        def refuse(self: socket.socket, address: object) -> None:
            raise OSError(113, "No route to host")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        error = failure(sshd)
        assert error.retryable
        assert "no route to host" in error.message


class TestCase058Stalls:
    """A peer that accepts and then does nothing, or nothing that makes sense."""

    def test_case_058_no_banner(self, sshd: RealSshd) -> None:
        """The wait for the first line is bounded."""
        with peer(b"") as port:
            error = failure(sshd, port=port, connect_timeout_s=0.5)
        assert error.retryable
        assert f"127.0.0.1:{port}" in error.message

    def test_case_058_no_key_exchange(self, sshd: RealSshd) -> None:
        """So is the wait for what follows it."""
        with peer(b"SSH-2.0-Nothing_more\r\n") as port:
            assert failure(sshd, port=port, connect_timeout_s=0.5).retryable

    def test_case_058_a_stopped_server(self, sshd: RealSshd) -> None:
        """A server that is stopped still accepts connections: the kernel does."""
        os.kill(sshd.pid, signal.SIGSTOP)
        try:
            assert failure(sshd, connect_timeout_s=0.5).retryable
        finally:
            os.kill(sshd.pid, signal.SIGCONT)

    def test_case_058_a_greeting_that_drips(self, sshd: RealSshd) -> None:
        """A byte now and then does not lengthen the wait."""
        with peer(*[b"S"] * 60, pause_s=0.1) as port:
            began_s = time.monotonic()
            assert failure(sshd, port=port, connect_timeout_s=0.5).retryable
        assert time.monotonic() - began_s < 3

    def test_case_058_no_end_of_the_login(self, sshd: RealSshd) -> None:
        """The key is sent and nothing comes back: the message says at which step and for whom."""
        with slow_server(sshd, "login") as port:
            error = failure(sshd, port=port, connect_timeout_s=0.5)
        assert error.retryable
        assert f"stalled while user {sshd.user} logged in" in error.message

    def test_case_058_the_whole_is_bounded_by_the_run(self, sshd: RealSshd) -> None:
        """The run's own deadline ends a step sooner than that step's."""
        with peer(b"SSH-2.0-Nothing_more\r\n") as port:
            error = failure(sshd, port=port, connect_timeout_s=30, context={"deadline": Deadline.after(0.5)})
        assert error.retryable

    @pytest.mark.parametrize("said", [b"", b"SSH-2.0-Nothing_more\r\n"])
    def test_case_058_the_whole_is_bounded_by_itself(
        self, sshd: RealSshd, monkeypatch: pytest.MonkeyPatch, said: bytes
    ) -> None:
        """However long each step may take, all of them together may not take longer than their own limit."""
        monkeypatch.setattr(ssh_connect, "_WHOLE_S", 0.5)
        with peer(said) as port:
            began_s = time.monotonic()
            assert failure(sshd, port=port, connect_timeout_s=30).retryable
        assert time.monotonic() - began_s < 3

    def test_no_ssh_server(self, sshd: RealSshd) -> None:
        """A web server is named as none."""
        with peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
            assert "does not greet as an SSH server does" in failure(sshd, port=port, connect_timeout_s=0.5).message

    @pytest.mark.parametrize("logs", ["logging.basicConfig()", ""])
    def test_paramiko_prints_nothing(self, sshd: RealSshd, logs: str) -> None:
        """Neither with a log on standard error nor without any does an operator see its tracebacks."""
        code = f"""
import logging, pathlib, sys
import msgspec
from operator_tool.api import CompanionError, RunContext
from operator_tool_plugins.transports import ssh
{logs}
settings = msgspec.json.decode(sys.argv[1], type=ssh.SshSettings)
context = RunContext(run_id="run", state_dir=pathlib.Path())
try:
    ssh.make_companion_transport(settings, context).connect()
except CompanionError:
    print("refused")
"""
        with peer(b"nonsense\r\n") as port:
            options = msgspec.json.encode({**sshd.options(), "port": port, "connect_timeout_s": 0.5})
            argv = [sys.executable, "-c", code, options.decode()]
            ended = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
        assert (ended.stdout, ended.stderr) == ("refused\n", "")


class TestCase059WeakAlgorithms:
    """A server that offers nothing that is strong enough."""

    @pytest.mark.parametrize(
        ("extra", "kind", "names"),
        [
            ("Ciphers aes128-cbc,aes256-cbc,3des-cbc\n", "ciphers", "aes128-cbc, aes256-cbc, 3des-cbc"),
            ("MACs hmac-sha1,hmac-md5,umac-64@openssh.com\n", "authentication", "hmac-sha1, hmac-md5, umac-64"),
            ("KexAlgorithms diffie-hellman-group14-sha1\n", "key exchange", "diffie-hellman-group14-sha1"),
            (
                "KexAlgorithms diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1\n",
                "key exchange",
                "diffie-hellman-group-exchange-sha1, diffie-hellman-group1-sha1",
            ),
        ],
    )
    def test_case_059_ciphers_and_hashes(self, tmp_path: Path, extra: str, kind: str, names: str) -> None:
        """CBC, MD5 and SHA-1 are refused, each by its name."""
        with real_sshd(tmp_path / "sshd", extra=extra) as server:
            error = failure(server)
            assert "too weak" in error.message
            assert kind in error.message
            assert names in error.message
            assert not error.retryable

    def test_case_059_nothing_weak_is_ever_offered(self, sshd: RealSshd) -> None:
        """What the server is told that it may choose from, as its own log has it."""
        with real_sshd(sshd.folder / "loud", extra="LogLevel DEBUG2\n") as server:
            connect(server).close()
            log = (server.folder / "sshd.log").read_text()
        offered = log.partition("peer client KEXINIT proposal")[2].partition("compression ctos")[0]
        assert "curve25519-sha256" in offered
        for weak in ("-sha1", "-md5", "-cbc", "3des", "ssh-rsa", "ssh-dss", "-96"):
            assert weak not in offered

    def test_case_059_a_sha1_signature_of_the_host_key(self, tmp_path: Path) -> None:
        """An RSA key is welcome, ssh-rsa with SHA-1 is not."""
        with real_sshd(tmp_path / "strong", host_key_type="rsa") as server:
            connect(server).close()
        with real_sshd(tmp_path / "weak", host_key_type="rsa", extra="HostKeyAlgorithms ssh-rsa\n") as server:
            message = failure(server).message
            assert "too weak" in message
            assert message.endswith(": ssh-rsa")

    def test_case_059_no_strict_key_exchange(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Without the mending of CVE-2023-48795 a link is not used."""
        with old_server(sshd) as port:
            sshd.known_hosts.write_text(f"[127.0.0.1]:{port} {sshd.host_key}\n")
            assert "strict key exchange" in failure(sshd, port=port).message


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
        """What it can't do shows when the connection is wanted, and once only."""
        with peer(b"") as port:
            way = transport(sshd, port=port, connect_timeout_s=0.5)
            began_s = time.monotonic()
            way.begin()
            assert time.monotonic() - began_s < 0.2
            with pytest.raises(CompanionError, match="does not greet"):
                way.connect()
        assert time.monotonic() - began_s < 3

    def test_what_nobody_takes_is_let_go_of(self, sshd: RealSshd) -> None:
        """Whether it is there already or still on its way."""
        way = transport(sshd)
        way.begin()
        wait_until(lambda: logins(sshd))
        way.close()
        way.close()
        wait_until(lambda: not sshd.sessions())
        way.begin()
        way.close()
        wait_until(lambda: [thread for thread in threading.enumerate() if is_of_a_client(thread)] == [])
        wait_until(lambda: not sshd.sessions())

    def test_what_broke_meanwhile_is_made_anew(self, sshd: RealSshd) -> None:
        """Nobody is told of a link that broke before it was used."""
        way = transport(sshd)
        way.begin()
        begun = way._begun
        assert begun is not None
        link = begun.result(10)
        sshd.send_to_sessions(signal.SIGKILL)
        wait_until(lambda: not link.alive)
        with way.connect() as session, session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]

    def test_a_passphrase_is_asked_for_by_the_thread_that_connects(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Never from behind, where a line is being drawn."""
        make_key(tmp_path / "locked", passphrase="open sesame")
        (sshd.folder / "authorized_keys").write_text((tmp_path / "locked.pub").read_text())
        asked: list[threading.Thread] = []

        def ask(prompt: str) -> str:
            asked.append(threading.current_thread())
            return "open sesame"

        way = transport(sshd, context={"ask_secret": ask}, key_file=str(tmp_path / "locked"))
        way.begin()
        way.connect().close()
        assert asked == [threading.current_thread()]


def logins(sshd: RealSshd) -> int:
    """Return how many logins the server has seen."""
    return (sshd.folder / "sshd.log").read_text().count("Accepted publickey")
