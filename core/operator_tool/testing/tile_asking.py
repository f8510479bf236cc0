"""Asks a tile provider as the core does, in bounded time, and tells what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pytest

from operator_tool.api import (
    Absent,
    DownloadError,
    NotModified,
    OperatorToolError,
    ProviderInfo,
    RunContext,
    Tile,
    TileId,
    TileResult,
    WantedTile,
)
from operator_tool.plugin_host.blame import brief

from .in_time import KIT_THREAD, note_held_up, one_answer, where_it_stands
from .services.tile_service import THREAD_NAME

_RESULTS = TileResult.__args__
TOO_MANY_TILES = 1_000_000
"""What an endless iterator of wanted tiles names, as good as."""
_EVERY_WAIT_ENDS = "every wait of a provider needs an end"


def described(provider: Any) -> ProviderInfo:
    """Return what a provider says of itself; fails where it does not come back, or says something else."""
    with one_answer():
        info = provider.describe()
    if not isinstance(info, ProviderInfo):
        pytest.fail(f"describe() gave {brief(info)}, not a ProviderInfo", pytrace=False)
    return info


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider made of some wanted tiles."""

    results: tuple[TileResult, ...]
    error: OperatorToolError | None
    """What ended the stream early."""
    took_s: float

    def of(self, tile: TileId) -> TileResult | None:
        """Return what was said of one tile."""
        return next((result for result in self.results if result.id == tile), None)

    @property
    def shown(self) -> str:
        """What to tell of it in a failure."""
        return repr(self.error) if self.error is not None else f"{str(self.results[:2])[:200]}"


def wanted(tiles: Iterable[TileId]) -> Iterator[WantedTile]:
    """Yield tiles as wanted ones, of which the core holds no copy."""
    return (WantedTile(tile) for tile in tiles)


def ask(
    provider: Any, tiles: Iterable[TileId | WantedTile], *, budget_s: float = 60.0, late: str = _EVERY_WAIT_ENDS
) -> Asked:
    """Describe and fetch in a thread, as one stream, and return what came of it.

    Fails after ``budget_s``, and says what ``late`` does of why.
    """
    named = [tile if isinstance(tile, WantedTile) else WantedTile(tile) for tile in tiles]
    results: list[TileResult] = []
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            provider.describe()
            for result in provider.fetch(iter(named)):
                results.append(checked_result(result))  # noqa: PERF401 - kept also when the next one raises
        except BaseException as error:  # noqa: BLE001 - it is judged in the test's thread
            outcome.append(error)
        else:
            outcome.append(None)

    began_s = time.monotonic()
    thread = threading.Thread(target=run, name=KIT_THREAD, daemon=True)
    thread.start()
    thread.join(budget_s)
    took_s = time.monotonic() - began_s
    if not outcome:
        where = where_it_stands(thread)
        stands = f", and stands in {where}" if where else ""
        ended = f"describe() and fetch() of {len(named)} tiles had not ended after {budget_s:g} s{stands}"
        if late is _EVERY_WAIT_ENDS:
            note_held_up(ended)
        pytest.fail(f"{ended}: {late}", pytrace=False)
    if (error := outcome[0]) is None or isinstance(error, OperatorToolError):
        return Asked(results=tuple(results), error=error, took_s=took_s)
    if isinstance(error, pytest.fail.Exception):
        pytest.fail(str(error), pytrace=False)
    raise AssertionError(
        f"{type(error).__name__} came out of the provider: {error}. Raise TryAgainError in a function of fetch_in_pool "
        "for what may pass, return Unreachable or Corrupt for one tile, and raise DownloadError for the whole provider."
    ) from error


def checked_result(result: object) -> Any:
    """Return a result of ``fetch``, if it is one."""
    if not isinstance(result, _RESULTS):
        pytest.fail(
            f"fetch() gave {brief(result)}, not a TileResult: yield operator_tool.api's Tile, Absent, NotModified, "
            "Refused, Unreachable, Corrupt or Placeholder for each wanted tile",
            pytrace=False,
        )
    return result


def assert_lost(asked: Asked, tiles: tuple[TileId, ...], what: str, *, all_told: bool = True) -> None:
    """Hold that these tiles are neither imagery nor settled; with ``all_told`` that each has a result, or an error."""
    settled = [one for one in asked.results if isinstance(one, Tile | Absent | NotModified)]
    assert not settled, (
        f"{what} gave {str(settled[0])[:100]}: yield Unreachable or Corrupt, or raise DownloadError; Absent is "
        "remembered, and a Tile is imagery"
    )
    if asked.error is None and all_told:
        assert len(asked.results) == len(tiles), f"{what} gave nothing at all for some tiles: {asked.shown}"
    assert asked.error is None or isinstance(asked.error, DownloadError), f"{what} raised {asked.error!r}"


class Wanting:
    """Wanted tiles without end, and how many of them were pulled. Ends after ``most``, so that nothing hangs."""

    def __init__(self, tiles: Iterator[TileId], most: int = TOO_MANY_TILES) -> None:
        self._tiles = tiles
        self._most = most
        self._lock = threading.Lock()
        self.pulled = 0

    def __iter__(self) -> Wanting:
        return self

    def __next__(self) -> WantedTile:
        with self._lock:
            if self.pulled >= self._most:
                raise StopIteration
            self.pulled += 1
            return WantedTile(next(self._tiles))


def around(tiles: tuple[TileId, ...], count: int = TOO_MANY_TILES) -> Iterator[TileId]:
    """Yield these tiles, and then others of the first one's zoom, ``count`` in all or as many as that zoom has."""
    yield from tiles[:count]
    known, first = set(tiles), tiles[0]
    side = 1 << first.z
    given = len(tiles)
    for number in range(side * side):
        if given >= count:
            return
        tile = TileId(first.z, (first.x + number // side) % side, (first.y + number) % side)
        if tile not in known:
            given += 1
            yield tile


class Threads:
    """Which threads a plugin has started since this object was made."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def left(self, within_s: float = 1.0) -> list[threading.Thread]:
        """Return those that are still there after that time."""
        until_s = time.monotonic() + within_s
        while (found := self._new()) and time.monotonic() < until_s:
            found[0].join(0.02)
        return found

    def _new(self) -> list[threading.Thread]:
        ours = (THREAD_NAME, KIT_THREAD)
        return [one for one in threading.enumerate() if one not in self._before and one.name not in ours]


class Interrupted(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream of results ended after it was given up."""

    took_s: float
    error: BaseException | None


def interrupt(
    provider: Any, tiles: Iterator[WantedTile], context: RunContext, when: Callable[[], bool], *, budget_s: float
) -> Interrupted | None:
    """Take results in a thread, set ``context.cancelled`` once ``when`` says so; None where it didn't end in time."""
    ended: list[BaseException | None] = []

    def run() -> None:
        results = iter(())
        try:
            results = provider.fetch(tiles)
            for result in results:
                checked_result(result)
        except BaseException as error:  # noqa: BLE001 - it is judged in the test's thread
            ended.append(error)
        else:
            ended.append(None)
        finally:
            close = getattr(results, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=run, name=KIT_THREAD, daemon=True)
    thread.start()
    until_s = time.monotonic() + 30.0
    while not when() and time.monotonic() < until_s and thread.is_alive():
        thread.join(0.01)
    assert when(), "fetch() ended, or did nothing for 30 s, before it could be given up"
    began_s = time.monotonic()
    context.cancelled.set()
    thread.join(budget_s)
    if thread.is_alive():
        return None
    return Interrupted(took_s=time.monotonic() - began_s, error=ended[0])
