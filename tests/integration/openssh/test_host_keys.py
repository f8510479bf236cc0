"""Host keys of a real server, shown to the system's ssh: unknown, changed, revoked, of several types, enrolled."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, ConfigError, EnrollableTransport
from tests.support.openssh_sessions import connect, failure, leftovers, transport
from tests.support.real_parts import RealSshd, fingerprint, make_key, real_sshd
from tests.support.ssh_peers import wait_until

pytestmark = pytest.mark.real_parts


class TestCase054UnknownHostKey:
    """A key that is not in the file."""

    def test_case_054_the_fingerprint_is_shown_and_nothing_is_added(self, sshd: RealSshd, tmp_path: Path) -> None:
        """No file is made, and the hint is a command that can be run as it stands."""
        known = tmp_path / "it's known"
        error = failure(sshd, known_hosts=str(known))
        assert not error.retryable
        assert f"is not known: ssh-ed25519 {sshd.fingerprint}" in error.message
        assert not known.exists()
        words = shlex.split(error.hint.partition(": ")[2])
        assert words[:5] == ["operator-tool", "companion", "enrol", "--transport", "openssh"]
        assert words[words.index("--companion-host") + 1] == sshd.host
        assert words[words.index("--companion-port") + 1] == str(sshd.port)
        assert f"openssh.known_hosts={known}" in words

    def test_case_054_the_trust_folder_is_where_keys_are_known(
        self, sshd: RealSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The account's own known_hosts says nothing of a companion; what was enrolled does."""
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".ssh").mkdir()
        shutil.copy(sshd.known_hosts, tmp_path / ".ssh" / "known_hosts")
        trust_dir = tmp_path / "trust"
        assert "not known" in failure(sshd, context={"trust_dir": trust_dir}, known_hosts=None).message
        trust_dir.mkdir()
        shutil.copy(sshd.known_hosts, trust_dir / "known_hosts")
        connect(sshd, context={"trust_dir": trust_dir}, known_hosts=None).close()

    def test_case_054_a_key_of_another_port_is_not_known(self, sshd: RealSshd) -> None:
        """ssh would take the key of port 22 at any other; the transports agree that it is another host's."""
        sshd.known_hosts.write_text(f"{sshd.host} {sshd.host_key}\n")
        assert "not known" in failure(sshd).message


class TestCase055ChangedHostKey:
    """A key that is another than the known one."""

    @pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
    def test_case_055_both_keys_are_told_and_nothing_is_mended(self, sshd: RealSshd, tmp_path: Path, kind: str) -> None:
        """Of the same type or of another, which the server hasn't; the file is left as it is."""
        make_key(tmp_path / "other", kind)
        known = pin(sshd, tmp_path / "other.pub")
        error = failure(sshd)
        assert "HOST KEY CHANGED" in error.message
        assert sshd.fingerprint in error.message
        assert fingerprint(tmp_path / "other.pub") in error.message
        assert not error.retryable
        assert sshd.known_hosts.read_text() == known

    @pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
    def test_the_pinned_type_is_asked_for(self, tmp_path: Path, kind: str) -> None:
        """Of a server's several keys the pinned one counts, to connect and to enrol, though ssh prefers another."""
        make_key(tmp_path / "second", kind)
        with real_sshd(tmp_path / "sshd", extra=f"HostKey {tmp_path / 'second'}\n") as server:
            pin(server, tmp_path / "second.pub")
            second = fingerprint(tmp_path / "second.pub")
            with connect(server) as session:
                assert session.identity.fingerprint == second
            offer = transport(server).offered_key()
            assert (offer.fingerprint, offer.pinned) == (second, (second,))


class TestCase056KnownHosts:
    """What else the file may hold."""

    def test_case_056_a_revoked_key_is_refused(self, sshd: RealSshd) -> None:
        """Though it is known, too."""
        with sshd.known_hosts.open("a") as file:
            file.write(f"@revoked * {sshd.host_key}\n")
        error = failure(sshd)
        assert "is revoked in" in error.message
        assert sshd.fingerprint in error.message

    def test_case_056_garbage_is_no_obstacle(self, sshd: RealSshd) -> None:
        """Bad lines and certificate authorities are passed over."""
        good = sshd.known_hosts.read_bytes()
        garbage = b"\xff\x00 nonsense\n@cert-authority * ssh-ed25519 AAAA\nhost ssh-ed25519 AAA\n"
        sshd.known_hosts.write_bytes(garbage + good)
        connect(sshd).close()

    def test_case_056_a_certificate_authority_lets_nobody_in(self, sshd: RealSshd) -> None:
        """Not even one whose own key the server shows."""
        sshd.known_hosts.write_text(f"@cert-authority * {sshd.host_key}\n")
        assert "not known" in failure(sshd).message

    def test_case_056_a_host_certificate_lets_nobody_in(self, sshd: RealSshd, tmp_path: Path) -> None:
        """A server that shows a certificate is known by its key or not at all."""
        make_key(tmp_path / "authority")
        argv = ["ssh-keygen", "-q", "-s", str(tmp_path / "authority"), "-I", "drone", "-h", "-n", sshd.host]
        key = tmp_path / "certified" / "host_key"
        with real_sshd(key.parent, extra=f"HostCertificate {key}-cert.pub\n") as server:
            subprocess.run([*argv, str(key) + ".pub"], check=True, timeout=60)
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda: (key.parent / "sshd.log").read_text().count("Server listening") == 2)
            server.known_hosts.write_text(f"@cert-authority * {(tmp_path / 'authority.pub').read_text()}")
            assert "not known" in failure(server).message
            pin(server, key.with_name("host_key.pub"))
            connect(server).close()

    def test_case_056_hashed_names_are_known(self, sshd: RealSshd) -> None:
        """As ``ssh-keygen -H`` leaves them."""
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(sshd.known_hosts)], check=True, timeout=60)
        connect(sshd).close()

    @pytest.mark.parametrize("name", ["a folder's", 'quo"ted', "50%h", "back\\slash"])
    def test_the_file_may_be_called_anything(self, sshd: RealSshd, tmp_path: Path, name: str) -> None:
        """Neither blanks nor quotes nor tokens of ssh are taken for more than they are."""
        path = tmp_path / f"{name} hosts"
        shutil.copy(sshd.known_hosts, path)
        key = tmp_path / f"{name} key"
        shutil.copy(sshd.key_file, key)
        connect(sshd, known_hosts=str(path), key_file=str(key)).close()

    def test_a_name_that_ssh_would_expand(self, sshd: RealSshd, tmp_path: Path) -> None:
        """It can't be given to ssh as it stands, and is refused."""
        with pytest.raises(ConfigError, match="variable"):
            connect(sshd, known_hosts=str(tmp_path / "${HOME}"))


class TestEnrolling:
    """The key is asked for, shown, and pinned."""

    def test_what_is_offered_can_be_pinned(self, sshd: RealSshd, tmp_path: Path) -> None:
        """The fingerprint is the one that ssh-keygen shows; afterwards it is pinned, and a session opens."""
        way = transport(sshd, context={"trust_dir": tmp_path / "trust"}, known_hosts=None)
        assert isinstance(way, EnrollableTransport)
        before = leftovers()
        offer = way.offered_key()
        assert leftovers() <= before
        assert (offer.fingerprint, offer.pinned, offer.revoked) == (sshd.fingerprint, (), False)
        assert offer.label == f"[{sshd.host}]:{sshd.port}"
        assert not (tmp_path / "trust").exists()
        assert way.pin(offer) == str(tmp_path / "trust" / "known_hosts")
        assert way.offered_key().pinned == (sshd.fingerprint,)
        way.connect().close()

    def test_no_key_is_sent_to_be_shown_one(self, sshd: RealSshd) -> None:
        """The server sees none, and lets nobody in."""
        transport(sshd).offered_key()
        log = (sshd.folder / "sshd.log").read_text()
        assert "publickey" not in log
        assert "Accepted" not in log

    def test_a_changed_key_replaces_the_pinned_one(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Another type of key at that: both are told, and the new one is the only one afterwards."""
        make_key(tmp_path / "other", "ecdsa")
        pin(sshd, tmp_path / "other.pub")
        way = transport(sshd)
        offer = way.offered_key()
        assert (offer.fingerprint, offer.pinned) == (sshd.fingerprint, (fingerprint(tmp_path / "other.pub"),))
        way.pin(offer)
        assert way.offered_key().pinned == (sshd.fingerprint,)

    def test_case_056_a_revoked_key_is_not_pinned(self, sshd: RealSshd) -> None:
        """It is told as revoked, and refused."""
        sshd.known_hosts.write_text(f"@revoked * {sshd.host_key}\n")
        way = transport(sshd)
        offer = way.offered_key()
        assert offer.revoked
        with pytest.raises(CompanionError, match="revoked"):
            way.pin(offer)

    def test_nowhere_to_pin(self, sshd: RealSshd) -> None:
        """Without a folder and a file nothing is asked for, least of all pinned in the account's own file."""
        with pytest.raises(ConfigError, match="no folder"):
            transport(sshd, known_hosts=None).offered_key()


def pin(server: RealSshd, public_key: Path) -> str:
    """Make another key the known one; return what the file holds."""
    text = f"[{server.host}]:{server.port} {public_key.read_text()}"
    server.known_hosts.write_text(text)
    return text
