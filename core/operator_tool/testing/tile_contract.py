"""What holds for every tile provider, wherever its tiles come from."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from operator_tool.api import (
    MAX_ZOOM,
    Absent,
    OperatorToolError,
    RunContext,
    Tile,
    TileId,
    TileProvider,
    sniff_picture_format,
)
from operator_tool.pictures import BadPictureError, check_picture

from .in_time import one_answer
from .left_open import LeftOpen
from .making import Make
from .plugin_contract import FactoryContract, close_object
from .tile_asking import Threads, Wanting, around, ask, checked_result, described, interrupt, wanted

MANY_TILES = 500
SIDE_BY_SIDE = 32


class TileProviderContract(FactoryContract):
    """Checks of a tile provider; for one that asks a web service inherit ``WebTileProviderContract`` instead.

    Override ``plugin_options``, ``present_tiles`` and ``absent_tile``.
    """

    role: ClassVar[str] = "tile_provider"
    protocol: ClassVar[type] = TileProvider
    pulls_ahead: ClassVar[int] = 256
    """How many wanted tiles the provider may pull beyond those that it has answered."""
    gives_up_within_s: ClassVar[float] = 1.0
    """How soon everything must be over once the run is given up."""

    @pytest.fixture
    def present_tiles(self) -> tuple[TileId, ...]:
        """A few tiles of one zoom that the provider has, three or more."""
        pytest.fail("override the fixture present_tiles: a tuple of three or more tiles that the provider has")

    @pytest.fixture
    def absent_tile(self) -> TileId | None:
        """A tile that the provider lacks; None where there is none that it lacks."""
        pytest.fail("override the fixture absent_tile: a tile that the provider lacks, None where it has every tile")

    @pytest.fixture
    def exercise(self, present_tiles: tuple[TileId, ...]) -> Callable[[Any], None]:
        """Describe, and fetch what is there."""

        def run(made: Any) -> None:
            made.describe()
            list(made.fetch(wanted(present_tiles[:3])))

        return run

    @pytest.fixture
    def pictures(self, make: Make, present_tiles: tuple[TileId, ...]) -> dict[TileId, bytes]:
        """The bytes of the tiles that are there, as a provider of its own gives them."""
        made = make()
        try:
            asked = ask(made, present_tiles)
        finally:
            close_object(made)
        if asked.error is not None:
            pytest.fail(f"fetch() of present_tiles raised {asked.error!r}. {asked.error.hint}", pytrace=False)
        found = {result.id: result.data for result in asked.results if isinstance(result, Tile)}
        others = [result for result in asked.results if not isinstance(result, Tile)]
        if set(found) != set(present_tiles):
            pytest.fail(f"present_tiles are not all there: {others[:3] or 'no result for some'}", pytrace=False)
        return found

    def test_describes_itself_the_same_each_time(self, make: Make) -> None:
        """The dataset keys the store and the cache: it is the same for the same settings, also of another object."""
        one, other = make(), make()
        try:
            first, again, others = described(one), described(one), described(other)
        finally:
            close_object(one)
            close_object(other)
        assert first == again, f"describe() says another thing the second time: {first}, {again}"
        assert first == others, (
            f"two providers of the same settings describe themselves otherwise: {first}, {others}. What was "
            "downloaded is found again by this description: make it of the settings and the data alone"
        )

    def test_describes_what_can_be(self, made: Any) -> None:
        """Zooms, bounds and the tiles' size make sense, and the dataset has a name."""
        info = described(made)
        assert info.dataset.strip(), "describe() names no dataset: the URL without its secrets, a file's identity"
        assert info.dataset.isprintable(), f"the dataset {info.dataset!r} has characters that can't be shown"
        assert 0 <= info.min_zoom <= info.max_zoom <= MAX_ZOOM, f"zooms {info.min_zoom} to {info.max_zoom}"
        assert 64 <= info.tile_size_px <= 2048, f"tiles of {info.tile_size_px} pixels"
        if info.bounds_deg is not None:
            west, south, east, north = info.bounds_deg
            assert all(-180 <= lon <= 180 for lon in (west, east)), f"bounds_deg {info.bounds_deg} are no longitudes"
            assert -90 <= south < north <= 90, f"bounds_deg {info.bounds_deg} are not west, south, east, north"

    def test_gives_pictures_as_described(
        self, made: Any, present_tiles: tuple[TileId, ...], pictures: dict[TileId, bytes]
    ) -> None:
        """Each tile is a whole picture of the declared size, in one of the declared formats."""
        info = described(made)
        assert all(info.min_zoom <= tile.z <= info.max_zoom for tile in present_tiles), (
            f"present_tiles are of zooms that describe() doesn't have: {info.min_zoom} to {info.max_zoom}"
        )
        for tile, data in pictures.items():
            try:
                check_picture(data, size_px=info.tile_size_px)
            except BadPictureError as error:
                pytest.fail(f"tile {tile}: {error.reason}; the core takes no such picture", pytrace=False)
            found = sniff_picture_format(data)
            assert not info.formats or found in info.formats, f"tile {tile} is {found}, not of {info.formats}"

    def test_gives_the_same_bytes_twice(
        self, made: Any, present_tiles: tuple[TileId, ...], pictures: dict[TileId, bytes]
    ) -> None:
        """The same tile has the same bytes, asked again and asked of another object: a rerun must change nothing."""
        for attempt in ("the first time", "the second time"):
            with one_answer():
                results = list(made.fetch(wanted(present_tiles)))
            for result in results:
                assert isinstance(checked_result(result), Tile), f"{attempt}: {result}"
                assert result.data == pictures[result.id], f"tile {result.id} has other bytes {attempt}"

    def test_answers_each_wanted_tile_once(self, made: Any, present_tiles: tuple[TileId, ...]) -> None:
        """Five hundred wanted tiles get a result each, no more and no others."""
        many = tuple(around(present_tiles, MANY_TILES))
        asked = ask(made, many)
        assert asked.error is None, f"fetch() of {len(many)} tiles raised {asked.error!r}"
        got = [result.id for result in asked.results]
        assert not (twice := {tile for tile in got if got.count(tile) > 1}), f"more than one result for {twice}"
        assert not (missed := set(many) - set(got)), (
            f"no result for {len(missed)} of {len(many)} wanted tiles, such as {min(missed)}: yield Absent, "
            "Unreachable, Refused or Corrupt for what is not there"
        )
        assert not (foreign := set(got) - set(many)), f"results for tiles that were not wanted, such as {min(foreign)}"

    def test_says_what_it_lacks(self, made: Any, absent_tile: TileId | None) -> None:
        """A tile that the provider lacks is ``Absent``: settled, and remembered."""
        if absent_tile is None:
            return
        asked = ask(made, [absent_tile])
        assert asked.error is None, f"a tile that is not there raised {asked.error!r}"
        assert isinstance(asked.of(absent_tile), Absent), (
            f"the tile {absent_tile}, which the provider lacks, gave {asked.of(absent_tile)}: yield Absent"
        )

    def test_pulls_only_what_it_works_on(self, made: Any, present_tiles: tuple[TileId, ...]) -> None:
        """The wanted tiles can be millions: few are pulled ahead of the results."""
        described(made)
        tiles = Wanting(around(present_tiles), most=10 * self.pulls_ahead + 100)
        taken = 0
        with one_answer():
            results = made.fetch(tiles)
            for _result in results:
                taken += 1
                if taken == 20:
                    break
            ahead = tiles.pulled - taken
            _close(results)
        assert taken, "fetch() gave no result"
        assert ahead <= self.pulls_ahead, (
            f"{tiles.pulled} wanted tiles were pulled for {taken} results: pull from the iterator when there is room "
            "for one more, as fetch_in_pool does; never list() it. A provider that asks in batches states their size "
            "in pulls_ahead of this test class."
        )

    def test_ends_when_the_run_is_given_up(
        self, make: Make, context: RunContext, present_tiles: tuple[TileId, ...]
    ) -> None:
        """Once ``context.cancelled`` is set, ``fetch`` ends within a second, and leaves no thread."""
        threads = Threads()
        made = make(context=context)
        described(made)
        tiles = Wanting(around(present_tiles))
        ended = interrupt(made, tiles, context, lambda: tiles.pulled > 5, budget_s=self.gives_up_within_s)
        assert ended is not None, _NOT_ENDED
        assert ended.error is None or isinstance(ended.error, OperatorToolError), f"given up, it raised {ended.error!r}"
        close_object(made)
        assert not (left := threads.left()), f"threads are left after that: {', '.join(t.name for t in left)}"

    def test_ends_when_its_results_are_closed(self, make: Make, present_tiles: tuple[TileId, ...]) -> None:
        """The core closes the iterator in the middle: that takes less than a second, and leaves no thread."""
        threads = Threads()
        made = make()
        described(made)
        with one_answer():
            results = made.fetch(Wanting(around(present_tiles)))
            next(iter(results))
        began_s = time.monotonic()
        with one_answer():
            _close(results)
        close_object(made)
        took_s = time.monotonic() - began_s
        assert took_s <= self.gives_up_within_s, f"closing fetch()'s iterator and the provider took {took_s:.1f} s"
        assert not (left := threads.left()), f"threads are left after that: {', '.join(t.name for t in left)}"

    def test_leaves_nothing_open(self, make: Make, present_tiles: tuple[TileId, ...]) -> None:
        """After ``close`` no thread, file or socket of the provider's is left."""
        self._used_and_closed(make, present_tiles)  # what is imported or made once stays
        open_now = LeftOpen()
        held = self._used_and_closed(make, present_tiles)
        assert not (left := open_now.since()), (
            f"after close() {', '.join(left[:5])} is left: close there all that was opened"
        )
        del held

    def test_can_be_closed_at_any_time(self, make: Make, present_tiles: tuple[TileId, ...]) -> None:
        """``close`` is harmless before anything was asked, after a stream that was given up, and a second time."""
        unused, amid = make(), make()
        with one_answer():
            results = amid.fetch(wanted(present_tiles))
            next(iter(results))
            _close(results)
        try:
            for made in (unused, amid):
                close_object(made)
                close_object(made)
        except Exception as error:  # whatever it is, it hides why the run ended
            raise AssertionError(f"close() raised {error!r}: it is called whatever happened before") from error

    def test_serves_32_side_by_side(
        self, make: Make, context: RunContext, present_tiles: tuple[TileId, ...], pictures: dict[TileId, bytes]
    ) -> None:
        """32 providers in 32 threads give each its own tiles: nothing of the module is shared unguarded."""
        tiles = present_tiles[:4]
        wrong: list[str] = []
        begin = threading.Barrier(SIDE_BY_SIDE, timeout=60)

        def run(number: int, made: Any) -> None:
            try:
                begin.wait()
                turned = tiles[number % len(tiles) :] + tiles[: number % len(tiles)]
                for result in made.fetch(wanted(turned)):
                    if not (isinstance(result, Tile) and result.data == pictures[result.id]):
                        wrong.append(f"provider {number}: {str(result)[:200]}")  # noqa: PERF401 - of many threads
            except Exception as error:  # noqa: BLE001 - it is told in the test's thread
                wrong.append(f"provider {number} raised {error!r}")

        each = [dataclasses.replace(context, run_id=f"run-{number}") for number in range(SIDE_BY_SIDE)]
        providers = [make(context=one) for one in each]
        for one in providers:
            described(one)
        threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(providers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "some of 32 providers side by side never ended"
        for one in providers:
            close_object(one)
        assert not wrong, f"{len(wrong)} of 32 providers side by side went wrong: {'; '.join(wrong[:3])}"

    def _used_and_closed(self, make: Make, tiles: tuple[TileId, ...]) -> Any:
        made = make()
        try:
            ask(made, tiles[:2])
        finally:
            close_object(made)
        return made


_NOT_ENDED = (
    "fetch() did not end within a second after context.cancelled was set: give fetch_in_pool "
    "cancelled=context.cancelled, or look at it between two tiles and in every wait"
)


def _close(results: Iterator[Any]) -> None:
    close = getattr(results, "close", None)
    if close is not None:
        close()
