"""The stream is lazy both ways, holds no more than a batch, and ends when the run does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import Absent, Deadline, DownloadError, RunContext, Tile, WantedTile
from tests.plugins.tile_providers.satellite.asking import counts, fetch, provider, tile, wanted
from tests.support.satellite_service import Answer, Asked, SatelliteService, problem


class Endless:
    """Wanted tiles without end, counted as they are pulled."""

    def __init__(self) -> None:
        self.pulled = 0

    def __iter__(self) -> Iterator[WantedTile]:
        return self

    def __next__(self) -> WantedTile:
        self.pulled += 1
        return WantedTile(tile(self.pulled))


def test_no_more_is_pulled_than_one_batch(service: SatelliteService) -> None:
    """Of tiles that are there, no more are asked for than are worked on, and none once the stream is closed."""
    endless = Endless()
    stream = provider(service, max_connections=2).fetch(endless)
    for _ in range(3):
        assert isinstance(next(stream), Tile)
    stream.close()  # type: ignore[attr-defined]
    assert endless.pulled == 1_000
    assert len(service.tile_calls) <= 3 + 2 + 2


def test_a_batch_is_asked_about_only_when_the_one_before_is_nearly_done(service: SatelliteService) -> None:
    """As many of it may be under way as there are connections."""
    endless = Endless()
    stream = provider(service, max_connections=2).fetch(endless)
    for _ in range(990):
        next(stream)
    assert endless.pulled == 1_000
    for _ in range(20):
        next(stream)
    assert endless.pulled == 2_000


@pytest.mark.parametrize("every", [10**6, 500])
def test_absent_tiles_do_not_pile_up(service: SatelliteService, every: int) -> None:
    """A batch is settled and taken before the next one is asked about, be there few pictures in it or none."""
    service.holds = lambda tile: tile.x % every == 0
    endless = Endless()
    stream = provider(service).fetch(endless)
    for batch in range(1, 6):
        for _ in range(1_000):
            next(stream)
            assert endless.pulled <= 1_000 * batch
    assert counts(service) == [1_000] * 5


def test_without_an_inventory_tiles_are_pulled_one_by_one(service: SatelliteService) -> None:
    """There is no batch to fill."""
    endless = Endless()
    stream = provider(service, max_connections=2, inventory_path="").fetch(endless)
    for _ in range(3):
        next(stream)
    assert endless.pulled <= 3 + 2 + 2


def test_nothing_wanted_asks_nobody(service: SatelliteService) -> None:
    """Not even the inventory."""
    assert fetch(service, range(0)) == []
    assert service.asked == []


def test_what_a_batch_settled_is_given_before_the_next_one_fails(service: SatelliteService) -> None:
    """What was said of absent tiles and what had arrived is not lost with the inventory."""
    service.holds = lambda tile: tile.x < 3
    service.instead = lambda asked: problem(500, "Oops", "") if len(service.inventory_calls) > 1 else None
    stream = provider(service).fetch(wanted(range(1_500)))
    got = [next(stream) for _ in range(1_000)]
    with pytest.raises(DownloadError, match="inventory"):
        next(stream)
    assert sum(isinstance(result, Absent) for result in got) == 997


def test_a_tile_under_way_survives_the_question_about_the_next_batch(service: SatelliteService) -> None:
    """The answer that comes meanwhile is taken afterwards: no tile is asked for twice."""
    asked_again = threading.Event()

    def in_turn(asked: Asked) -> Answer | None:
        if asked.method == "POST" and len(service.inventory_calls) == 2:
            asked_again.set()
        if asked.path == "/tiles/18/950/7":
            assert asked_again.wait(30)
        return None

    service.instead = in_turn
    service.holds = lambda tile: tile.x >= 950
    results = fetch(service, range(1_050))
    assert asked_again.is_set()
    assert sum(isinstance(result, Tile) for result in results) == len(service.tile_calls) == 100


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_run_that_is_given_up_ends_soon(service: SatelliteService, method: str) -> None:
    """Whatever is under way then, it is broken off; nothing more is asked, and nothing is said to have failed."""
    release = threading.Event()
    context = RunContext(run_id="r", state_dir=Path("unused"))

    def give_up(asked: Asked) -> Answer | None:
        if asked.method == method:
            context.cancelled.set()
            release.wait(60)
        return None

    service.instead = give_up
    endless = Endless()
    start_s = time.monotonic()
    try:
        results = list(provider(service, context=context).fetch(endless))
    finally:
        release.set()
    assert results == []
    assert endless.pulled == 1_000
    assert time.monotonic() - start_s < 5


def test_closing_the_stream_does_not_wait_for_a_tile_that_hangs(service: SatelliteService) -> None:
    """A transfer that is running is broken off."""
    release, reached = threading.Event(), threading.Event()

    def hang(asked: Asked) -> Answer | None:
        if asked.path == "/tiles/18/1/7":
            reached.set()
            release.wait(60)
        return None

    service.instead = hang
    stream = provider(service).fetch(wanted(range(2)))
    try:
        assert isinstance(next(stream), Tile)
        assert reached.wait(10)
        start_s = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert time.monotonic() - start_s < 5
    finally:
        release.set()


def test_the_run_s_deadline_holds_for_the_inventory_too(service: SatelliteService) -> None:
    """It has passed: nothing is asked."""
    context = RunContext(run_id="r", state_dir=Path("unused"), deadline=Deadline.after(-1.0))
    with pytest.raises(DownloadError, match="deadline"):
        list(provider(service, context=context).fetch(wanted(range(3))))
    assert service.asked == []
