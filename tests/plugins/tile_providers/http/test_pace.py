"""When requests may start, by a clock of the test's own."""

from __future__ import annotations

import pytest

from operator_tool_plugins.tile_providers._http import pace as the_pace
from operator_tool_plugins.tile_providers._http.pace import Pace


def test_without_a_rate_or_a_pause_a_request_may_start_at_once() -> None:
    """Nothing holds it back."""
    pace = Pace(None, 120.0)
    pace.started(100.0)
    assert pace.start_s() <= 100.0


def test_a_rate_spaces_the_starts() -> None:
    """The next one may start a rate's interval later, and a break is not made up for by a burst."""
    pace = Pace(4.0, 120.0)
    pace.started(100.0)
    assert pace.start_s() == 100.25
    pace.started(200.0)
    assert pace.start_s() == 200.25


def test_case_037_a_pause_is_as_long_as_the_server_asks() -> None:
    """Seven seconds are seven seconds."""
    pace = Pace(None, 120.0)
    assert pace.throttled(99.0, 100.0, 7.0)
    assert pace.start_s() == 107.0


def test_case_037_requests_that_were_on_their_way_join_the_pause() -> None:
    """They don't make it longer unless they ask for more, and the budget pays each second once."""
    pace = Pace(None, 10.0)
    assert pace.throttled(99.0, 100.0, 6.0)
    assert pace.throttled(99.5, 100.5, 5.0)
    assert pace.start_s() == 106.0
    assert pace.throttled(99.5, 101.0, 8.0)
    assert pace.start_s() == 109.0
    assert not pace.throttled(110.0, 110.0, 2.0), "one second of the budget was left"


def test_case_037_without_a_wait_that_is_asked_for_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each refusal of a request that was started after the last pause doubles the longest wait."""
    monkeypatch.setattr(the_pace, "_FIRST_BACKOFF_S", 0.05)
    pace = Pace(None, 1e9)
    now_s, waits = 0.0, []
    for _ in range(6):
        assert pace.throttled(now_s, now_s, None)
        waits.append(pace.start_s() - now_s)
        now_s = pace.start_s()
    assert all(0.5 <= later / (0.05 * 2**n) <= 1.0 for n, later in enumerate(waits, start=1))


def test_a_refusing_server_gets_a_little_less_than_it_answered() -> None:
    """And of that more again, slowly, once it answers."""
    pace = Pace(None, 120.0)
    for i in range(1000):
        pace.answered(10.0 + i / 1000)
    assert pace.throttled(11.0, 11.0, 0.0)
    pace.started(20.0)
    eased = 1 / (pace.start_s() - 20.0)
    assert eased == pytest.approx(850, rel=0.02)
    for i in range(850):
        pace.answered(21.0 + i / 850)
    pace.started(30.0)
    assert eased < 1 / (pace.start_s() - 30.0) <= 2 * eased


def test_one_outage_eases_the_rate_once() -> None:
    """However often the server refuses meanwhile: refusals without an answer between them say nothing new."""
    pace = Pace(None, 1e9)
    for i in range(1000):
        pace.answered(10.0 + i / 1000)
    for second in range(20):
        assert pace.throttled(11.0 + second, 11.0 + second, 1.0)
    pace.started(100.0)
    assert 1 / (pace.start_s() - 100.0) == pytest.approx(850, rel=0.02)


def test_an_eased_rate_never_passes_the_rate_that_is_set() -> None:
    """The setting is a promise to who runs the server."""
    pace = Pace(10.0, 120.0)
    pace.throttled(0.0, 0.0, 0.0)
    for i in range(10_000):
        pace.answered(float(i))
    pace.started(20_000.0)
    assert pace.start_s() == pytest.approx(20_000.1)
