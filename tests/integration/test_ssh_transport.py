"""The ssh transport against a real OpenSSH server, and against peers that are none."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import paramiko  # type: ignore[import-untyped]
import pytest

from operator_tool.api import CompanionError, CompanionSession, ConfigError, LinkError, RunContext, RunLimits
from operator_tool_plugins.transports import ssh
from tests.support.real_parts import RealSshd, fingerprint, free_port, make_key, real_sshd, require

pytestmark = pytest.mark.real_parts

MEGABYTE = 1024 * 1024


def connect(server: RealSshd, **changed: Any) -> CompanionSession:
    """Open a session to a server, some settings changed."""
    settings = msgspec.convert({**server.options(), **changed}, ssh.SshSettings)
    return ssh.make_companion_transport(settings, RunContext(run_id="run", state_dir=server.folder / "state")).connect()


def failure(server: RealSshd, **changed: Any) -> CompanionError:
    """Return the error that connecting ends with, at once."""
    began_s = time.monotonic()
    with pytest.raises(CompanionError) as caught:
        connect(server, **changed)
    assert time.monotonic() - began_s < 10
    assert [thread for thread in threading.enumerate() if is_of_a_client(thread)] == []
    return caught.value


def is_of_a_client(thread: threading.Thread) -> bool:
    """Tell whether a thread is one of the transport's, or paramiko's own of a client."""
    return thread.name.startswith("ssh-") or not getattr(thread, "server_mode", True)


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


class TestCase054UnknownHostKey:
    """A key that is not in the file."""

    def test_case_054_the_fingerprint_is_shown_and_nothing_is_added(self, sshd: RealSshd, tmp_path: Path) -> None:
        """No file is made, and the hint holds a command that a person can run after comparing."""
        known = tmp_path / "it's known"
        error = failure(sshd, known_hosts=str(known))
        assert not error.retryable
        assert sshd.fingerprint in error.message
        assert not known.exists()

    def test_case_054_the_hints_command_works(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Run as it stands, it makes the key known."""
        known = tmp_path / "it's known"
        command = failure(sshd, known_hosts=str(known)).hint.partition("equal: ")[2]
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=30)
        connect(sshd, known_hosts=str(known)).close()


class TestCase055ChangedHostKey:
    """A key that is another than the known one."""

    def test_case_055_another_key_of_the_type(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Both fingerprints are shown, and the file is left as it is."""
        make_key(tmp_path / "other")
        known = self.pin(sshd, tmp_path / "other.pub")
        error = failure(sshd)
        assert "HOST KEY CHANGED" in error.message
        assert sshd.fingerprint in error.message
        assert fingerprint(tmp_path / "other.pub") in error.message
        assert sshd.known_hosts.read_text() == known

    def test_case_055_only_another_type_is_known(self, sshd: RealSshd, tmp_path: Path) -> None:
        """A server that hasn't the pinned type of key is another server."""
        make_key(tmp_path / "other", "ecdsa")
        self.pin(sshd, tmp_path / "other.pub")
        error = failure(sshd)
        assert "HOST KEY CHANGED" in error.message
        assert sshd.fingerprint in error.message
        assert fingerprint(tmp_path / "other.pub") in error.message

    @pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
    def test_the_pinned_type_is_asked_for(self, tmp_path: Path, kind: str) -> None:
        """Of a server's several keys the pinned one is the one that counts, though another is preferred."""
        make_key(tmp_path / "second", kind)
        with real_sshd(tmp_path / "sshd", extra=f"HostKey {tmp_path / 'second'}\n") as server:
            self.pin(server, tmp_path / "second.pub")
            with connect(server) as session:
                assert session.identity.fingerprint == fingerprint(tmp_path / "second.pub")

    def pin(self, server: RealSshd, public_key: Path) -> str:
        """Make another key the known one; return what the file holds."""
        text = f"[{server.host}]:{server.port} {public_key.read_text()}"
        server.known_hosts.write_text(text)
        return text


class TestCase056KnownHosts:
    """What else the file may hold."""

    def test_case_056_a_revoked_key_is_refused(self, sshd: RealSshd) -> None:
        """Though it is known, too."""
        with sshd.known_hosts.open("a") as file:
            file.write(f"@revoked * {sshd.host_key}\n")
        error = failure(sshd)
        assert "revoked" in error.message
        assert sshd.fingerprint in error.message

    def test_case_056_garbage_is_no_obstacle(self, sshd: RealSshd) -> None:
        """Bad lines and certificate authorities are passed over."""
        good = sshd.known_hosts.read_bytes()
        garbage = b"\xff\x00 nonsense\n@cert-authority * ssh-ed25519 AAAA\nhost ssh-ed25519 AAA\n"
        sshd.known_hosts.write_bytes(garbage + good)
        connect(sshd).close()


class TestCase057Login:
    """Keys that are not let in, or can't be used."""

    def test_case_057_a_wrong_key(self, sshd: RealSshd, tmp_path: Path) -> None:
        """The message names the user and the key that was tried."""
        make_key(tmp_path / "wrong")
        error = failure(sshd, key_file=str(tmp_path / "wrong"))
        assert f"refused user {sshd.user}" in error.message
        assert str(tmp_path / "wrong") in error.message
        assert fingerprint(tmp_path / "wrong.pub") in error.message
        assert not error.retryable

    def test_case_057_a_key_that_others_may_read(self, sshd: RealSshd) -> None:
        """It is not used, and the hint says how to mend it."""
        sshd.key_file.chmod(0o644)
        error = failure(sshd)
        assert "may be read by others" in error.message
        assert error.hint == f"Run: chmod 600 {sshd.key_file}"

    def test_case_057_a_file_that_is_no_key(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Garbage in place of the key."""
        (tmp_path / "garbage").write_bytes(b"\x89PNG\r\n")
        (tmp_path / "garbage").chmod(0o600)
        assert "not a private key" in failure(sshd, key_file=str(tmp_path / "garbage")).message

    def test_case_057_a_missing_file(self, sshd: RealSshd, tmp_path: Path) -> None:
        """A setting that names no file is an error of the configuration."""
        with pytest.raises(ConfigError, match=r"ssh\.key_file.*absent"):
            connect(sshd, key_file=str(tmp_path / "absent"))

    def test_case_057_a_passphrase_without_the_agent(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Nobody is asked for it; the hint names ssh-add."""
        make_key(tmp_path / "locked", passphrase="open sesame")
        error = failure(sshd, key_file=str(tmp_path / "locked"))
        assert "passphrase" in error.message
        assert error.hint == f"Run: ssh-add {tmp_path / 'locked'}"

    def test_case_057_a_passphrase_with_the_agent(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of an agent's ten keys only the configured one is offered; a seventh would be one too many."""
        make_key(tmp_path / "locked", passphrase="open sesame")
        (sshd.folder / "authorized_keys").write_text((tmp_path / "locked.pub").read_text())
        others = [tmp_path / f"other{number}" for number in range(9)]
        for path in others:
            make_key(path)
        with ssh_agent(tmp_path, monkeypatch) as add:
            for path in others:
                add(path)
            add(tmp_path / "locked", "open sesame")
            connect(sshd, key_file=str(tmp_path / "locked"), use_agent=True).close()

    def test_the_agents_keys_are_offered_without_a_file(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each in turn, until one is let in."""
        make_key(tmp_path / "other")
        monkeypatch.setenv("HOME", str(tmp_path))
        with ssh_agent(tmp_path, monkeypatch) as add:
            add(tmp_path / "other")
            add(sshd.key_file)
            connect(sshd, key_file=None, use_agent=True).close()

    def test_an_agent_full_of_wrong_keys(self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Five are offered and named, before the server would hang up; the hint names the setting."""
        monkeypatch.setenv("HOME", str(tmp_path))
        with ssh_agent(tmp_path, monkeypatch) as add:
            for number in range(7):
                make_key(tmp_path / f"other{number}")
                add(tmp_path / f"other{number}")
            error = failure(sshd, key_file=None, use_agent=True)
        assert error.message.count("SHA256:") == 5
        assert "hung up" not in error.message
        assert "ssh.key_file" in error.hint

    def test_the_accounts_own_keys_are_offered_without_a_file(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As ssh does, ~/.ssh/id_ed25519 and its like are tried; one that can't be used is passed over."""
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".ssh").mkdir()
        make_key(tmp_path / ".ssh" / "id_ecdsa", "ecdsa", passphrase="open sesame")
        (tmp_path / ".ssh" / "id_rsa").symlink_to(sshd.key_file)
        connect(sshd, key_file=None).close()

    def test_no_key_at_all(self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says where keys were looked for; a dead agent is none."""
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "dead"))
        assert "there is no key" in failure(sshd, key_file=None, use_agent=True).message

    def test_an_agent_that_hangs_is_not_waited_for(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It counts as none when its deadline passed."""
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(tmp_path / "deaf"))
            deaf.listen()
            monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "deaf"))
            connect(sshd, use_agent=True, connect_timeout_s=0.5).close()

    def test_a_server_that_lets_nobody_in_with_a_key(self, tmp_path: Path) -> None:
        """The message says what it would take."""
        with real_sshd(tmp_path / "sshd", extra="PubkeyAuthentication no\nPasswordAuthentication yes\n") as server:
            assert "only with password" in failure(server).message

    def test_a_server_that_wants_more_than_a_key(self, tmp_path: Path) -> None:
        """Two steps of logging in are not supported, and said so."""
        extra = "AuthenticationMethods publickey,password\nPasswordAuthentication yes\n"
        with real_sshd(tmp_path / "sshd", extra=extra) as server:
            assert "more than a key: password" in failure(server).message


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
        "extra",
        [
            "Ciphers aes128-cbc,aes256-cbc,3des-cbc\n",
            "MACs hmac-sha1,hmac-md5,umac-64@openssh.com\n",
            "KexAlgorithms diffie-hellman-group14-sha1\n",
        ],
    )
    def test_case_059_ciphers_and_hashes(self, tmp_path: Path, extra: str) -> None:
        """CBC, MD5 and SHA-1 are refused by name of their kind."""
        with real_sshd(tmp_path / "sshd", extra=extra) as server:
            error = failure(server)
            assert "too weak" in error.message
            assert not error.retryable

    def test_case_059_a_sha1_signature_of_the_host_key(self, tmp_path: Path) -> None:
        """An RSA key is welcome, ssh-rsa with SHA-1 is not."""
        with real_sshd(tmp_path / "strong", host_key_type="rsa") as server:
            connect(server).close()
        with real_sshd(tmp_path / "weak", host_key_type="rsa", extra="HostKeyAlgorithms ssh-rsa\n") as server:
            assert "too weak" in failure(server).message

    def test_case_059_no_strict_key_exchange(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Without the mending of CVE-2023-48795 a link is not used."""
        with old_server(sshd) as port:
            sshd.known_hosts.write_text(f"[127.0.0.1]:{port} {sshd.host_key}\n")
            assert "strict key exchange" in failure(sshd, port=port).message


class TestALostLink:
    """The server or the way to it fails while a program runs."""

    LIMITS = RunLimits(silence_s=1.0, exit_s=0.5)

    def test_case_070_a_stopped_server_is_noticed(self, sshd: RealSshd) -> None:
        """Nothing tells of it but silence, and leaving the run takes no longer for it."""
        with connect(sshd) as session:
            began_s = time.monotonic()
            with self.interrupted(sshd, session, signal.SIGSTOP, stdin=quiet()) as lines:
                with pytest.raises(LinkError):
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
                with pytest.raises(LinkError):
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


def test_more_than_one_rekey(sshd: RealSshd) -> None:
    """Case 73: a stream beyond the half gigabyte after which keys are exchanged anew arrives whole."""
    count = 560
    with connect(sshd) as session, session.run(["wc", "-c"], stdin=(bytes(MEGABYTE) for _ in range(count))) as run:
        assert [int(line) for line in run] == [count * MEGABYTE]


def quiet() -> Iterator[bytes]:
    """Yield nothing for as long as a test may take."""
    for _ in range(400):
        yield b""
        time.sleep(0.05)


def flood() -> Iterator[bytes]:
    """Yield more than every buffer on the way holds."""
    for _ in range(100_000):
        yield bytes(65_536)


def wait_until(condition: Any) -> None:
    """Wait a few seconds for something to become true."""
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def wait_until_no_thread(name: str) -> None:
    """Wait until no thread of that name is left."""
    wait_until(lambda: all(thread.name != name for thread in threading.enumerate()))


@contextlib.contextmanager
def peer(says: bytes) -> Iterator[int]:
    """Listen, accept one connection after another, say one thing to each, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as connections:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.enter_context(connection)
                    connection.sendall(says)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def old_server(sshd: RealSshd) -> Iterator[int]:
    """An SSH server with the key of another, which does not know strict key exchange."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.closing(paramiko.Transport(connection, strict_kex=False)) as transport:
                transport.add_server_key(paramiko.PKey.from_path(str(sshd.folder / "host_key")))
                with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                    transport.start_server(server=paramiko.ServerInterface())
                transport.join(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@contextlib.contextmanager
def ssh_agent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a real agent, and yield what adds a key to it."""
    where = folder / "agent"
    process = subprocess.Popen([require("ssh-agent"), "-D", "-a", str(where)], stdout=subprocess.DEVNULL)
    asker = folder / "askpass"

    def add(path: Path, passphrase: str = "") -> None:
        asker.write_text(f"#!/bin/sh\necho {shlex.quote(passphrase)}\n")
        asker.chmod(0o700)
        environment = {**os.environ, "SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
        argv = [require("ssh-add"), "-q", str(path)]
        subprocess.run(argv, env=environment, check=True, capture_output=True, timeout=30)

    try:
        wait_until(where.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(where))
        yield add
    finally:
        process.terminate()
        process.wait(10)
