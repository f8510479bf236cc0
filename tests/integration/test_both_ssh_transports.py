"""Both transports over SSH accept the same servers, refuse the same, and are patient with the same."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionError, CompanionSession, LinkError
from operator_tool_plugins.transports._secure_shell import waiting
from tests.support import openssh_sessions, ssh_peers
from tests.support.namespaces import private_mounts
from tests.support.real_parts import RealSshd, free_port, make_key, real_sshd, require, running

both = pytest.mark.parametrize("transport", ["ssh", "openssh"])
pytestmark = pytest.mark.real_parts


def connect(transport: str, server: RealSshd, **changed: Any) -> CompanionSession:
    """Open a session by a transport of this name."""
    if transport == "ssh":
        return ssh_peers.connect(server, **changed)
    return openssh_sessions.connect(server, **changed)


@contextlib.contextmanager
def real_dropbear(folder: Path) -> Iterator[RealSshd]:
    """Run a Dropbear that lets the current user in, whose home is a folder of the test's own to it."""
    dropbear, keygen = require("dropbear"), require("dropbearkey")
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    make_key(folder / "client_key")
    shutil.copy(folder / "client_key.pub", home / ".ssh" / "authorized_keys")
    (home / ".ssh" / "authorized_keys").chmod(0o600)
    key = str(folder / "dropbear_key")
    subprocess.run([keygen, "-t", "ed25519", "-f", key], check=True, capture_output=True, timeout=60)
    shown = subprocess.run([keygen, "-y", "-f", key], check=True, capture_output=True, text=True, timeout=60).stdout
    public = next(line for line in shown.splitlines() if line.startswith("ssh-ed25519 "))
    port = free_port()
    (folder / "host_key.pub").write_text(f"{public}\n")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public.split()[:2])}\n")
    accounts = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    ours = [[*line[:5], str(home), *line[6:]] if line[0] == getpass.getuser() else line for line in accounts]
    (folder / "passwd").write_text("".join(f"{':'.join(line)}\n" for line in ours))
    through = private_mounts('mount --bind "$1" /etc/passwd', "sh", str(folder / "passwd"))
    argv = [*through, dropbear, "-F", "-E", "-s", "-r", key, "-P", str(folder / "pid"), "-p", f"127.0.0.1:{port}"]
    with running(argv, port, folder / "dropbear.log") as pid:
        yield RealSshd(host="127.0.0.1", port=port, user=getpass.getuser(), folder=folder, pid=pid)


@both
@pytest.mark.own_mounts
def test_a_dropbear_is_reached(tmp_path: Path, transport: str) -> None:
    """It is built without AES-GCM; programs run there, and files come and go."""
    with real_dropbear(tmp_path / "dropbear") as server, connect(transport, server) as session:
        assert session.identity.fingerprint == server.fingerprint
        session.put(b"one\ntwo", str(tmp_path / "file"))
        assert session.get(str(tmp_path / "file")) == b"one\ntwo"
        with session.run(["sh", "-c", "exit 3"]) as run:
            assert list(run) == []
        assert run.exit_status == 3


@both
@pytest.mark.parametrize(
    ("offers", "cipher"),
    [
        ("Ciphers aes256-ctr,aes128-gcm@openssh.com\n", "aes128-gcm@openssh.com"),
        ("Ciphers aes256-ctr\nMACs hmac-sha2-256\n", "aes256-ctr"),
        ("KexAlgorithms curve25519-sha256\n", "aes128-gcm@openssh.com"),
        ("Ciphers aes128-cbc\n", None),
        ("Ciphers aes128-ctr\nMACs hmac-sha1,umac-128-etm@openssh.com\n", None),
        ("KexAlgorithms diffie-hellman-group14-sha1\n", None),
        ("HostKeyAlgorithms ssh-rsa\n", None),
    ],
)
def test_a_server_is_accepted_by_both_or_by_none(
    tmp_path: Path, transport: str, offers: str, cipher: str | None
) -> None:
    """By one table: AES-GCM where it is offered, AES-CTR beside it, and nothing with CBC or SHA-1."""
    kind = "rsa" if "ssh-rsa" in offers else "ed25519"
    with real_sshd(tmp_path / "sshd", extra=f"LogLevel DEBUG2\n{offers}", host_key_type=kind) as server:
        if cipher is None:
            with pytest.raises(CompanionError) as caught:
                connect(transport, server)
            assert not caught.value.retryable
        else:
            connect(transport, server).close()
            assert f"cipher: {cipher}" in (server.folder / "sshd.log").read_text()


@both
def test_a_server_without_strict_key_exchange_is_refused(sshd: RealSshd, transport: str) -> None:
    """Messages could be cut out of the handshake (CVE-2023-48795)."""
    with ssh_peers.old_server(sshd) as port:
        sshd.known_hosts.write_text(f"[127.0.0.1]:{port} {sshd.host_key}\n")
        with pytest.raises(CompanionError, match="CVE-2023-48795"):
            connect(transport, sshd, port=port)


@contextlib.contextmanager
def door_of(server: RealSshd, *refusals: bytes) -> Iterator[int]:
    """Stand before a server and hang up on its first callers, with these words, before anyone gets through to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as open_ends:

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

        def serve() -> None:
            left = list(refusals)
            with contextlib.suppress(OSError):
                while True:
                    caller = open_ends.enter_context(listener.accept()[0])
                    if left:
                        caller.sendall(left.pop(0))
                        caller.close()
                        continue
                    inner = open_ends.enter_context(socket.create_connection((server.host, server.port)))
                    for ends in ((caller, inner), (inner, caller)):
                        threading.Thread(target=pass_on, args=ends, daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        server.known_hosts.write_text(f"[127.0.0.1]:{port} {server.host_key}\n")
        try:
            yield port
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


FULL = b"Exceeded MaxStartups\r\n"


@both
@pytest.mark.parametrize("refusals", [(FULL, FULL), (b"",)], ids=["full", "without a word"])
def test_a_server_that_is_full_is_tried_again(sshd: RealSshd, transport: str, refusals: tuple[bytes, ...]) -> None:
    """It lets one in a little later."""
    with (
        door_of(sshd, *refusals) as port,
        connect(transport, sshd, port=port) as session,
        session.run(["echo", "here"]) as run,
    ):
        assert list(run) == [b"here"]


@both
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (FULL, "Exceeded MaxStartups"),
        (b"Not allowed at this time\r\n", "Not allowed at this time"),
        (b"go \x1b]0;away\x07\r\n", "go "),
    ],
)
def test_what_a_server_says_before_it_hangs_up_is_told(
    sshd: RealSshd, transport: str, said: bytes, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was tried for long enough; another run may get through."""
    monkeypatch.setattr(waiting, "_BUDGET_S", 0.5)
    monkeypatch.setattr(waiting, "_UNSAID_S", 0.5)
    with door_of(sshd, *[said] * 20) as port, pytest.raises(CompanionError) as caught:
        connect(transport, sshd, port=port)
    assert shown in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.retryable


@both
def test_a_server_that_opens_no_session_is_told_as_one(tmp_path: Path, transport: str) -> None:
    """MaxSessions 0: nothing that another attempt would change."""
    with real_sshd(tmp_path / "sshd", extra="MaxSessions 0\n") as server, connect(transport, server) as session:
        with pytest.raises(LinkError) as caught:
            session.run(["true"])
        assert not caught.value.retryable
        assert "MaxSessions" in caught.value.hint
