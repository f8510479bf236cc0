"""A configuration of the operator's that would break the link, weaken it, or make it ask, if ssh went by it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.openssh_sessions import children, connect, failure, leftovers, transport
from tests.support.real_parts import RealSshd, free_port, make_key, real_sshd
from tests.support.ssh_peers import wait_until

pytestmark = pytest.mark.real_parts

NASTY = """
Host *
  RemoteCommand echo another command
  RequestTTY force
  SessionType none
  ControlMaster auto
  ControlPath {folder}/shared-%C
  ControlPersist 600
  LocalForward 127.0.0.1:{port} 127.0.0.1:1
  DynamicForward 127.0.0.1:{port}
  ExitOnForwardFailure yes
  PermitLocalCommand yes
  LocalCommand touch {folder}/local-command
  Ciphers chacha20-poly1305@openssh.com
  KexAlgorithms diffie-hellman-group14-sha1
  HostKeyAlgorithms ssh-rsa
  PubkeyAcceptedAlgorithms ssh-rsa
  MACs hmac-md5
  FingerprintHash md5
  VisualHostKey yes
  StrictHostKeyChecking no
  UserKnownHostsFile {folder}/known-by-the-account
  GlobalKnownHostsFile {folder}/known-by-the-account
  UpdateHostKeys yes
  KnownHostsCommand /bin/false
  HashKnownHosts yes
  CheckHostIP yes
  VerifyHostKeyDNS yes
  LogLevel QUIET
  SendEnv *
  ForwardAgent yes
  ForwardX11 yes
  Compression yes
  ProxyCommand none
  EscapeChar ~
  ForkAfterAuthentication yes
  StdinNull yes
  BatchMode no
  NumberOfPasswordPrompts 9
  ConnectTimeout 1
  ConnectionAttempts 50
  ServerAliveInterval 1
  ServerAliveCountMax 1
Match exec "true"
  User {user}
"""


@pytest.fixture
def nasty(tmp_path: Path, sshd: RealSshd) -> str:
    """The file that holds all of it."""
    path = tmp_path / "nasty config"
    path.write_text(NASTY.format(folder=tmp_path, port=free_port(), user=sshd.user))
    return str(path)


def test_nothing_of_it_breaks_the_link(
    sshd: RealSshd, nasty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs run, without a terminal; nothing is forwarded, shared, persisted, learnt or sent along."""
    monkeypatch.setenv("LC_SECRET", "a secret")
    extra = "AcceptEnv *\n"
    before = leftovers()
    with real_sshd(tmp_path / "open", extra=extra) as server:
        with connect(server, config_file=nasty, user=None) as session:
            assert session.identity.fingerprint == server.fingerprint
            with session.run(["sh", "-c", "echo here; tty; env"]) as run:
                lines = list(run)
            assert lines[:2] == [b"here", b"not a tty"]
            assert not [line for line in lines if b"secret" in line]
            assert session.get("/etc/hostname")
        wait_until(lambda: not server.sessions())
    assert leftovers() <= before
    assert not list(tmp_path.glob("shared-*"))
    assert not (tmp_path / "local-command").exists()
    assert not (tmp_path / "known-by-the-account").exists()


def test_nothing_of_it_makes_a_host_known(sshd: RealSshd, nasty: str, tmp_path: Path) -> None:
    """``StrictHostKeyChecking no`` is none of ours, nor is the account's own file."""
    (tmp_path / "known-by-the-account").write_text(sshd.known_hosts.read_text())
    sshd.known_hosts.write_text("")
    error = failure(sshd, config_file=nasty)
    assert f"is not known: ssh-ed25519 {sshd.fingerprint}" in error.message
    make_key(tmp_path / "other")
    sshd.known_hosts.write_text(f"[{sshd.host}]:{sshd.port} {(tmp_path / 'other.pub').read_text()}")
    assert "HOST KEY CHANGED" in failure(sshd, config_file=nasty).message
    assert transport(sshd, config_file=nasty).offered_key().fingerprint == sshd.fingerprint


def test_a_shared_connection_of_the_operator_is_left_alone(sshd: RealSshd, tmp_path: Path) -> None:
    """One that is open already is neither used, since its keys were not checked by us, nor ended."""
    path = tmp_path / "config"
    socket = tmp_path / "own"
    path.write_text(f"Host *\n ControlMaster auto\n ControlPath {socket}\n")
    argv = ["ssh", "-F", str(path), "-p", str(sshd.port), "-i", str(sshd.key_file), "-N", sshd.host]
    options = ["-o", f"UserKnownHostsFile={sshd.known_hosts}", "-o", "BatchMode=yes"]
    own = subprocess.Popen([argv[0], *options, *argv[1:]], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + 10
        while not socket.exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        with connect(sshd, config_file=str(path)) as session, session.run(["echo", "here"]) as run:
            assert list(run) == [b"here"]
        assert (sshd.folder / "sshd.log").read_text().count("Accepted publickey") == 2
        assert own.poll() is None
    finally:
        own.terminate()
        own.wait(10)


def test_ssh_does_not_get_our_secrets(
    sshd: RealSshd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Settings of the tool may be secrets; neither ssh nor what watches over it has them in its environment."""
    monkeypatch.setenv("OPERATOR_TOOL_SATELLITE__KEY", "a secret of ours")
    caplog.set_level(logging.DEBUG)
    before = children()
    with connect(sshd):
        mine = set(children()).difference(before)
        assert len(mine) == 2
        for pid in mine:
            assert b"a secret of ours" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert "a secret of ours" not in caplog.text


@pytest.mark.parametrize("case", ["unknown host", "unknown jump host", "passphrase", "password"])
def test_nothing_prompts_at_a_terminal(sshd: RealSshd, tmp_path: Path, case: str) -> None:
    """A person at a terminal, and a program that would ask in a window, are asked nothing and shown nothing."""
    asker = tmp_path / "askpass"
    asker.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho yes\n")
    asker.chmod(0o700)
    changed: dict[str, object] = {"connect_timeout_s": 5}
    if case == "unknown host":
        changed["known_hosts"] = str(tmp_path / "none")
    elif case == "unknown jump host":
        (tmp_path / "config").write_text(
            f"Host hop\n HostName {sshd.host}\n Port {sshd.port}\n UserKnownHostsFile {tmp_path}/none\n"
            "Host *.1\n ProxyJump hop\n"
        )
        changed["config_file"] = str(tmp_path / "config")
    else:
        make_key(tmp_path / "locked", passphrase="open sesame")
        changed["key_file"] = str(tmp_path / "locked")
    code = """
import pathlib, sys
import msgspec
from operator_tool.api import CompanionError, RunContext
from operator_tool_plugins.transports import openssh
settings = msgspec.json.decode(sys.argv[1], type=openssh.OpensshSettings)
context = RunContext(run_id="run", state_dir=pathlib.Path())
try:
    openssh.make_companion_transport(settings, context).connect()
except CompanionError:
    print("refused")
"""
    extra = "PasswordAuthentication yes\nKbdInteractiveAuthentication yes\n" if case == "password" else ""
    with real_sshd(tmp_path / "asking", extra=extra) as server:
        options = msgspec.json.encode({**server.options(), **changed}).decode()
        environment = {**os.environ, "SSH_ASKPASS": str(asker), "DISPLAY": ":99"}
        shown = at_a_terminal([sys.executable, "-c", code, options], environment)
    assert shown.split() == ["refused"]
    assert not (tmp_path / "asked").exists()


def at_a_terminal(argv: list[str], environment: dict[str, str]) -> str:
    """Run a program whose every stream, and whose controlling terminal, is one; return what the terminal showed."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        os.execve(argv[0], argv, environment)
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
    except OSError:  # Linux tells of the end so
        pass
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return shown.decode()
