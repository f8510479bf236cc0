"""How long bytes are under way: decided by script, seed and place, whatever pieces they come in."""

from __future__ import annotations

import pytest

from operator_tool_plugins.transports.mock.pace import Lane, Pace
from operator_tool_plugins.transports.mock.script import LinkScript

JITTERY = LinkScript(latency_s=0.1, jitter_s=0.05)


def arrivals(pace: Pace, *sizes: int, now_s: float = 0.0) -> list[float]:
    """Return when each of some pieces arrives that are sent at once."""
    return [round(pace.arrival_s(size, now_s), 6) for size in sizes]


def test_the_same_seed_is_the_same_timetable() -> None:
    """And another seed is another one; jitter is never less than nothing, nor more than was allowed."""
    once, again, other = (arrivals(Pace(JITTERY, None, seed), *[4096] * 20) for seed in ("1", "1", "2"))
    assert once == again != other
    assert once == sorted(once)
    assert all(0.1 <= arrival <= 0.15 for arrival in once)
    assert len(set(other)) > 1


def test_the_timetable_is_the_streams_and_not_the_pieces() -> None:
    """Two bytes of one block have one delay, also where they come in calls of their own."""
    whole, parts = Pace(JITTERY, None, "1"), Pace(JITTERY, None, "1")
    first = arrivals(whole, 4096, 4096)
    assert arrivals(parts, 96, 4000, 1000, 3096)[1::2] == first


def test_a_rate_is_kept_to() -> None:
    """So many bytes a second, one piece after the other; what is sent later waits for nothing."""
    pace = Pace(LinkScript(latency_s=1.0), 1000, "")
    assert arrivals(pace, 500, 500, 1000) == [1.5, 2.0, 3.0]
    assert arrivals(pace, 100, now_s=10.0) == [11.1]
    assert pace.next_piece(1000) == 20


def test_without_a_word_of_it_nothing_takes_time() -> None:
    """Bytes arrive when they are sent, as they were sent."""
    pace = Pace(LinkScript(), None, "")
    assert pace.is_instant
    assert pace.next_piece(10_000_000) == 10_000_000
    assert arrivals(pace, 1, 100, now_s=5.0) == [5.0, 5.0]


@pytest.mark.parametrize("rate", [None, 50_000])
def test_what_travels_arrives_whole_and_in_order(rate: int | None) -> None:
    """Nothing is lost or doubled, also what was put back; and nothing comes before its time."""
    lane = Lane(Pace(JITTERY, rate, "3"))
    data = bytes(range(256)) * 100
    lane.push(data[:9000], 0.0)
    lane.push(data[9000:], 0.0)
    assert lane.pop(0.09) == b""
    got, now_s = bytearray(), 0.0
    while lane.size:
        due_s = lane.due_in_s(now_s)
        assert due_s is not None
        now_s += due_s
        piece = lane.pop(now_s)
        lane.put_back(piece[len(piece) // 2 :])
        got += piece[: len(piece) // 2] + lane.pop(now_s)
    assert bytes(got) == data
    assert lane.due_in_s(now_s) is None
    assert now_s == pytest.approx(0.1 + (len(data) / rate if rate else 0.0), abs=0.06)
