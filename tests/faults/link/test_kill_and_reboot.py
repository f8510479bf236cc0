"""The workstation's process is killed, and the companion reboots: what was committed is kept, what is torn is not."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.link.conftest import ssh_by_day
from tests.support.companion_trial import Imagery, Trial, rot, wait_until
from tests.support.link_proxy import LinkProxy
from tests.support.namespaces import private_mounts
from tests.support.real_parts import RealSshd, real_sshd

pytestmark = pytest.mark.real_parts
MBIT_PER_S = 16.0
"""The pictures take 3 s."""


def killed_at(trial: Trial, passed_bytes: int, *more: str) -> None:
    """Start a build over a narrow link, and kill the workstation's process when so much has passed."""
    with (
        LinkProxy((trial.server.host, trial.server.port), up_mbit_per_s=MBIT_PER_S) as link,
        trial.start(*more, port=link.port) as build,
    ):
        wait_until(lambda: link.up.given_bytes >= passed_bytes or build.process.poll() is not None, 30, "it is stuck")
        assert build.process.poll() is None, build.ended().all
        build.kill()
        # The link stays: that the workstation is gone must be told over it.
        trial.assert_untouched()


@ssh_by_day
def test_case_069_the_workstation_s_process_is_killed(trial: Trial) -> None:
    """At any moment: the agent hears its end, frees the lock, and keeps what it had committed."""
    chance = random.Random(69)
    kept_bytes = 0
    for _ in range(3):
        missing = trial.imagery.bytes - kept_bytes
        killed_at(trial, chance.randrange(100, missing))
        now_kept = trial.kept_bytes()
        assert now_kept >= kept_bytes
        kept_bytes = now_kept
    assert kept_bytes > 0
    trial.assert_done_again(trial.run(), kept_bytes=kept_bytes)


class Rebooting:
    """A companion of which each boot is told by a file."""

    def __init__(self, server: RealSshd, boot_id: Path) -> None:
        self.server = server
        self._boot_id = boot_id

    def reboot(self) -> None:
        """Let it be another boot from now on."""
        self._boot_id.write_text(f"{uuid.uuid4()}\n")


@pytest.fixture
def rebooting(tmp_path: Path) -> Iterator[Rebooting]:
    """A real sshd whose programs see a boot id of the test's own."""
    boot_id = tmp_path / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    through = private_mounts('mount --bind "$0" /proc/sys/kernel/random/boot_id', str(boot_id))
    with real_sshd(tmp_path / "sshd", through=through) as server:
        yield Rebooting(server, boot_id)


@pytest.fixture
def make_rebooting(
    tmp_path: Path, rebooting: Rebooting, one_transport: str, imagery: Imagery, older: Path
) -> Callable[[], Trial]:
    """Make a trial whose companion can reboot."""
    return lambda: Trial(tmp_path / "operator", rebooting.server, one_transport, imagery, older)


@pytest.mark.own_mounts
@pytest.mark.parametrize("reboots", [True, False])
def test_case_068_what_was_staged_before_a_reboot_is_hashed_again(
    rebooting: Rebooting, make_rebooting: Callable[[], Trial], reboots: bool
) -> None:
    """What is torn is asked for again, that alone. Case 72: without a reboot it is found before the switch."""
    trial = make_rebooting()
    killed_at(trial, trial.imagery.bytes // 2)
    kept = trial.kept()
    torn = max(kept.values())
    rot(trial.staged_database(), torn)
    if reboots:
        rebooting.reboot()
    else:
        trial.assert_failed(trial.run(), 23, "verify")
        kept = trial.kept()
        assert len(kept) == len(trial.imagery.tiles) - 1
        torn = b""
    kept_bytes = sum(map(len, kept.values()))
    trial.assert_done_again(trial.run(), kept_bytes=kept_bytes - len(torn))


@pytest.mark.own_mounts
def test_case_068_a_reboot_while_tiles_are_sent(rebooting: Rebooting, make_rebooting: Callable[[], Trial]) -> None:
    """The same run waits for the companion to come back, and goes on."""
    trial = make_rebooting()
    server = rebooting.server
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(LinkProxy((server.host, server.port), up_mbit_per_s=MBIT_PER_S))
        build = stack.enter_context(trial.start(port=link.port))
        trial.staged_database()
        link.refuse()
        wait_until(trial.is_free, 5, "the agent outlives its link")
        assert trial.kept()
        rebooting.reboot()
        link.restore()
        ended = build.ended()
    trial.assert_built(ended)
    assert ended.report["companion"]["reconnects"] == 1
