"""Whose cache a build replaces: said before anything is fetched, and refused where it is young and another's."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from operator_tool.api import CacheOrder, CompanionSession, CompanionState, CurrentCache, Notice, NotReadyError
from operator_tool.build_cache.lock import operator_name
from operator_tool.build_cache.replacing import age_of, replaced_cache_words
from tests.support.bench import REQUEST, Bench
from tests.support.memory import FLIGHT, MemoryProvisioner

NOW_S = 1_800_000_000
OWN = operator_name()


class Held(MemoryProvisioner):
    """A companion that holds somebody's cache, and says whose."""

    def __init__(self, current: CurrentCache | None) -> None:
        super().__init__()
        self.current = "00000007-held"
        self._held = current
        self.replaced: list[str | None] = []

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        state = super().prepare(session, order)
        return msgspec.structs.replace(state, current=self._held) if self.current == "00000007-held" else state

    def transfer(self, session, order, tiles):  # type: ignore[no-untyped-def]
        self.replaced.append(order.replaces)
        return super().transfer(session, order, tiles)


def cache(*, flight_id: str = "other", operator: str = OWN, age_s: float | None = 60.0) -> CurrentCache:
    """Return what a cache says of itself, so many seconds after it was built."""
    created_at = None if age_s is None else int(NOW_S - age_s)
    return CurrentCache(content_key="k", flight_id=flight_id, operator=operator, created_at=created_at)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operator_tool.build_cache.replacing.time.time", lambda: float(NOW_S))


@pytest.mark.parametrize(
    "held",
    [
        cache(),
        cache(flight_id=FLIGHT.id, operator="ben@truck"),
        cache(age_s=None),
        cache(age_s=-3600.0),
        cache(age_s=29 * 60),
        CurrentCache(),
    ],
    ids=["another flight", "another operator", "no date", "a date after now", "29 min", "nothing known"],
)
def test_a_young_cache_of_another_is_refused_before_anything_is_fetched(tmp_path: Path, held: CurrentCache) -> None:
    """31 with no tile asked for and none sent; a date that is missing, or after now, makes none old."""
    bench = Bench(tmp_path)
    bench.provisioner = Held(held)

    report = bench.build()

    assert (report.exit_code, report.companion and report.companion.generation_after) == (31, "00000007-held")
    assert bench.providers[0][1].asked == []
    assert not bench.provisioner.pictures
    assert "00000007-held" in report.message
    assert (held.operator or "unknown operator") in report.message
    assert "--replace" in report.remediation
    bench.assert_all_is_free()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (cache(flight_id=FLIGHT.id), False),
        (cache(age_s=31 * 60), True),
        (cache(flight_id=FLIGHT.id, operator="ben@truck", age_s=31 * 60), True),
        (None, True),
    ],
    ids=["own, same flight", "old enough", "another's, old enough", "a provisioner that does not say"],
)
def test_what_may_be_replaced_is_replaced_and_said(tmp_path: Path, held: CurrentCache | None, said: bool) -> None:
    """Own caches of the same flight without a word; the others are named first. The order names what it replaces."""
    bench = Bench(tmp_path)
    bench.provisioner = companion = Held(held)

    report = bench.build()

    assert report.exit_code == 0
    told = [event.text for event in bench.events if isinstance(event, Notice) and "00000007-held" in event.text]
    assert bool(told) == said == any("00000007-held" in note for note in report.notes)
    assert companion.replaced == ["00000007-held"]


def test_replace_and_replace_after_are_the_operators_word(tmp_path: Path) -> None:
    """Each alone lets the same build through; a dry run is refused as the build would be."""
    bench = Bench(tmp_path)
    bench.provisioner = Held(cache())
    assert bench.build(msgspec.structs.replace(REQUEST, dry_run=True)).exit_code == 31
    for change in ({"replace": True}, {"replace_after_s": 59.0}):
        bench.provisioner = Held(cache())
        assert bench.build(msgspec.structs.replace(REQUEST, **change)).exit_code == 0


def test_a_companion_without_a_cache_replaces_nothing(tmp_path: Path) -> None:
    """The order says that none is current, so that one which appears meanwhile is not replaced."""
    bench = Bench(tmp_path)
    order = bench.orchestrator()._order(bench.orchestrator().plan(REQUEST), dry_run=False)
    state = CompanionState(companion_id="c", agent_version="1")
    assert replaced_cache_words(state, order, REQUEST) == ""
    with pytest.raises(NotReadyError):
        replaced_cache_words(
            msgspec.structs.replace(state, generation="g", current=cache()), order, REQUEST, now_s=NOW_S
        )


def test_a_cache_from_after_now_has_no_age() -> None:
    """Neither a negative one nor none; one from before has."""
    assert age_of(cache(age_s=-1.0), now_s=NOW_S) is None
    assert age_of(cache(age_s=90.0), now_s=NOW_S) == 90.0
