"""Companions that can't be reached or trusted, by the whole command: nothing is sent, and the report says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.companion_trial import Trial
from tests.support.real_parts import free_port, make_key, real_sshd
from tests.support.ssh_peers import peer

pytestmark = pytest.mark.real_parts


def test_the_build_itself_is_made_and_made_once(trial: Trial) -> None:
    """Without any fault every picture is sent once, and the second time none is."""
    trial.assert_done_again(trial.run())
    assert trial.run().report["outcome"] == "idempotent_no_op"


def test_case_053_nothing_listens_or_the_name_is_unknown(trial: Trial) -> None:
    """30, worth another try, and the address is named."""
    port = free_port()
    trial.assert_failed(trial.run(port=port), 30, "companion", f"127.0.0.1:{port}", retryable=True)
    host = "no-such-companion.invalid"
    trial.assert_failed(trial.run(host=host), 30, "companion", host, retryable=True)
    trial.assert_done_again(trial.run())


def test_case_058_a_server_that_stalls(trial: Trial) -> None:
    """Each wait has a deadline: for a banner, and for the key exchange after one."""
    for says in ((), (b"SSH-2.0-OpenSSH_9.2\r\n",)):
        with peer(*says) as port:
            ended = trial.run("-o", f"{trial.transport}.connect_timeout_s=1", port=port, ends_s=10)
        trial.assert_failed(ended, 30, "companion", retryable=True)
    trial.assert_done_again(trial.run())


def test_case_054_and_055_a_host_key_that_is_not_the_known_one(trial: Trial, tmp_path: Path) -> None:
    """Refused before anything is sent, both for a key that nobody knows and for another one."""
    arguments = trial.command()
    known = trial.workstation.folder / "known_hosts"
    known.write_text("")
    unknown = trial.assert_failed(
        trial.workstation.run(*arguments), 30, "companion", trial.server.fingerprint, retryable=False
    )
    assert "companion enrol" in unknown["remediation"]
    make_key(tmp_path / "other")
    other = (tmp_path / "other.pub").read_text().split()[1]
    known.write_text(f"[{trial.server.host}]:{trial.server.port} ssh-ed25519 {other}\n")
    trial.assert_failed(trial.workstation.run(*arguments), 30, "companion", "HOST KEY CHANGED", retryable=False)
    assert other in known.read_text()
    trial.assert_done_again(trial.run())


def test_case_057_a_key_that_is_not_let_in(trial: Trial, tmp_path: Path) -> None:
    """Refused once, and not tried again."""
    make_key(tmp_path / "wrong")
    ended = trial.run("-o", f"{trial.transport}.key_file={tmp_path / 'wrong'}")
    trial.assert_failed(ended, 30, "companion", trial.server.user, retryable=False)


def test_case_059_a_server_with_weak_algorithms_alone(trial: Trial, tmp_path: Path) -> None:
    """The algorithm is named."""
    with real_sshd(tmp_path / "weak", extra="Ciphers aes128-cbc\n") as weak:
        trial.server = weak
        trial.assert_failed(trial.run(), 30, "companion", "aes128-cbc", retryable=False)
