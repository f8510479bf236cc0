"""The same bytes on many distant tiles are found out, in a stream, in flat memory."""

import hashlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import MAX_ZOOM, TileId
from operator_tool.pictures import Repeats
from operator_tool.pictures.repeats import FAR_TILES, MANY, WATCHED


def sha256_of(seed: object) -> bytes:
    """Return the hash of a picture."""
    return hashlib.sha256(str(seed).encode()).digest()


SORRY = sha256_of("Sorry, we have no imagery here")
FAR = [TileId(15, 100 + 10 * number, 200) for number in range(10)]


def test_case_036_the_same_bytes_on_many_distant_tiles_are_a_placeholder() -> None:
    """Nothing is said of the first five; the sixth brings all six, and each later one itself."""
    repeats = Repeats()
    for tile in FAR[: MANY - 1]:
        assert repeats.note(tile, SORRY) == ()
        assert not repeats.known(SORRY)
    assert repeats.note(FAR[MANY - 1], SORRY) == tuple(FAR[:MANY])
    assert repeats.known(SORRY)
    assert repeats.note(FAR[MANY], SORRY) == (FAR[MANY],)
    assert repeats.note(FAR[0], SORRY) == (FAR[0],)


def test_case_036_neighbours_may_be_alike() -> None:
    """All 16 tiles of a block of 4 x 4 show the same lake; the first tile beyond it makes them a placeholder."""
    repeats = Repeats()
    block = [TileId(18, 500 + x, 700 + y) for x in range(FAR_TILES) for y in range(FAR_TILES)]
    for tile in block:
        assert repeats.note(tile, SORRY) == ()
    beyond = TileId(18, 500, 700 + FAR_TILES)
    assert repeats.note(beyond, SORRY) == (*block, beyond)


@pytest.mark.parametrize(("step_x", "step_y"), [(1, 0), (0, 1), (-1, -1)])
def test_case_036_a_row_of_tiles_is_distant_whichever_way_it_lies(step_x: int, step_y: int) -> None:
    """Six in a row are five tiles from end to end."""
    repeats = Repeats()
    row = [TileId(18, 500 + step_x * number, 700 + step_y * number) for number in range(MANY)]
    assert [repeats.note(tile, SORRY) for tile in row] == [()] * (MANY - 1) + [tuple(row)]


def test_case_036_the_same_bytes_at_two_zooms_are_a_placeholder() -> None:
    """The ground looks alike at two zooms nowhere."""
    repeats = Repeats()
    tiles = [TileId(15, 1, 1), TileId(16, 2, 2), TileId(16, 3, 2), TileId(16, 2, 3), TileId(16, 3, 3), TileId(16, 4, 4)]
    assert [repeats.note(tile, SORRY) for tile in tiles] == [()] * (MANY - 1) + [tuple(tiles)]


def test_the_same_tile_again_is_no_repeat() -> None:
    """A tile that is fetched anew with the same bytes says nothing about other tiles."""
    repeats = Repeats()
    for _ in range(3):
        for tile in FAR[: MANY - 1]:
            assert repeats.note(tile, SORRY) == ()
    assert repeats.note(FAR[-1], SORRY) == (*FAR[: MANY - 1], FAR[-1])


def test_pictures_of_their_own_are_never_placeholders() -> None:
    """Through several sizes of the table, each picture is known by its own hash."""
    repeats = Repeats()
    for number in range(20_000):
        assert repeats.note(TileId(18, number, number), sha256_of(number)) == ()
    assert len(repeats) == 20_000
    for number in range(0, 20_000, 997):
        assert repeats.note(TileId(18, number + 1, 0), sha256_of(number)) == ()
        assert repeats.note(TileId(17, number, number), sha256_of(number)) == ()
    assert len(repeats) == 20_000


def test_a_placeholder_is_found_among_many_pictures_that_repeat_a_little() -> None:
    """Pictures on two tiles each push one another out of what is watched, but not the one that repeats often."""
    repeats = Repeats()
    found: list[int] = []
    apart = WATCHED // 3
    for number in range(MANY * apart):
        for y in (0, 1):
            assert repeats.note(TileId(18, number, y), sha256_of(number)) == ()
        if number % apart == 0:
            found.append(len(repeats.note(TileId(15, 10 * number, 9), SORRY)))
    assert found == [0] * (MANY - 1) + [MANY]
    assert len(repeats._watched) == WATCHED


def test_every_tile_comes_back_as_it_was_noted() -> None:
    """Up to the last tile of the finest zoom."""
    repeats = Repeats()
    last = (1 << MAX_ZOOM) - 1
    tiles = [TileId(MAX_ZOOM, x, y) for x in (0, last) for y in (0, 1, last)]
    assert [repeats.note(tile, SORRY) for tile in tiles][-1] == tuple(tiles)
    assert Repeats().note(TileId(0, 0, 0), SORRY) == ()


def test_the_hash_of_all_zeros_is_one_like_any_other() -> None:
    """An empty place in the table is not taken for it."""
    repeats = Repeats()
    assert [repeats.note(tile, bytes(32)) for tile in FAR[:MANY]] == [()] * (MANY - 1) + [tuple(FAR[:MANY])]


def test_hashes_that_begin_alike_in_the_table_are_kept_apart() -> None:
    """They share a place in it, but no more."""
    repeats = Repeats()
    hashes = [b"\x07\0\0\0\0\0" + number.to_bytes(2, "big") + bytes(24) for number in range(300)]
    for number, sha256 in enumerate(hashes):
        assert repeats.note(TileId(18, 5 * number, 0), sha256) == ()
    for number, sha256 in enumerate(hashes):
        assert repeats.note(TileId(18, 5 * number, 0), sha256) == ()
    assert repeats._watched == {}


tiles_st = st.builds(TileId, st.integers(15, 16), st.integers(0, 9), st.integers(0, 9))


@given(st.lists(st.tuples(tiles_st, st.integers(0, 2)), max_size=60))
def test_a_stream_is_judged_as_one_would_with_all_of_it_in_lists(stream: list[tuple[TileId, int]]) -> None:
    """The plainest program that keeps everything says the same at every tile."""
    repeats = Repeats()
    seen: dict[int, list[TileId]] = {}
    found: set[int] = set()
    for tile, picture in stream:
        said = repeats.note(tile, sha256_of(picture))
        tiles = seen.setdefault(picture, [])
        if tile not in tiles:
            tiles.append(tile)
        apart = max(
            (max(abs(a.x - b.x), abs(a.y - b.y)) if a.z == b.z else FAR_TILES for a in tiles for b in tiles), default=0
        )
        if picture in found:
            assert said == (tile,)
        elif len(tiles) >= MANY and apart >= FAR_TILES:
            found.add(picture)
            assert said == tuple(tiles)
        else:
            assert said == ()
        assert repeats.known(sha256_of(picture)) == (picture in found)


@pytest.mark.parametrize("many", [33_000, 132_000])
def test_a_tile_costs_less_than_40_bytes(many: int) -> None:
    """However many there are; it costs the most right after the table has doubled, as here."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        repeats = Repeats()
        for number in range(many):
            repeats.note(TileId(18, number, 7), sha256_of(number))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken / many < 40
