"""What a tile provider does while a web service says nothing: it takes requests, and never answers."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import ClassVar

import pytest

from operator_tool.api import Deadline, RunContext, TileId

from .in_time import one_answer
from .making import Make, Options
from .plugin_contract import close_object
from .services.tile_service import TileAnswer, TileRequest, TileService
from .tile_asking import Threads, Wanting, around, ask, assert_lost, described, interrupt
from .tile_contract import TileProviderContract

_NOT_ENDED = (
    "fetch() did not end within a second after context.cancelled was set, while the service was silent: give "
    "fetch_in_pool cancelled=context.cancelled, or look at it in every wait"
)


class SilenceChecks(TileProviderContract):
    """Every wait has an end."""

    gives_up_silence_within_s: ClassVar[float] = 60.0
    """How soon a provider without a deadline gives up a tile on which the service is silent."""

    @pytest.fixture
    def impatient_options(self, plugin_options: Options) -> Options:
        """The options with which the provider soon gives up a silent service; by default ``plugin_options``."""
        return plugin_options

    def test_gives_up_a_silent_service(
        self, make: Make, impatient_options: Options, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """A service that takes the request and never answers is given up in a stated time."""
        made = make(impatient_options)
        try:
            tile_service.answer_tiles(TileAnswer(silent=True))
            asked = ask(made, present_tiles[:1], budget_s=self.gives_up_silence_within_s)
            assert_lost(asked, present_tiles[:1], "a silent service")
        finally:
            tile_service.let_go()
            close_object(made)

    def test_keeps_to_the_deadline(
        self, make: Make, context: RunContext, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """No wait goes beyond ``context.deadline``, also while the service is silent."""
        made = make(context=dataclasses.replace(context, deadline=Deadline.after(1.0)))
        try:
            described(made)
            tile_service.answer_tiles(TileAnswer(silent=True))
            late = (
                "context.deadline was 1 s away, and the service silent: give fetch_in_pool deadline=context.deadline, "
                "or bound each wait by context.deadline.remaining_s()"
            )
            asked = ask(made, present_tiles, budget_s=3.0, late=late)
            assert_lost(asked, present_tiles, "a silent service", all_told=False)
        finally:
            tile_service.let_go()
            close_object(made)

    def test_ends_when_given_up_while_the_service_is_silent(
        self, make: Make, context: RunContext, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """Once ``context.cancelled`` is set ``fetch`` ends within a second, whatever the service does."""
        self._end_in_silence(make, context, tile_service, present_tiles, closing=False)

    def test_ends_when_closed_while_the_service_is_silent(
        self, make: Make, context: RunContext, tile_service: TileService, present_tiles: tuple[TileId, ...]
    ) -> None:
        """Closing the iterator, and then the provider, takes less than a second, whatever the service does."""
        self._end_in_silence(make, context, tile_service, present_tiles, closing=True)

    def _end_in_silence(
        self,
        make: Make,
        context: RunContext,
        tile_service: TileService,
        present_tiles: tuple[TileId, ...],
        *,
        closing: bool,
    ) -> None:
        threads = Threads()
        made = make(context=context)
        described(made)
        answered = threading.Event()

        def fall_silent(_request: TileRequest) -> TileAnswer | None:
            if closing and not answered.is_set():
                answered.set()
                return None
            return TileAnswer(silent=True)

        tile_service.answer_tiles(fall_silent)
        try:
            if closing:
                with one_answer():
                    results = made.fetch(Wanting(around(present_tiles)))
                    next(iter(results))
                began_s = time.monotonic()
                with one_answer():
                    results.close()
                close_object(made)
                took_s = time.monotonic() - began_s
                assert took_s <= self.gives_up_within_s, (
                    f"closing fetch()'s iterator and the provider took {took_s:.1f} s while the service was silent: "
                    "don't wait there for requests that are under way"
                )
            else:
                ended = interrupt(
                    made,
                    Wanting(around(present_tiles)),
                    context,
                    lambda: bool(tile_service.tile_requests),
                    budget_s=self.gives_up_within_s,
                )
                assert ended is not None, _NOT_ENDED
                close_object(made)
            holding = [thread.name for thread in threads.left(0.0) if not thread.daemon]
            assert not holding, f"threads that wait for the service hold the process: {', '.join(holding)}"
        finally:
            tile_service.let_go()
        left = [thread.name for thread in threads.left(2.0)]
        assert not left, f"threads are left after the service broke off their requests: {', '.join(left)}"
