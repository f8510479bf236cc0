"""Logging in to a real OpenSSH server with keys, agents and passphrases."""

from __future__ import annotations

import logging
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import (
    CompanionSession,
    ConfigError,
)
from tests.support.real_parts import RealSshd, fingerprint, free_port, make_key, real_sshd
from tests.support.ssh_peers import (
    connect,
    failure,
    ssh_agent,
    transport,
)

pytestmark = pytest.mark.real_parts


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


class TestPassphrases:
    """A locked key that no agent holds, and somebody at a terminal."""

    def asker(self, *answers: str) -> tuple[Callable[[str], str], list[str]]:
        """Return what answers in turn, and the list of what it was asked."""
        asked: list[str] = []
        left = list(answers)

        def ask(prompt: str) -> str:
            asked.append(prompt)
            return left.pop(0)

        return ask, asked

    @pytest.fixture(params=["ed25519", "pem"])
    def locked(self, request: pytest.FixtureRequest, sshd: RealSshd, tmp_path: Path) -> Path:
        """A key that is let in once its passphrase is typed, in OpenSSH's format and in the older one."""
        path = tmp_path / "locked"
        make_key(path, "ed25519" if request.param == "ed25519" else "rsa", passphrase="open sesame")
        if request.param == "pem":
            argv = ["ssh-keygen", "-q", "-p", "-m", "PEM", "-P", "open sesame", "-N", "open sesame", "-f", str(path)]
            subprocess.run(argv, check=True, timeout=60)
        (sshd.folder / "authorized_keys").write_text(path.with_suffix(".pub").read_text())
        return path

    def test_a_passphrase_is_asked_for_once(
        self, sshd: RealSshd, locked: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The prompt names the file; to connect again, after a link that broke, asks nothing; no log shows it."""
        caplog.set_level(logging.DEBUG)
        ask, asked = self.asker("open sesame")
        way = transport(sshd, context={"ask_secret": ask}, key_file=str(locked))
        way.connect().close()
        way.connect().close()
        assert len(asked) == 1
        assert str(locked) in asked[0]
        assert "sesame" not in caplog.text

    def test_a_passphrase_is_asked_for_once_for_all_companions(self, sshd: RealSshd, locked: Path) -> None:
        """Four that connect at the same time: three of them wait for what the operator types for the first."""
        ask, asked = self.asker("open sesame")
        sessions: list[CompanionSession] = []
        way = [transport(sshd, context={"ask_secret": ask}, key_file=str(locked)) for _ in range(4)]
        threads = [threading.Thread(target=lambda one=one: sessions.append(one.connect())) for one in way]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.close()
        assert (len(sessions), len(asked)) == (4, 1)

    def test_a_wrong_passphrase_is_asked_for_again(self, sshd: RealSshd, locked: Path) -> None:
        """And told as wrong; the third one may be right."""
        ask, asked = self.asker("close sesame", "sesame", "open sesame")
        connect(sshd, context={"ask_secret": ask}, key_file=str(locked)).close()
        assert "does not fit" not in asked[0]
        assert "does not fit" in asked[1]

    @pytest.mark.parametrize("answers", [("a", "b", "c"), ("",), ("a", "")])
    def test_three_wrong_ones_or_none_at_all_give_up(
        self, sshd: RealSshd, locked: Path, answers: tuple[str, ...]
    ) -> None:
        """Before the companion is spoken to, which here is not even there."""
        ask, asked = self.asker(*answers)
        error = failure(sshd, context={"ask_secret": ask}, key_file=str(locked), port=free_port())
        assert "does not fit" in error.message
        assert len(asked) == len(answers)

    def test_nobody_is_asked_while_the_agent_holds_the_key(
        self, sshd: RealSshd, locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also without the public key beside the private one."""
        with ssh_agent(tmp_path, monkeypatch) as add:
            add(locked, "open sesame")
            ask, asked = self.asker()
            connect(sshd, context={"ask_secret": ask}, key_file=str(locked), use_agent=True).close()
            if b"OPENSSH" in locked.read_bytes():
                locked.with_suffix(".pub").unlink()
                connect(sshd, context={"ask_secret": ask}, key_file=str(locked), use_agent=True).close()
        assert asked == []

    def test_nobody_is_asked_for_a_key_that_is_not_configured(
        self, sshd: RealSshd, locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A locked ~/.ssh/id_ed25519 is passed over."""
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".ssh").mkdir()
        locked.rename(tmp_path / ".ssh" / "id_ed25519")
        ask, asked = self.asker()
        assert "there is no key" in failure(sshd, context={"ask_secret": ask}, key_file=None).message
        assert asked == []
