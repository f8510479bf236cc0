"""What is kept, and why: the rules by themselves, over all small histories."""

from __future__ import annotations

import itertools

import pytest

from operator_tool_plugins.provisioners.c10.agent.keeping.retention import Known, newest, ways_back, why_kept
from operator_tool_plugins.provisioners.c10.agent.layout import Generation


def generations(*seqs: int) -> list[Generation]:
    """Return generations of these numbers."""
    return [Generation(name_of(seq), f"/g/{name_of(seq)}", seq, "0" * 12) for seq in seqs]


def name_of(seq: int) -> str:
    """Return the name of one."""
    return f"{seq:08d}-{'0' * 12}"


def known(current: int | None, *, good: tuple[int, ...] = (), previous: int | None = None, top: int = 9) -> Known:
    """Return what was said."""
    return Known(
        current=name_of(current) if current else None,
        noted=[name_of(current)] if current else [],
        previous=name_of(previous) if previous else None,
        good=[name_of(seq) for seq in good],
        committed_seq=top,
    )


def kept(why: dict[str, list[str]]) -> list[int]:
    """Return the numbers that are kept."""
    return sorted(int(name[:8]) for name, reasons in why.items() if reasons)


def test_current_the_last_good_one_and_three_more_are_kept() -> None:
    """The newest loaded one that is not current counts as the last good one; what is older and unneeded goes."""
    why = why_kept(generations(1, 2, 3, 4, 5, 6, 7, 8, 9), known(9, good=(1, 2)), {})
    assert kept(why) == [2, 6, 7, 8, 9]
    assert why[name_of(9)] == ["current"]
    assert why[name_of(2)] == ["good"]
    assert why[name_of(8)] == ["recent"]


def test_where_no_consumer_reported_the_one_that_was_current_before_is_kept() -> None:
    """Also where it is old: an operator had gone back to it."""
    why = why_kept(generations(1, 2, 3, 4, 5, 6), known(6, previous=1, top=6), {})
    assert kept(why) == [1, 3, 4, 5, 6]
    assert why[name_of(1)] == ["current before"]


def test_a_consumer_that_loaded_the_current_one_alone_leaves_the_one_before_it() -> None:
    """A good current one is no way back from itself."""
    why = why_kept(generations(1, 2, 3, 4, 5, 6), known(6, good=(6,), previous=1, top=6), {})
    assert kept(why) == [1, 3, 4, 5, 6]


def test_case_095_what_is_pinned_is_kept_for_whoever_pinned_it() -> None:
    """The pins are named, whatever else keeps it."""
    why = why_kept(generations(*range(1, 10)), known(9), {name_of(1): ["nav", "cam"], name_of(9): ["nav"]})
    assert why[name_of(1)] == ["pinned by cam", "pinned by nav"]
    assert why[name_of(9)] == ["current", "pinned by nav"]


def test_what_was_never_switched_to_is_kept_if_it_is_the_newest() -> None:
    """It takes no recent one's place, and an older one like it was given up."""
    why = why_kept(generations(*range(1, 9)), known(6, top=6), {})
    assert kept(why) == [3, 4, 5, 6, 8]
    assert why[name_of(8)] == ["built, not switched to"]


def test_without_a_link_what_was_noted_as_current_is_kept() -> None:
    """A link that was lost takes no cache with it."""
    lost = known(1)._replace(current=None)
    why = why_kept(generations(*range(1, 10)), lost, {})
    assert kept(why) == [1, 7, 8, 9]
    assert why[name_of(1)] == ["noted as current"]


@pytest.mark.parametrize("previous", [None, 1, 3, 5])
def test_over_all_small_histories_current_good_and_pinned_are_never_without_a_reason(previous: int | None) -> None:
    """For each current one, each set of good ones and each pin; and no more than six are kept without a pin."""
    seqs = range(1, 8)
    for current, pin in itertools.product(seqs, seqs):
        for good in itertools.chain.from_iterable(itertools.combinations(seqs, count) for count in range(3)):
            facts = known(current, good=good, previous=previous, top=7)
            why = why_kept(generations(*seqs), facts, {name_of(pin): ["nav"]})
            needed = {current, pin, *sorted(set(good) - {current})[-1:]}
            assert needed <= set(kept(why)), (current, pin, good)
            assert len(set(kept(why)) - {pin}) <= 5


def test_the_way_back_is_the_last_good_one_that_is_older() -> None:
    """Never a newer one: who goes back twice doesn't come forward to what was bad."""
    seqs = generations(1, 2, 3, 4, 5)
    assert [one.seq for one in ways_back(seqs, known(5, good=(2, 3), top=5))] == [3]
    assert [one.seq for one in ways_back(seqs, known(3, good=(2, 5), previous=5, top=5))] == [2]
    assert [one.seq for one in ways_back(seqs, known(3, previous=5, top=5))] == [2, 1]
    assert [one.seq for one in ways_back(seqs, known(5, previous=2, top=5))] == [2]
    assert [one.seq for one in ways_back(seqs, known(1, top=5))] == []
    assert [one.seq for one in ways_back(seqs, known(None, top=4))] == [4, 3, 2, 1]


def test_the_most_recently_changed_are_told_by_their_order_alone() -> None:
    """A clock that was set back by years changes nothing about it."""
    assert newest({"a": 5, "b": 7, "c": 6, "d": 7}, 3) == ["d", "b", "c"]
    assert newest({"a": 10**19, "b": -4}, 1) == ["a"]
