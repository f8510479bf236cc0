"""The pool for a provider of one function per tile: concurrency, retries, pauses, pace, and an end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from operator_tool.api import (
    Absent,
    Deadline,
    DownloadError,
    Tile,
    TileId,
    TileResult,
    TryAgainError,
    Unreachable,
    WantedTile,
    fetch_in_pool,
)


def wanted(count: int) -> Iterator[WantedTile]:
    """Yield that many tiles."""
    return (WantedTile(TileId(10, x, 0)) for x in range(count))


def picture(tile: WantedTile) -> TileResult:
    """Return the tile's picture."""
    return Tile(tile.id, str(tile.id).encode())


def test_every_wanted_tile_gets_one_result() -> None:
    """In whatever order they are done."""
    results = list(fetch_in_pool(picture, wanted(500), connections=8))
    assert sorted(result.id.x for result in results) == list(range(500))
    assert all(isinstance(result, Tile) and result.data == str(result.id).encode() for result in results)


def test_as_many_connections_as_asked_for_work_at_once_and_no_more() -> None:
    """Four meet at a barrier of four; a fifth is never seen."""
    barrier = threading.Barrier(4, timeout=20)
    now, most, lock = 0, 0, threading.Lock()

    def fetch(tile: WantedTile) -> TileResult:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        barrier.wait()
        with lock:
            now -= 1
        return picture(tile)

    assert len(list(fetch_in_pool(fetch, wanted(40), connections=4))) == 40
    assert most == 4


def test_the_source_is_pulled_no_more_than_twice_the_connections_ahead() -> None:
    """A source of millions is never read into memory."""
    pulled = itertools.count()
    latest = 0

    def source() -> Iterator[WantedTile]:
        nonlocal latest
        for tile in wanted(1_000_000):
            latest = next(pulled)
            yield tile

    stream = fetch_in_pool(picture, source(), connections=4)
    for _ in range(10):
        next(stream)
    stream.close()
    assert latest < 10 + 2 * 4 + 4


def test_what_may_pass_is_tried_again() -> None:
    """The third attempt succeeds."""
    attempts: dict[TileId, int] = {}

    def fetch(tile: WantedTile) -> TileResult:
        attempts[tile.id] = attempts.get(tile.id, 0) + 1
        if attempts[tile.id] < 3:
            raise TryAgainError("reset")
        return picture(tile)

    results = list(fetch_in_pool(fetch, wanted(3), connections=3))
    assert all(isinstance(result, Tile) for result in results)
    assert set(attempts.values()) == {3}


def test_what_does_not_pass_becomes_a_failed_tile_and_the_others_go_on() -> None:
    """One dead tile holds nobody up, and says why."""

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x == 1:
            raise TryAgainError("503 from the service")
        return picture(tile)

    results = {result.id.x: result for result in fetch_in_pool(fetch, wanted(4), attempts=2)}
    assert results.pop(1) == Unreachable(TileId(10, 1, 0), "503 from the service; 2 attempts")
    assert all(isinstance(result, Tile) for result in results.values())


def test_a_pause_that_the_server_asks_for_holds_the_whole_pool_once() -> None:
    """Eight refusals at once are one pause, not eight; nobody calls during it."""
    refused = threading.Barrier(4, timeout=20)
    calls: list[float] = []
    first = set(range(4))

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x in first:
            first.discard(tile.id.x)
            refused.wait()
            raise TryAgainError("429", pause_s=1.0)
        calls.append(time.monotonic())
        return picture(tile)

    begun = time.monotonic()
    results = list(fetch_in_pool(fetch, wanted(12), connections=4))
    assert all(isinstance(result, Tile) for result in results)
    assert min(calls) - begun >= 0.99
    assert max(calls) - begun < 8.0  # four pauses one after the other, and the backoff, would take longer


def test_a_pause_beyond_the_budget_is_a_failed_tile_at_once() -> None:
    """An absurd Retry-After holds nobody."""

    def fetch(tile: WantedTile) -> TileResult:
        raise TryAgainError("429", pause_s=999_999)

    begun = time.monotonic()
    (result,) = fetch_in_pool(fetch, wanted(1), pause_budget_s=60)
    assert isinstance(result, Unreachable)
    assert "asked to wait 999999 s, beyond the budget" in result.reason
    assert time.monotonic() - begun < 5.0


def test_the_pace_is_kept() -> None:
    """Ten calls at fifty a second take at least nine intervals."""
    begun = time.monotonic()
    list(fetch_in_pool(picture, wanted(10), connections=8, max_per_s=50))
    assert time.monotonic() - begun >= 9 / 50 - 0.01


def test_a_failure_of_the_whole_provider_ends_the_stream() -> None:
    """What the function raises otherwise comes out as it is."""

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x == 5:
            raise DownloadError("the key was refused")
        return Absent(tile.id)

    with pytest.raises(DownloadError, match="the key was refused"):
        list(fetch_in_pool(fetch, wanted(1000)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tile-pool")]


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_giving_up_ends_the_waits_within_a_second(how: str) -> None:
    """A pool in backoff or in a long pause does not hold the run's end up."""
    cancelled = threading.Event()

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x:
            raise TryAgainError("429", pause_s=100)
        return picture(tile)

    stream = fetch_in_pool(fetch, wanted(50), connections=2, cancelled=cancelled, pause_budget_s=1000)
    next(stream)
    begun = time.monotonic()
    if how == "close":
        stream.close()
    else:
        cancelled.set()
        assert all(isinstance(result, Unreachable) for result in stream)
    assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_giving_up_does_not_wait_for_a_call_that_hangs(how: str) -> None:
    """A server's silence holds neither the run's end nor, in a daemon's thread, the process's."""
    cancelled, let_go = threading.Event(), threading.Event()

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x:
            let_go.wait(60)
        return picture(tile)

    stream = fetch_in_pool(fetch, wanted(50), connections=2, cancelled=cancelled)
    next(stream)
    begun = time.monotonic()
    if how == "close":
        stream.close()
    else:
        cancelled.set()
        assert list(stream) == []
    assert time.monotonic() - begun < 1.0
    left = [thread for thread in threading.enumerate() if thread.name.startswith("tile-pool")]
    assert left
    assert all(thread.daemon for thread in left)
    let_go.set()
    for thread in left:
        thread.join(10)
        assert not thread.is_alive()


def test_a_run_that_is_given_up_pulls_nothing_more() -> None:
    """A source of a million is not run through to say of each that it was given up."""
    cancelled = threading.Event()
    pulled = itertools.count()
    latest = 0

    def source() -> Iterator[WantedTile]:
        nonlocal latest
        for tile in wanted(1_000_000):
            latest = next(pulled)
            yield tile

    for number, _result in enumerate(fetch_in_pool(picture, source(), connections=2, cancelled=cancelled)):
        if number == 10:
            cancelled.set()
    assert latest < 30


def test_the_deadline_of_the_run_ends_a_call_that_hangs() -> None:
    """With the one error that says so."""
    let_go = threading.Event()

    def fetch(tile: WantedTile) -> TileResult:
        if tile.id.x == 3:
            let_go.wait(60)
        return picture(tile)

    begun = time.monotonic()
    with pytest.raises(DownloadError, match="deadline passed"):
        list(fetch_in_pool(fetch, wanted(4), connections=1, deadline=Deadline.after(0.3)))
    assert time.monotonic() - begun < 2.0
    let_go.set()
