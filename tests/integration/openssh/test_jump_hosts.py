"""Aliases and jump hosts of the operator's configuration, through real servers."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import LinkError, LinkStalledError, RunLimits
from tests.support.openssh_sessions import connect, failure, leftovers, transport
from tests.support.real_parts import RealSshd, free_port, real_sshd
from tests.support.ssh_peers import flood, peer, wait_until, wait_until_no_thread

pytestmark = pytest.mark.real_parts


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RealSshd]:
    """A second server, to jump over."""
    with real_sshd(tmp_path / "gateway") as server:
        yield server


class Configured:
    """A configuration in which ``drone`` is a companion, maybe behind jump hosts whose keys are known."""

    def __init__(self, folder: Path, companion: RealSshd, *hops: RealSshd) -> None:
        self.known = folder / "known by the account"
        self.known.write_text("".join(hop.known_hosts.read_text() for hop in hops))
        names = [f"hop{number}" for number in range(len(hops))]
        lines = ["Host drone", *([f" ProxyJump {','.join(names)}"] if names else [])]
        for name, server in (("drone", companion), *zip(names, hops, strict=True)):
            lines += [f"Host {name}", f" HostName {server.host}", f" Port {server.port}", f" User {server.user}"]
            lines += [f" IdentityFile {server.key_file}", " IdentitiesOnly yes"]
            lines += [f' UserKnownHostsFile "{self.known}"'] if name != "drone" else []
        self.file = folder / "config"
        self.file.write_text("\n".join(lines) + "\n")
        self.settings: dict[str, Any] = {
            "host": "drone",
            "port": None,
            "user": None,
            "key_file": None,
            "config_file": str(self.file),
        }


def test_an_alias_is_enough(tmp_path: Path, sshd: RealSshd) -> None:
    """Address, port, user and key come from the operator's own configuration."""
    with connect(sshd, **Configured(tmp_path, sshd).settings) as session:
        assert session.identity.address == f"ssh://{sshd.user}@{sshd.host}:{sshd.port}"
        assert session.identity.fingerprint == sshd.fingerprint


def test_a_name_of_its_own_among_the_host_keys(tmp_path: Path, sshd: RealSshd) -> None:
    """``HostKeyAlias`` is what the key is pinned for."""
    configured = Configured(tmp_path, sshd)
    configured.file.write_text(configured.file.read_text() + " HostKeyAlias Drone-Seven\n")
    way = transport(sshd, context={"trust_dir": tmp_path / "trust"}, **{**configured.settings, "known_hosts": None})
    offer = way.offered_key()
    assert offer.label == "drone-seven"
    way.pin(offer)
    way.connect().close()


@pytest.mark.parametrize("number", [1, 2])
def test_a_companion_behind_jump_hosts(tmp_path: Path, sshd: RealSshd, gateway: RealSshd, number: int) -> None:
    """Every byte arrives, the key is the companion's, and the end leaves no connection to any of them."""
    hops = (sshd, gateway)[-number:]
    data = os.urandom(3 * 1024 * 1024)
    before = leftovers()
    with connect(sshd, **Configured(tmp_path, sshd, *hops).settings) as session:
        assert session.identity.fingerprint == sshd.fingerprint
        with session.run(["sha256sum"], stdin=[data]) as run:
            assert [line.split()[0].decode() for line in run] == [hashlib.sha256(data).hexdigest()]
        assert gateway.sessions()
    assert leftovers() <= before
    wait_until(lambda: not gateway.sessions() and not sshd.sessions())


def test_a_companion_s_key_is_offered_through_a_jump_host(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """Its label is the companion's own, and pinning it makes the way open."""
    settings = {**Configured(tmp_path, sshd, gateway).settings, "known_hosts": None}
    way = transport(sshd, context={"trust_dir": tmp_path / "trust"}, **settings)
    offer = way.offered_key()
    assert (offer.fingerprint, offer.label) == (sshd.fingerprint, f"[{sshd.host}]:{sshd.port}")
    way.pin(offer)
    way.connect().close()


def test_the_key_of_a_jump_host_is_not_the_companion_s(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """Also where the jump host's ssh tells all its steps, on the same standard error."""
    configured = Configured(tmp_path, sshd, gateway)
    configured.file.write_text("LogLevel DEBUG3\n" + configured.file.read_text())
    with connect(sshd, **configured.settings) as session:
        assert session.identity.fingerprint == sshd.fingerprint
    sshd.known_hosts.write_text("")
    assert f"is not known: ssh-ed25519 {sshd.fingerprint}" in failure(sshd, **configured.settings).message


def test_case_054_an_unknown_jump_host(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """It is told apart from an unknown companion; nobody is asked, and the hint names who asks."""
    configured = Configured(tmp_path, sshd, gateway)
    configured.known.write_text("")
    error = failure(sshd, **configured.settings)
    assert "over hop0 is closed" in error.message
    assert "Host key verification failed" in error.message
    assert error.hint.endswith(": ssh hop0")
    assert not error.retryable
    assert configured.known.read_text() == ""


def test_case_054_an_unknown_companion_behind_a_jump_host(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """The account's own file, which knows the companion, tells only of the jump host."""
    configured = Configured(tmp_path, sshd, gateway)
    configured.known.write_text(configured.known.read_text() + sshd.known_hosts.read_text())
    sshd.known_hosts.write_text("")
    assert f"is not known: ssh-ed25519 {sshd.fingerprint}" in failure(sshd, **configured.settings).message


def test_case_057_a_jump_host_that_refuses_the_key(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """The message is of the way, not of the companion's account."""
    configured = Configured(tmp_path, sshd, gateway)
    (gateway.folder / "authorized_keys").write_text("")
    error = failure(sshd, **configured.settings)
    assert "over hop0 is closed" in error.message
    assert "Permission denied (publickey)" in error.message


def test_case_053_a_jump_host_that_reaches_nothing(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """It is as retryable as a companion that can't be reached directly."""
    settings = Configured(tmp_path, sshd, gateway).settings
    error = failure(sshd, **{**settings, "port": free_port()})
    assert "over hop0" in error.message
    assert "refused" in error.message
    assert error.retryable


def test_case_058_a_jump_host_that_says_nothing(tmp_path: Path, sshd: RealSshd, gateway: RealSshd) -> None:
    """Its ssh, which would wait for ever, is ended with ours."""
    configured = Configured(tmp_path, sshd, gateway)
    with peer(b"") as port:
        configured.file.write_text(configured.file.read_text().replace(f"Port {gateway.port}", f"Port {port}"))
        assert failure(sshd, connect_timeout_s=1, **configured.settings).retryable
        wait_until(lambda: not speaks_of(configured.file))


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGKILL, LinkError), (signal.SIGSTOP, LinkStalledError)])
def test_case_067_a_jump_host_that_fails_breaks_the_link(
    tmp_path: Path, sshd: RealSshd, gateway: RealSshd, number: signal.Signals, kind: type[LinkError]
) -> None:
    """Killed or stopped while a program is being sent to: the end is told, and leaving takes no longer for it."""
    limits = RunLimits(silence_s=1.0, exit_s=0.5)
    with connect(sshd, **Configured(tmp_path, sshd, gateway).settings) as session:
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


def speaks_of(path: Path) -> bool:
    """Tell whether a process that lives was started with this file among its arguments."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str(path).encode() in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False
