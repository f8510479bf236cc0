"""The workstation and the companion in network namespaces of their own, on one cable that is pulled."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.link.conftest import TRANSPORTS
from tests.support.companion_trial import Imagery, Trial, signalled
from tests.support.namespaces import TwoHosts, two_hosts
from tests.support.real_parts import RealSshd, real_sshd

pytestmark = [pytest.mark.real_parts, pytest.mark.own_network]
UNPLUGGED_S = 3.0


@pytest.fixture(scope="module")
def hosts() -> Iterator[TwoHosts]:
    """Two hosts on one cable."""
    with two_hosts() as made:
        yield made


@pytest.fixture(scope="module")
def companion(tmp_path_factory: pytest.TempPathFactory, hosts: TwoHosts) -> Iterator[RealSshd]:
    """A real sshd at the companion."""
    folder = tmp_path_factory.mktemp("network")
    with real_sshd(folder, address=hosts.address, through=hosts.at_companion()) as running:
        yield running


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Imagery:
    """40 MB: nothing narrows the cable, and something must be left to send when it is pulled."""
    return Imagery(tmp_path_factory.mktemp("larger"), picture_bytes=60_000, metres=1600)


def test_case_053_there_is_no_way_to_the_companion(
    tmp_path: Path, hosts: TwoHosts, companion: RealSshd, imagery: Imagery, older: Path
) -> None:
    """No route, nobody there, and packets that vanish: each is told within 45 s, without any setting."""

    def fails(transport: str, address: str) -> None:
        folder = tmp_path / f"{transport}-{address}"
        trial = Trial(folder, companion, transport, imagery, older, through=hosts.at_workstation())
        ended = trial.run(host=address, ends_s=45)
        trial.assert_failed(ended, 30, "companion", address, retryable=True)

    ways = [(name, address) for name in TRANSPORTS for address in (hosts.elsewhere, hosts.absent, hosts.vanishing)]
    with ThreadPoolExecutor(len(ways)) as pool:
        for one in [pool.submit(fails, *way) for way in ways]:
            one.result()


def test_case_070_a_cable_that_is_pulled_for_a_while(
    tmp_path: Path, hosts: TwoHosts, companion: RealSshd, larger: Imagery, older: Path, transport: str
) -> None:
    """Shorter than what is given up for: the run goes on over the same link, and nothing is sent twice."""
    trial = Trial(tmp_path / "operator", companion, transport, larger, older, through=hosts.at_workstation())
    with trial.start() as build:
        trial.staged_database()
        # Nothing narrows the cable: the agent waits with more to come.
        signalled(companion.programs(), signal.SIGSTOP)
        hosts.unplug()
        signalled(companion.programs(), signal.SIGCONT)
        try:
            until_s = time.monotonic() + UNPLUGGED_S
            while time.monotonic() < until_s:
                assert build.process.poll() is None, build.ended().all
                time.sleep(0.1)
        finally:
            hosts.plug_in()
        ended = build.ended()
    trial.assert_done_again(ended)
    assert ended.report["companion"]["reconnects"] == 0


@pytest.mark.nightly
def test_case_070_a_cable_that_stays_pulled(
    tmp_path: Path, hosts: TwoHosts, companion: RealSshd, larger: Imagery, older: Path
) -> None:
    """Given up in time; plugged in again, the same command goes on with what was kept."""
    trials = [
        Trial(tmp_path / name, companion, name, larger, older, through=hosts.at_workstation()) for name in TRANSPORTS
    ]
    with contextlib.ExitStack() as stack:
        builds = []
        for trial in trials:
            builds.append(stack.enter_context(trial.start("-o", "c10.no_progress_s=10")))
            trial.staged_database()
            # Nothing narrows the cable: the agents wait for each other with more to come.
            signalled(companion.programs(), signal.SIGSTOP)
        hosts.unplug()
        signalled(companion.programs(), signal.SIGCONT)
        try:
            ended = [build.ended(25) for build in builds]
        finally:
            hosts.plug_in()
    for trial, end in zip(trials, ended, strict=True):
        trial.assert_failed(end, 22, "transfer", retryable=True, free_s=25)
        kept_bytes = trial.kept_bytes()
        assert kept_bytes
        trial.assert_done_again(trial.run(), kept_bytes=kept_bytes)


def test_case_067_packets_that_are_late_and_lost(tmp_path: Path, imagery: Imagery, older: Path, transport: str) -> None:
    """A poor radio: late, jittery, every hundredth packet lost; slower, and that is all."""
    with two_hosts() as hosts:
        hosts.disturb("delay", "20ms", "5ms", "loss", "1%")
        with real_sshd(tmp_path / "sshd", address=hosts.address, through=hosts.at_companion()) as server:
            through = hosts.at_workstation()
            trial = Trial(tmp_path / "operator", server, transport, imagery, older, through=through)
            trial.assert_done_again(trial.run())
