"""Aliases and jump hosts of an OpenSSH configuration, through real servers."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import (
    LinkError,
    LinkStalledError,
    RunLimits,
)
from tests.support.real_parts import RealSshd, free_port, real_sshd
from tests.support.ssh_peers import (
    connect,
    failure,
    flood,
    is_of_a_client,
    transport,
    wait_until,
    wait_until_no_thread,
)

pytestmark = pytest.mark.real_parts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with an empty ``.ssh``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RealSshd]:
    """A second server, to jump over."""
    with real_sshd(tmp_path / "gateway") as server:
        yield server


def configure(home: Path, companion: RealSshd, *hops: RealSshd) -> dict[str, Any]:
    """Write the account's configuration, in which ``drone`` lies behind the hops; return the settings to use it."""
    names = [f"hop{number}" for number in range(len(hops))]
    lines = ["Host drone", *([f" ProxyJump {','.join(names)}"] if names else [])]
    for name, server in (("drone", companion), *zip(names, hops, strict=True)):
        lines += [f"Host {name}", f" HostName {server.host}", f" Port {server.port}", f" User {server.user}"]
        lines += [f" IdentityFile {server.key_file}"]
    path = home / ".ssh" / "config"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    known = home / ".ssh" / "known_hosts"
    known.write_text("".join(hop.known_hosts.read_text() for hop in hops))
    return {"host": "drone", "port": None, "user": None, "key_file": None, "config_file": None}


def test_an_alias_is_enough(home: Path, sshd: RealSshd) -> None:
    """Address, port, user and key come from the operator's own configuration."""
    with connect(sshd, **configure(home, sshd)) as session:
        assert session.identity.address == f"ssh://{sshd.user}@{sshd.host}:{sshd.port}"
        assert session.identity.fingerprint == sshd.fingerprint


@pytest.mark.parametrize("number", [1, 2])
def test_a_companion_behind_jump_hosts(home: Path, sshd: RealSshd, gateway: RealSshd, number: int) -> None:
    """Every byte arrives, and the link's end leaves no connection to any of them."""
    hops = (sshd, gateway)[-number:]
    data = os.urandom(3 * 1024 * 1024)
    with connect(sshd, **configure(home, sshd, *hops)) as session:
        assert session.identity.fingerprint == sshd.fingerprint
        with session.run(["sha256sum"], stdin=[data]) as run:
            assert [line.split()[0].decode() for line in run] == [hashlib.sha256(data).hexdigest()]
        assert gateway.sessions()
    wait_until(lambda: not gateway.sessions() and not sshd.sessions())


def test_a_link_over_a_jump_host_ends_at_once(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """Nothing waits for a tick of paramiko's threads, and none of them is left."""
    session = connect(sshd, **configure(home, sshd, gateway))
    session.close()
    assert [thread for thread in threading.enumerate() if is_of_a_client(thread)] == []


def test_a_companion_s_key_is_offered_through_a_jump_host(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """Its label is the companion's own, and pinning it makes the way open."""
    settings = {**configure(home, sshd, gateway), "known_hosts": None}
    way = transport(sshd, context={"trust_dir": home / "trust"}, **settings)
    offer = way.offered_key()
    assert (offer.fingerprint, offer.label) == (sshd.fingerprint, f"[{sshd.host}]:{sshd.port}")
    way.pin(offer)
    way.connect().close()


def test_case_054_an_unknown_jump_host(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """It is refused like a companion; it is the one to enrol, by its own name."""
    settings = configure(home, sshd, gateway)
    (home / ".ssh" / "known_hosts").write_text("")
    error = failure(sshd, **settings)
    assert gateway.fingerprint in error.message
    assert f"--companion-host hop0 --companion-port {gateway.port}" in error.hint
    assert "ssh hop0" in error.hint


def test_case_055_a_changed_jump_host(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """What is pinned in the tool's own file counts before the account's."""
    settings = configure(home, sshd, gateway)
    with sshd.known_hosts.open("a") as file:
        file.write(f"[{gateway.host}]:{gateway.port} {sshd.host_key}\n")
    error = failure(sshd, **settings)
    assert "HOST KEY CHANGED" in error.message
    assert gateway.fingerprint in error.message
    assert sshd.fingerprint in error.message


def test_case_056_a_companion_is_not_known_by_the_account_s_own_file(
    home: Path, sshd: RealSshd, gateway: RealSshd
) -> None:
    """Only of jump hosts does that file tell."""
    settings = {**configure(home, sshd, gateway), "known_hosts": None}
    with (home / ".ssh" / "known_hosts").open("a") as file:
        file.write(sshd.known_hosts.read_text())
    error = failure(sshd, context={"trust_dir": home / "trust"}, **settings)
    assert "not known" in error.message
    assert sshd.fingerprint in error.message


def test_a_jump_host_that_may_not_forward(home: Path, sshd: RealSshd) -> None:
    """The message names both, and the hint what to allow."""
    with real_sshd(home / "strict", extra="AllowTcpForwarding no\n") as strict:
        error = failure(sshd, **configure(home, sshd, strict))
        assert f"{strict.host}:{strict.port} may not forward to {sshd.host}:{sshd.port}" in error.message
        assert "AllowTcpForwarding" in error.hint
        assert not error.retryable


def test_case_053_a_jump_host_that_reaches_nothing(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """It is as retryable as a companion that can't be reached directly."""
    settings = configure(home, sshd, gateway)
    error = failure(sshd, **{**settings, "port": free_port()})
    assert f"{gateway.host}:{gateway.port} can't reach" in error.message
    assert error.retryable


def test_case_057_a_jump_host_that_refuses_the_key(home: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """The message says which of the servers it was."""
    settings = configure(home, sshd, gateway)
    (gateway.folder / "authorized_keys").write_text("")
    assert f":{gateway.port} refused user" in failure(sshd, **settings).message


def test_case_057_a_key_of_the_configuration_that_is_not_there(home: Path, sshd: RealSshd) -> None:
    """Nothing else is offered in its place."""
    settings = configure(home, sshd)
    text = (home / ".ssh" / "config").read_text()
    (home / ".ssh" / "config").write_text(text.replace(str(sshd.key_file), "~/absent"))
    (home / ".ssh" / "id_ed25519").symlink_to(sshd.key_file)
    assert f"{home / 'absent'} of the SSH configuration is not there" in failure(sshd, **settings).message


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, LinkError), (signal.SIGSTOP, LinkStalledError)])
def test_case_067_a_jump_host_that_fails_breaks_the_link(
    home: Path, sshd: RealSshd, gateway: RealSshd, number: signal.Signals, kind: type[LinkError]
) -> None:
    """Killed or stopped while a program is being sent to: the end is told, and leaving takes no longer for it."""
    limits = RunLimits(silence_s=1.0, exit_s=0.5)
    with connect(sshd, **configure(home, sshd, gateway)) as session:
        began_s = time.monotonic()
        try:
            with session.run(["sh", "-c", "echo up; exec cat >/dev/null"], stdin=flood(), limits=limits) as run:
                lines = iter(run)
                assert next(lines) == b"up"
                gateway.send_to_sessions(number)
                with pytest.raises(kind):
                    list(lines)
            session.close()
        finally:
            gateway.send_to_sessions(signal.SIGCONT)
    assert time.monotonic() - began_s < 10
    wait_until_no_thread("companion-stdin")
