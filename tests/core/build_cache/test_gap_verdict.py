"""What a cache lacks is in the verdict: of a build, of the same build again, and of what a companion says later."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CacheGaps, CacheOrder, CompanionSession, CompanionState, CurrentCache, GapPlace, TileId
from operator_tool.build_cache.gap_verdict import gaps_there, order_of_the_current
from operator_tool.build_cache.misses import pack
from operator_tool.build_cache.nearest_gap import nearest_gap
from operator_tool.geo.route import place_on_route, route_of
from tests.support.bench import REQUEST, Bench
from tests.support.memory import FLIGHT, MemoryProvider, MemoryProvisioner, flight_of


def test_a_build_with_gaps_says_so_by_zoom_and_place(tmp_path: Path) -> None:
    """Then the same build again, which finds it there; both verdicts name what is missing."""
    bench = Bench(tmp_path)
    tiles = list(bench.orchestrator().plan(REQUEST).coverage.tiles())
    gone = {tile for tile in tiles if tile.z == 16 and tile.x % 2} | {tiles[0]}
    bench.providers = [("memory", MemoryProvider(absent=gone.__contains__))]
    request = msgspec.structs.replace(REQUEST, allow_gaps=len(gone))

    built, again = bench.build(request), bench.build(request)

    assert (built.verdict, again.verdict) == ("built WITH GAPS", "already there WITH GAPS")
    assert built.gaps is not None
    assert built.gaps.missing == len(gone) == built.tiles.missing
    assert built.gaps.by_zoom == {"15": 1, "16": len(gone) - 1} == built.tiles.by_zoom
    route = route_of(FLIGHT)
    place = built.gaps.nearest
    assert place is not None
    nearest = min(gone, key=lambda tile: place_on_route(route, tile).distance)
    assert TileId(place.z, place.x, place.y) == nearest
    assert place.route_m == round(place_on_route(route, nearest).route_m)
    assert again.gaps is not None
    assert again.gaps.missing == len(gone)


def test_a_whole_cache_has_no_word_of_gaps(tmp_path: Path) -> None:
    """Built, there already, and downloaded."""
    bench = Bench(tmp_path)
    assert [bench.build().verdict, bench.build().verdict] == ["built", "already there"]
    assert bench.orchestrator().download(REQUEST).verdict == "downloaded"
    assert bench.build().gaps == CacheGaps()


def test_the_nearest_of_many_gaps_is_the_one_that_trying_all_finds() -> None:
    """Blocks that are left out hold none that is nearer, for gaps of several zooms on both sides of 180°."""
    dice = random.Random(7)
    for _ in range(30):
        lon_deg = dice.choice((11.0, 179.99, -179.995))
        route = route_of(flight_of((47.0, lon_deg), (47.01, lon_deg + 0.02 if lon_deg < 0 else lon_deg - 0.02)))
        x, y = int((lon_deg + 180.0) / 360.0 * 2**18), 92_000 + dice.randrange(600)
        gaps = {
            TileId(z, (x + dice.randrange(-900, 900) >> 18 - z) % (1 << z), (y + dice.randrange(-900, 900)) >> 18 - z)
            for z in (9, 16, 18)
            for _ in range(dice.choice((1, 40)))
        }
        found = nearest_gap(route, [pack(tile) for tile in gaps])
        assert found is not None
        least = min(place_on_route(route, tile).distance for tile in gaps)
        assert place_on_route(route, TileId(found.z, found.x, found.y)).distance == pytest.approx(least, rel=1e-9)


def test_the_place_of_a_gap_is_in_metres() -> None:
    """A tile whose centre lies some 1,113 m north of a route along the equator."""
    route = route_of(flight_of((0.0, 10.0), (0.0, 10.1)))
    side = 1 << 18
    tile = TileId(18, int((10.05 + 180) / 360 * side), side // 2 - 1 - int(0.01 / 360 * side))
    found = nearest_gap(route, [pack(tile)])
    assert found is not None
    assert found.off_m == pytest.approx(1113, abs=90)
    assert found.route_m == pytest.approx(5560, abs=90)
    assert nearest_gap(route, []) is None


SAID = CacheGaps(missing=4, by_zoom={"15": 4}, nearest=GapPlace(z=15, x=1, y=2, route_m=3, waypoint=0, off_m=4))


@pytest.mark.parametrize(
    ("verified", "said", "known"),
    [
        (96, SAID, SAID),
        (95, SAID, CacheGaps(missing=5)),
        (100, SAID, CacheGaps()),
        (96, None, CacheGaps(missing=4)),
        (0, SAID, None),
        (101, SAID, None),
    ],
)
def test_the_number_comes_from_what_was_verified(
    verified: int, said: CacheGaps | None, known: CacheGaps | None
) -> None:
    """What a cache says of itself adds zooms and place only where its number agrees."""
    state = CompanionState(
        companion_id="c", agent_version="1", up_to_date=True, verified_tiles=verified, current=CurrentCache(gaps=said)
    )
    assert gaps_there(state, 100) == known


def test_a_cache_that_allowed_another_number_is_still_this_flights(tmp_path: Path) -> None:
    """It is asked about under its own key; a cache of another plan, or one that does not say, is not."""
    bench = Bench(tmp_path)
    orchestrator = bench.orchestrator()
    order = orchestrator._order(orchestrator.plan(REQUEST), dry_run=True)
    built = orchestrator._order(orchestrator.plan(msgspec.structs.replace(REQUEST, allow_gaps=7)), dry_run=True)

    def state(key: str, allow_gaps: int | None) -> CompanionState:
        current = CurrentCache(content_key=key, allow_gaps=allow_gaps)
        return CompanionState(companion_id="c", agent_version="1", generation="g", current=current)

    assert order_of_the_current(state(built.content_key, 7), order) == built
    assert order_of_the_current(state(built.content_key, 8), order) is None
    assert order_of_the_current(state(built.content_key, None), order) is None
    assert order_of_the_current(state(order.content_key, 0), order) is None


class Tells(MemoryProvisioner):
    """A companion that says of its cache how many gaps its build allowed."""

    allowed: dict[str, int]

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        if self.current is None:
            self.allowed = {order.content_key: order.inputs.allow_gaps}
            return state
        current = CurrentCache(content_key=self.current, allow_gaps=self.allowed[self.current])
        return msgspec.structs.replace(state, current=current)


@pytest.mark.parametrize("allowed", [0, 1, 500])
def test_verify_ready_finds_the_cache_whatever_number_its_build_allowed(tmp_path: Path, allowed: int) -> None:
    """What this command allows is another matter: the same tiles lie there."""
    bench = Bench(tmp_path)
    bench.provisioner = Tells()
    first = next(iter(bench.orchestrator().plan(REQUEST).coverage.tiles()))
    bench.providers = [("memory", MemoryProvider(absent=lambda tile: tile == first))]
    assert bench.build(msgspec.structs.replace(REQUEST, allow_gaps=7)).exit_code == 0
    plan, state, _ = bench.orchestrator().ask(msgspec.structs.replace(REQUEST, allow_gaps=allowed))
    assert state.up_to_date
    assert gaps_there(state, plan.coverage.count) == CacheGaps(missing=1)
    other = msgspec.structs.replace(REQUEST, allow_gaps=allowed, zooms=(15,))
    assert not bench.orchestrator().ask(other)[1].up_to_date


def test_where_nothing_came_the_hint_is_never_to_accept_it(tmp_path: Path) -> None:
    """What to look at depends on why; whoever allowed them all has a cache with gaps alone, and is told."""
    bench = Bench(tmp_path)
    bench.providers = [("memory", MemoryProvider(absent=lambda _: True))]
    report = bench.build()
    assert report.exit_code == 20
    assert "--allow-gaps" not in report.remediation
    allowed = bench.build(msgspec.structs.replace(REQUEST, allow_gaps=100_000))
    assert (allowed.exit_code, allowed.verdict) == (0, "built WITH GAPS")
    assert allowed.gaps is not None
    assert allowed.gaps.missing == allowed.tiles.wanted


def test_a_cache_without_a_tile_is_known_by_its_own_word() -> None:
    """Else a provisioner that does not count is taken for one."""
    state = CompanionState(companion_id="c", agent_version="1", up_to_date=True, verified_tiles=0)
    empty = CacheGaps(missing=100)
    assert gaps_there(state, 100) is None
    assert gaps_there(msgspec.structs.replace(state, current=CurrentCache(gaps=empty)), 100) == empty
