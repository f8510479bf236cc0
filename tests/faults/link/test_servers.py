"""Servers that are sound, and unlike others: they change keys often, or serve no files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.companion_trial import Imagery, Trial
from tests.support.real_parts import real_sshd

pytestmark = pytest.mark.real_parts


def test_case_073_keys_are_exchanged_anew_every_megabyte(trial: Trial, tmp_path: Path) -> None:
    """Several times in one transfer: every picture arrives, over one link."""
    with real_sshd(tmp_path / "rekeying", extra="RekeyLimit 1M\nLogLevel DEBUG1\n") as server:
        trial.server = server
        ended = trial.run()
        exchanges = (server.folder / "sshd.log").read_text(errors="replace").count("rekey")
    trial.assert_done_again(ended)
    assert ended.report["companion"]["reconnects"] == 0
    assert exchanges >= 4


def test_case_074_no_file_is_transferred_by_sftp(tmp_path: Path, transport: str, imagery: Imagery, older: Path) -> None:
    """SFTP renames over nothing and syncs nothing: the receiver does both, and not even the agent comes that way."""
    with real_sshd(tmp_path / "sshd") as server:
        config = server.folder / "sshd_config"
        assert "Subsystem sftp" in config.read_text(), "there is none to be used"
        trial = Trial(tmp_path / "operator", server, transport, imagery, older)
        shutil.rmtree(trial.root / "agent")
        trial.assert_done_again(trial.run())
        log = (server.folder / "sshd.log").read_text(errors="replace")
    assert "Starting session: command" in log
    assert "Starting session: subsystem" not in log
