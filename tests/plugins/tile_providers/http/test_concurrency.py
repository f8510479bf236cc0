"""How many requests run at once, by a clock and a server of the test's own."""

from __future__ import annotations

from collections.abc import Callable

from operator_tool_plugins.tile_providers._http.concurrency import Concurrency


def run(concurrency: Concurrency, latency_s: Callable[[int], float], *, requests: int, now_s: float = 0.0) -> float:
    """Let requests come and go, as many at once as may be; the latency is the server's at that number."""
    for _ in range(requests):
        at_once = concurrency.limit
        latency = latency_s(at_once)
        now_s += latency / at_once
        concurrency.finished(now_s - latency, now_s)
    return now_s


def test_a_server_that_keeps_up_gets_all_that_is_allowed() -> None:
    """A constant latency is no sign of load, however long it is."""
    concurrency = Concurrency(64)
    run(concurrency, lambda _n: 0.5, requests=5_000)
    assert concurrency.limit == 64


def test_a_server_that_slows_down_gets_fewer() -> None:
    """Beyond four at once this one only queues, and soon worse than that."""
    concurrency = Concurrency(64)
    now_s = run(concurrency, lambda _n: 0.05, requests=1_000)
    run(concurrency, lambda n: 0.05 * max(1.0, n / 4) ** 1.5, requests=20_000, now_s=now_s)
    assert concurrency.limit < 32


def test_a_server_that_becomes_slow_by_itself_gets_all_that_is_allowed_again() -> None:
    """Answers from a cache came at once, those from behind it don't: that is no load, and fewer would help nobody."""
    concurrency = Concurrency(16)
    now_s = run(concurrency, lambda _n: 0.005, requests=500)
    now_s = run(concurrency, lambda _n: 0.3, requests=500, now_s=now_s)
    assert concurrency.limit == 16
    run(concurrency, lambda n: 0.3 * n, requests=2_000, now_s=now_s)
    assert concurrency.limit < 6


def test_overload_halves_it_once_for_requests_of_one_moment() -> None:
    """Sixty-four refusals that come together are one sign."""
    concurrency = Concurrency(64)
    for i in range(64):
        concurrency.overloaded(began_s=9.0, now_s=10.0 + i / 1000)
    assert concurrency.limit == 32
    concurrency.overloaded(began_s=11.0, now_s=12.0)
    assert concurrency.limit == 16


def test_it_grows_again_when_the_server_recovers_and_never_ends_at_none() -> None:
    """One request always runs; each good window allows one more."""
    concurrency = Concurrency(8)
    for i in range(20):
        concurrency.overloaded(began_s=i + 0.5, now_s=i + 0.6)
    assert concurrency.limit == 1
    run(concurrency, lambda _n: 0.02, requests=1_000, now_s=100.0)
    assert concurrency.limit == 8
