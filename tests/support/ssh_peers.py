"""Sessions of the ssh transport for tests, and the peers, agents and streams that they meet."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import paramiko  # type: ignore[import-untyped]
import pytest

from operator_tool.api import CompanionError, CompanionSession, RunContext
from operator_tool_plugins.transports import ssh
from tests.support.real_parts import RealSshd, require


def transport(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> ssh.SshTransport:
    """Return the transport to a server, some settings and some parts of the run's context changed."""
    settings = msgspec.convert({**server.options(), **changed}, ssh.SshSettings)
    whole = RunContext(**{"run_id": "run", "state_dir": server.folder / "state", **(context or {})})
    made = ssh.make_companion_transport(settings, whole)
    assert isinstance(made, ssh.SshTransport)
    return made


def connect(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> CompanionSession:
    """Open a session to a server, some settings changed."""
    return transport(server, context=context, **changed).connect()


def failure(server: RealSshd, *, context: dict[str, Any] | None = None, **changed: Any) -> CompanionError:
    """Return the error that connecting ends with, at once and with no thread left behind."""
    began_s = time.monotonic()
    with pytest.raises(CompanionError) as caught:
        connect(server, context=context, **changed)
    assert time.monotonic() - began_s < 10
    assert [thread for thread in threading.enumerate() if is_of_a_client(thread)] == []
    return caught.value


def is_of_a_client(thread: threading.Thread) -> bool:
    """Tell whether a thread is one of the transport's, or paramiko's own of a client."""
    return thread.name.startswith("ssh-") or not getattr(thread, "server_mode", True)


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
    """Wait for something to become true; a loaded machine takes its time."""
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


_others: set[threading.Thread] = set()


def note_threads() -> None:
    """Note which threads are there before a test: those of other tests are not its own."""
    _others.clear()
    _others.update(threading.enumerate())


def wait_until_no_thread(name: str) -> None:
    """Wait until no thread of that name is left of those that this test began."""
    wait_until(lambda: all(thread.name != name for thread in set(threading.enumerate()) - _others))


@contextlib.contextmanager
def peer(*says: bytes, pause_s: float = 0.0) -> Iterator[int]:
    """Listen, accept one connection after another, say things to each, with pauses, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as connections:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.enter_context(connection)
                    for piece in says:
                        connection.sendall(piece)
                        time.sleep(pause_s)

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


class SlowServer(paramiko.ServerInterface):  # type: ignore[misc]
    """A server that stops at one step until it is let go on, with the key of a real one."""

    def __init__(self, stop_at: str) -> None:
        self._stop_at = stop_at
        self.go_on = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._stop("login", paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return self._stop("open", paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return self._stop_at != "exec" and bool(self._stop("start", 1))

    def _stop(self, step: str, answer: int) -> int:
        if step == self._stop_at:
            self.go_on.wait(30)
        return answer


@contextlib.contextmanager
def slow_server(sshd: RealSshd, stop_at: str) -> Iterator[int]:
    """An SSH server with the key of another that stops at ``login``, ``open`` or ``start``, or refuses at ``exec``."""
    behaviour = SlowServer(stop_at)
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    server = paramiko.Transport(connection)
                    transports.append(server)
                    server.add_server_key(paramiko.PKey.from_path(str(sshd.folder / "host_key")))
                    server.start_server(event=threading.Event(), server=behaviour)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        known = sshd.known_hosts.read_text()
        sshd.known_hosts.write_text(f"{known}[127.0.0.1]:{port} {sshd.host_key}\n")
        try:
            yield port
        finally:
            behaviour.go_on.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for server in transports:
                server.close()
                server.join(10)
