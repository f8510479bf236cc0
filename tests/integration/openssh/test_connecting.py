"""Connecting by the system's ssh: to a real server, and to peers that are none."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, ConfigError, Deadline
from operator_tool_plugins.transports.openssh import transport as openssh_transport
from tests.support.openssh_sessions import connect, failure, transport
from tests.support.real_parts import RealSshd, free_port, make_key, real_sshd
from tests.support.ssh_peers import peer, slow_server, ssh_agent, wait_until

pytestmark = pytest.mark.real_parts

GREETING = b"SSH-2.0-Nothing_more\r\n"


def test_the_algorithms_of_a_link(tmp_path: Path) -> None:
    """What the server is offered, as its own log has it, and what comes of it."""
    with real_sshd(tmp_path / "sshd", extra="LogLevel DEBUG2\n") as server:
        connect(server).close()
        log = (server.folder / "sshd.log").read_text()
    assert "kex: algorithm: curve25519-sha256" in log
    assert "cipher: aes128-gcm@openssh.com" in log
    offered = log.partition("peer client KEXINIT proposal")[2].partition("compression ctos")[0]
    for weak in ("-sha1", "-md5,", "-cbc", "3des", "ssh-dss", "-cert-v01"):
        assert weak not in offered.partition("MACs ctos")[0]
    assert "ssh-rsa" not in offered


def test_post_quantum_alone(tmp_path: Path) -> None:
    """A server that demands a hybrid key exchange is not shut out."""
    with real_sshd(tmp_path / "sshd", extra="KexAlgorithms sntrup761x25519-sha512@openssh.com\n") as server:
        connect(server).close()


class TestCase053Unreachable:
    """No connection: retryable, and the message names the companion."""

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
        assert "Could not resolve hostname no-such-host.invalid" in error.message

    def test_case_053_closed_early(self, sshd: RealSshd) -> None:
        """A server that has too many connections hangs up; what it said before is told."""
        with real_sshd(sshd.folder / "full", extra="MaxStartups 1:100:1\n") as server:
            with contextlib.ExitStack() as held:

                def is_full() -> bool:
                    first = held.enter_context(socket.create_connection((server.host, server.port)))
                    return first.recv(3) == b"SSH"

                wait_until(is_full)
                error = failure(server)
            assert error.retryable
            assert "MaxStartups" in error.message


class TestCase057Login:
    """Keys that are not let in, or can't be used."""

    def test_case_057_a_wrong_key(self, sshd: RealSshd, tmp_path: Path) -> None:
        """The message names the user, and trying again is of no use."""
        make_key(tmp_path / "wrong")
        error = failure(sshd, key_file=str(tmp_path / "wrong"))
        assert f"refused user {sshd.user}: " in error.message
        assert "Permission denied (publickey)" in error.message
        assert "authorized_keys" in error.hint
        assert not error.retryable

    def test_case_057_a_key_with_a_passphrase(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody is asked for it; the hint names the agent, and with it the key is good."""
        make_key(tmp_path / "locked", passphrase="open sesame")
        (sshd.folder / "authorized_keys").write_text((tmp_path / "locked.pub").read_text())
        key_file = str(tmp_path / "locked")
        assert "ssh-add" in failure(sshd, key_file=key_file).hint
        with ssh_agent(tmp_path, monkeypatch) as add:
            add(tmp_path / "locked", "open sesame")
            connect(sshd, key_file=key_file, use_agent=True).close()
            assert "refused user" in failure(sshd, key_file=key_file, use_agent=False).message

    def test_a_certificate_lets_in(self, sshd: RealSshd, tmp_path: Path) -> None:
        """One that lies beside the key, of an authority that the companion trusts."""
        make_key(tmp_path / "authority")
        extra = f"TrustedUserCAKeys {tmp_path / 'authority.pub'}\n"
        with real_sshd(tmp_path / "certified", extra=extra) as server:
            (server.folder / "authorized_keys").write_text("")
            assert "refused user" in failure(server).message
            argv = ["ssh-keygen", "-q", "-s", str(tmp_path / "authority"), "-I", "operator", "-n", server.user]
            subprocess.run([*argv, f"{server.key_file}.pub"], check=True, timeout=60)
            connect(server).close()

    def test_case_057_a_banner_is_no_message_of_ssh(self, sshd: RealSshd) -> None:
        """Whatever it claims: the key of the host was taken, and the login refused."""
        banner = sshd.folder / "banner"
        banner.write_text("Host key verification failed.\ndebug1: Server host key: ssh-ed25519 SHA256:other\n")
        with real_sshd(sshd.folder / "loud", extra=f"Banner {banner}\n") as server:
            with connect(server) as session:
                assert session.identity.fingerprint == server.fingerprint
            (server.folder / "authorized_keys").write_text("")
            assert f"refused user {server.user}" in failure(server).message


class TestCase058Stalls:
    """A peer that accepts and then does nothing, or nothing that makes sense."""

    @pytest.mark.parametrize("said", [b"", GREETING], ids=["no banner", "no key exchange"])
    def test_case_058_silence(self, sshd: RealSshd, said: bytes) -> None:
        """The wait for what comes next is bounded."""
        with peer(said) as port:
            error = failure(sshd, port=port, connect_timeout_s=1)
        assert error.retryable
        assert f"127.0.0.1:{port}" in error.message

    def test_case_058_a_stopped_server(self, sshd: RealSshd) -> None:
        """A server that is stopped still accepts connections: the kernel does."""
        os.kill(sshd.pid, signal.SIGSTOP)
        try:
            assert failure(sshd, connect_timeout_s=1).retryable
        finally:
            os.kill(sshd.pid, signal.SIGCONT)

    def test_case_058_no_end_of_the_login(self, sshd: RealSshd) -> None:
        """The key is sent and nothing comes back."""
        with slow_server(sshd, "login") as port:
            error = failure(sshd, port=port, connect_timeout_s=1)
        assert error.retryable
        assert "nothing came for 1 s" in error.message

    def test_case_058_the_whole_is_bounded_by_the_run(self, sshd: RealSshd) -> None:
        """The run's own deadline ends a step sooner than that step's."""
        with peer(GREETING) as port:
            error = failure(sshd, port=port, connect_timeout_s=30, context={"deadline": Deadline.after(0.5)})
        assert error.retryable
        assert "too long" in error.message

    @pytest.mark.parametrize("greeting", [b"", GREETING])
    def test_case_058_the_whole_is_bounded_by_itself(
        self, sshd: RealSshd, monkeypatch: pytest.MonkeyPatch, greeting: bytes
    ) -> None:
        """However much is said meanwhile."""
        monkeypatch.setattr(openssh_transport, "_WHOLE_S", 0.5)
        with peer(greeting, *[b"line\r\n"] * 20, pause_s=0.1) as port:
            began_s = time.monotonic()
            assert failure(sshd, port=port, connect_timeout_s=30).retryable
        assert time.monotonic() - began_s < 5

    def test_a_run_that_is_given_up_does_not_wait(self, sshd: RealSshd) -> None:
        """Within a second, whatever the limits are."""
        cancelled = threading.Event()
        timer = threading.Timer(0.3, cancelled.set)
        timer.start()
        with peer(GREETING) as port:
            began_s = time.monotonic()
            assert (
                "given up" in failure(sshd, port=port, connect_timeout_s=30, context={"cancelled": cancelled}).message
            )
        assert time.monotonic() - began_s < 2
        timer.join()

    def test_an_offered_key_is_bounded_too(self, sshd: RealSshd) -> None:
        """Enrolling meets the same peers."""
        with peer(GREETING) as port:
            began_s = time.monotonic()
            with pytest.raises(CompanionError, match="could not be asked for"):
                transport(sshd, port=port, connect_timeout_s=0.5).offered_key()
        assert time.monotonic() - began_s < 5


class TestCase059WeakAlgorithms:
    """A server that offers nothing that is strong enough."""

    @pytest.mark.parametrize(
        ("extra", "names"),
        [
            ("Ciphers aes128-cbc,3des-cbc\n", "no matching cipher found. Their offer: aes128-cbc,3des-cbc"),
            ("KexAlgorithms diffie-hellman-group14-sha1\n", "diffie-hellman-group14-sha1"),
        ],
    )
    def test_case_059_they_are_named(self, tmp_path: Path, extra: str, names: str) -> None:
        """CBC and SHA-1 are refused, each by its name."""
        with real_sshd(tmp_path / "sshd", extra=extra) as server:
            error = failure(server)
        assert "too weak" in error.message
        assert names in error.message
        assert not error.retryable

    def test_case_059_a_sha1_signature_of_the_host_key(self, tmp_path: Path) -> None:
        """An RSA key is welcome, ssh-rsa with SHA-1 is not."""
        with real_sshd(tmp_path / "strong", host_key_type="rsa") as server:
            connect(server).close()
            assert transport(server).offered_key().fingerprint == server.fingerprint
        with real_sshd(tmp_path / "weak", host_key_type="rsa", extra="HostKeyAlgorithms ssh-rsa\n") as server:
            assert "Their offer: ssh-rsa" in failure(server).message


class TestTheProgram:
    """The ssh that is run."""

    def test_it_is_not_there(self, sshd: RealSshd) -> None:
        """It is an error of the workstation, with a way out; beginning says nothing of it."""
        way = transport(sshd, program="no-such-ssh")
        way.begin()
        with pytest.raises(ConfigError, match=r"no-such-ssh can't be started: No such file") as caught:
            way.connect()
        assert "--transport ssh" in caught.value.hint

    def test_it_can_t_read_its_configuration(self, sshd: RealSshd, tmp_path: Path) -> None:
        """What it says of the file is passed on."""
        (tmp_path / "config").write_text("Nonsense yes\n")
        with pytest.raises(ConfigError, match=r"nonsense"):
            connect(sshd, config_file=str(tmp_path / "config"))
