"""Links and companions that fall silent without an end: each is given up in time, and the rerun meets no orphan.

Such a trial is a long wait, so all of them wait at the same time.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.link.conftest import TRANSPORTS
from tests.support.companion_trial import Imagery, Trial, signalled
from tests.support.link_proxy import LinkProxy
from tests.support.real_parts import RealSshd, real_sshd

pytestmark = pytest.mark.real_parts
NO_PROGRESS_S = 10
UNHEARD_S = 25.0
"""An agent that hears nothing ends itself after 20 s."""
MBIT_PER_S = 16.0
"""The pictures take 3 s."""

Silence = Callable[[RealSshd, LinkProxy], tuple[int, ...]]
"""Makes it silent; gives the processes that are to go on afterwards."""


def stop_the_server(server: RealSshd, _link: LinkProxy) -> tuple[int, ...]:
    """The session's sshd, as a companion that thrashes."""
    return signalled(server.sessions(), signal.SIGSTOP)


def stop_the_agent(server: RealSshd, _link: LinkProxy) -> tuple[int, ...]:
    """The agent alone: sshd goes on answering."""
    return signalled(server.programs(), signal.SIGSTOP)


def swallow_everything(_server: RealSshd, link: LinkProxy) -> tuple[int, ...]:
    """The way there, as a radio out of reach."""
    link.swallow()
    return ()


SILENCES: dict[str, Silence] = {
    "stopped sshd": stop_the_server,
    "stopped agent": stop_the_agent,
    "black hole": swallow_everything,
}


def given_up(trial: Trial, silence: Silence) -> None:
    """Case 70: the transfer is given up in time, and the rerun sends what was not kept."""
    with (
        LinkProxy((trial.server.host, trial.server.port), up_mbit_per_s=MBIT_PER_S) as link,
        trial.start("-o", f"c10.no_progress_s={NO_PROGRESS_S}", port=link.port) as build,
    ):
        trial.staged_database()
        stopped = silence(trial.server, link)
        began_s = time.monotonic()
        try:
            ended = build.ended()
        finally:
            signalled(stopped, signal.SIGCONT)
        took_s = time.monotonic() - began_s
    assert NO_PROGRESS_S - 1 < took_s < NO_PROGRESS_S + 8, f"noticed after {took_s:.1f} s: {ended.all}"
    trial.assert_failed(ended, 22, "transfer", retryable=True, free_s=UNHEARD_S)
    kept_bytes = trial.kept_bytes()
    assert kept_bytes > 500_000
    trial.assert_done_again(trial.run(), kept_bytes=kept_bytes)


def orphaned(trial: Trial) -> None:
    """Case 78: neither sshd nor the agent learns that the workstation and the way to it are gone."""
    with (
        LinkProxy((trial.server.host, trial.server.port), up_mbit_per_s=MBIT_PER_S) as link,
        trial.start(port=link.port) as build,
    ):
        trial.staged_database()
        link.swallow()
        build.kill()
        assert not trial.is_free(), "the orphan holds no lock: nothing was tried"
        began_s = time.monotonic()
        ended = trial.run("-o", "c10.lock_wait_s=0")
        assert time.monotonic() - began_s < 30 + 5
    assert "waiting for another build on the companion to end" in ended.err
    trial.assert_built(ended)
    assert ended.report["bytes"]["sent"] < trial.imagery.bytes - 500_000


@pytest.fixture(scope="module")
def trials(
    tmp_path_factory: pytest.TempPathFactory, imagery: Imagery, older: Path
) -> Iterator[dict[tuple[str, str], Future[None]]]:
    """All trials, each with a server of its own, under way."""
    folder = tmp_path_factory.mktemp("silence")
    wanted: list[tuple[str, Callable[[Trial], None]]] = [
        (name, functools.partial(given_up, silence=silence)) for name, silence in SILENCES.items()
    ]
    wanted.append(("orphan", orphaned))
    with ThreadPoolExecutor(len(wanted) * len(TRANSPORTS)) as pool, contextlib.ExitStack() as servers:
        under_way = {}
        for transport in TRANSPORTS:
            for name, work in wanted:
                own = folder / f"{transport} {name}".replace(" ", "-")
                server = servers.enter_context(real_sshd(own / "sshd"))
                trial = Trial(own / "operator", server, transport, imagery, older)
                under_way[transport, name] = pool.submit(work, trial)
        yield under_way
        for one in under_way.values():
            one.exception()


@pytest.mark.parametrize("silence", SILENCES)
def test_case_070_silence_is_given_up_in_time(
    trials: dict[tuple[str, str], Future[None]], transport: str, silence: str
) -> None:
    """22 when nothing moved for as long as the setting says, whoever it is that is silent."""
    trials[transport, silence].result()


def test_case_078_an_orphan_is_waited_for_by_its_own_operator(
    trials: dict[tuple[str, str], Future[None]], transport: str
) -> None:
    """It ends itself, the rerun says that it waits, and then goes on with what was kept."""
    trials[transport, "orphan"].result()
