"""What goes through an SSH link: whole, in packets of the right size, with keys exchanged anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import paramiko  # type: ignore[import-untyped]
import pytest

from operator_tool.api import RunLimits
from tests.support.real_parts import RealSshd
from tests.support.ssh_peers import (
    connect,
    wait_until,
)

pytestmark = pytest.mark.real_parts

MEGABYTE = 1024 * 1024


def test_a_program_that_minds_nothing_is_signalled(sshd: RealSshd, tmp_path: Path) -> None:
    """The server is asked to end it, gently first; OpenSSH refuses that to root, of whose sessions it signals none."""
    script = """trap 'touch "$1"' TERM; echo $$; while :; do sleep 0.1; done"""
    tidied = tmp_path / "tidied"
    with connect(sshd) as session:
        with session.run(["sh", "-c", script, "sh", str(tidied)], limits=RunLimits(exit_s=0.1)) as run:
            process = int(next(iter(run)))
        if os.geteuid() == 0:
            log = sshd.folder / "sshd.log"
            wait_until(lambda: log.read_text().count("session_signal_req") == 2)
            os.kill(process, signal.SIGKILL)
        else:
            wait_until(tidied.exists)
        wait_until(lambda: not Path(f"/proc/{process}").exists())


def test_no_slice_is_larger_than_a_packet(sshd: RealSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """paramiko copies what is left of a larger piece for every packet of it."""
    sizes: list[int] = []
    send = paramiko.Channel.send

    def noting(channel: paramiko.Channel, data: bytes) -> int:
        sizes.append(len(data))
        return int(send(channel, data))

    monkeypatch.setattr(paramiko.Channel, "send", noting)
    with connect(sshd) as session, session.run(["wc", "-c"], stdin=[bytes(MEGABYTE)]) as run:
        assert [int(line) for line in run] == [MEGABYTE]
    assert max(sizes) == 32_704


def test_more_than_one_rekey(sshd: RealSshd) -> None:
    """Case 73: a stream beyond the half gigabyte after which keys are exchanged anew arrives whole."""
    count = 560
    with connect(sshd) as session, session.run(["wc", "-c"], stdin=(bytes(MEGABYTE) for _ in range(count))) as run:
        assert [int(line) for line in run] == [count * MEGABYTE]
