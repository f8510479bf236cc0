"""Host keys of a real OpenSSH server: unknown, changed, revoked, enrolled."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from operator_tool.api import (
    CompanionError,
    ConfigError,
    EnrollableTransport,
)
from tests.support.real_parts import RealSshd, fingerprint, make_key, real_sshd
from tests.support.ssh_peers import (
    connect,
    failure,
    transport,
    wait_until,
)

pytestmark = pytest.mark.real_parts


class TestCase054UnknownHostKey:
    """A key that is not in the file."""

    def test_case_054_the_fingerprint_is_shown_and_nothing_is_added(self, sshd: RealSshd, tmp_path: Path) -> None:
        """No file is made, and the hint holds a command that a person can run after comparing."""
        known = tmp_path / "it's known"
        error = failure(sshd, known_hosts=str(known))
        assert not error.retryable
        assert sshd.fingerprint in error.message
        assert not known.exists()

    def test_case_054_the_hint_is_the_command_that_enrols(self, sshd: RealSshd, tmp_path: Path) -> None:
        """It can be run as it stands: the words that a shell makes of it name this companion and this file."""
        known = tmp_path / "it's known"
        words = shlex.split(failure(sshd, known_hosts=str(known)).hint.partition(": ")[2])
        assert words[:3] == ["operator-tool", "companion", "enrol"]
        assert words[words.index("--companion-host") + 1] == sshd.host
        assert words[words.index("--companion-port") + 1] == str(sshd.port)
        assert f"ssh.known_hosts={known}" in words

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


class TestEnrolling:
    """The key is asked for, shown, and pinned."""

    def test_what_is_offered_can_be_pinned(self, sshd: RealSshd, tmp_path: Path) -> None:
        """The fingerprint is the one that ssh-keygen shows; afterwards it is pinned, and a session opens."""
        way = transport(sshd, context={"trust_dir": tmp_path / "trust"}, known_hosts=None)
        assert isinstance(way, EnrollableTransport)
        offer = way.offered_key()
        assert (offer.fingerprint, offer.pinned, offer.revoked) == (sshd.fingerprint, (), False)
        assert offer.label == f"[{sshd.host}]:{sshd.port}"
        assert not (tmp_path / "trust").exists()
        assert way.pin(offer) == str(tmp_path / "trust" / "known_hosts")
        assert way.offered_key().pinned == (sshd.fingerprint,)
        way.connect().close()

    def test_no_key_is_sent_to_be_shown_one(self, sshd: RealSshd, tmp_path: Path) -> None:
        """The handshake is all: no user is named, and the own key need not be there."""
        transport(sshd, user="nobody-at-all", key_file=str(tmp_path / "absent")).offered_key()
        wait_until(lambda: "Connection closed by" in (sshd.folder / "sshd.log").read_text())
        assert "nobody-at-all" not in (sshd.folder / "sshd.log").read_text()

    def test_a_changed_key_replaces_the_pinned_one_only_here(self, sshd: RealSshd, tmp_path: Path) -> None:
        """Another type of key at that: both are told, and the new one is the only one afterwards."""
        make_key(tmp_path / "other", "ecdsa")
        sshd.known_hosts.write_text(f"[{sshd.host}]:{sshd.port} {(tmp_path / 'other.pub').read_text()}")
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
        """Without a folder and a file nothing is pinned, least of all in the account's own file."""
        way = transport(sshd, known_hosts=None)
        with pytest.raises(ConfigError, match="no folder"):
            way.pin(way.offered_key())


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
