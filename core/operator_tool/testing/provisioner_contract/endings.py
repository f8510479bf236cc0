"""Runs that end early: the supply fails, or the run is given up."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping

import pytest

from operator_tool.api import CompanionState, DownloadError, OperatorToolError, Provisioner, RunContext

from ..making import Make
from ..transport_contract.leftovers import Leftovers
from .companion import Built, Connect, WithCompanion
from .sample_cache import FailingSupply, SampleCache, WaitingSupply

GIVEN_UP_S = 2.0
"""How soon a run is over that was given up: within a second, and the companion's program is ended, too."""


class _SupplyError(DownloadError):
    """Nobody else's."""


class EndingChecks(WithCompanion):
    """Whatever ends a run early, the old cache stays current, and the next run ends well."""

    @pytest.mark.parametrize("where", ["batches", "read"])
    def test_what_the_supply_raises_passes(
        self,
        make: Make,
        connect: Connect,
        build: Callable[[SampleCache], Built],
        current_files: Callable[[], Mapping[str, bytes]],
        where: str,
    ) -> None:
        """The very exception: it says why the download failed, and has that failure's exit code."""
        build(SampleCache(1))
        old = current_files()
        cache = SampleCache(2)
        error = _SupplyError("the download failed")
        made: Provisioner = make()
        with connect() as session:
            made.prepare(session, cache.order)
            with pytest.raises(_SupplyError) as caught:
                made.transfer(session, cache.order, FailingSupply(cache.pictures, where, error))
        assert caught.value is error
        assert current_files() == old
        build(SampleCache(2, run_id="the-next-run"))

    def test_a_run_that_is_given_up_ends_soon(
        self,
        make: Make,
        connect: Connect,
        context: RunContext,
        build: Callable[[SampleCache], Built],
        ask: Callable[..., CompanionState],
        current_files: Callable[[], Mapping[str, bytes]],
    ) -> None:
        """``transfer`` ends within a second or so while the download goes on, and leaves nothing running here."""
        build(SampleCache(1))
        old = current_files()
        cache = SampleCache(2)
        supply = WaitingSupply(cache.pictures)
        given_up = dataclasses.replace(context, cancelled=threading.Event())
        before = Leftovers.now()
        ended_s: list[float] = []
        made: Provisioner = make(None, given_up)
        with connect(given_up) as session:
            made.prepare(session, cache.order)
            waiter = threading.Thread(target=_give_up, args=(supply, given_up, ended_s))
            waiter.start()
            with pytest.raises(OperatorToolError):
                made.transfer(session, cache.order, supply)
            waiter.join()
            took_s = time.monotonic() - ended_s[0]
        assert took_s < GIVEN_UP_S, f"{self.plugin} went on for {took_s:.1f} s after the run was given up"
        assert not (left := Leftovers.beyond(before)), f"{self.plugin} left behind: {left}"
        assert current_files() == old
        build(SampleCache(2, run_id="the-next-run"))
        assert ask(cache).up_to_date


def _give_up(supply: WaitingSupply, context: RunContext, ended_s: list[float]) -> None:
    supply.waits.wait(60)
    ended_s.append(time.monotonic())
    context.cancelled.set()
