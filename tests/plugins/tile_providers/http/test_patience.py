"""How long the engine waits, how often it asks again, and when it stops asking."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path

import pytest

from operator_tool.api import Deadline, DownloadError, RunContext, Tile, TileId, Unreachable
from operator_tool_plugins.tile_providers._http import handle
from tests.plugins.tile_providers.http.asking import fetch, provider, wanted
from tests.support.tile_server import JPEG, Answer, Asked, TileServer


@pytest.mark.parametrize("status", [429, 503])
def test_case_037_one_pause_holds_for_all_requests(server: TileServer, status: int) -> None:
    """While the server wants to be left alone nothing starts; then every tile comes."""
    asked_s: list[float] = []

    def busy_at_first(asked: Asked) -> Answer:
        asked_s.append(time.monotonic())
        return Answer(status=status, headers={"Retry-After": "1"}) if asked is server.asked[0] else Answer()

    server.script = busy_at_first
    results = fetch(server.template, wanted(*range(40)), max_connections=4)
    assert [type(result) for result in results] == [Tile] * 40
    waits_s = [later - earlier for earlier, later in itertools.pairwise(asked_s)]
    assert max(waits_s) >= 0.95
    assert waits_s.index(max(waits_s)) < 2 * 4, "what was under way, and what was started before the answer was read"
    assert len(server.asked) == 41


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "-1"}, {"Retry-After": "0"}])
def test_case_037_a_tile_that_is_never_let_pass_is_given_up_after_some_tries(
    server: TileServer, headers: dict[str, str]
) -> None:
    """The server names no wait that makes sense, and gives the others."""
    busy = Answer(status=429, headers=headers)
    server.script = lambda asked: busy if asked.path.startswith("/10/2/") else Answer()
    results = {result.id.x: type(result) for result in fetch(server.template, wanted(*range(5)), max_connections=1)}
    assert results == {x: Unreachable if x == 2 else Tile for x in range(5)}
    assert len(server.asked) == 4 + 12


def test_case_037_a_server_that_lets_nothing_pass_is_given_up_when_the_pauses_are_used_up(server: TileServer) -> None:
    """Without a wait that it names they grow; which setting allows more is said."""
    server.script = lambda _asked: Answer(status=429)
    with pytest.raises(DownloadError, match=r"longer than is left of what xyz\.max_pause_s allows") as caught:
        fetch(server.template, wanted(*range(100)), max_pause_s=0.5)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "retry_after", ["999999", formatdate(time.time() + 5 * 86_400, usegmt=True)], ids=["seconds", "date"]
)
def test_case_037_a_pause_of_days_ends_the_run(server: TileServer, retry_after: str) -> None:
    """Nobody waits for that; the message says how long, and which setting allows more."""
    server.script = lambda _asked: Answer(status=429, headers={"Retry-After": retry_after})
    with pytest.raises(DownloadError, match=r"wait [0-9,]{7} s, beyond what xyz\.max_pause_s allows") as caught:
        fetch(server.template)
    assert caught.value.retryable
    assert len(server.asked) == 1


def test_case_037_pauses_add_up_to_their_budget(server: TileServer) -> None:
    """A server that asks for one short wait after the other is given up when they are too long together."""
    server.script = lambda _asked: Answer(status=429, headers={"Retry-After": "1"})
    with pytest.raises(DownloadError, match="max_pause_s"):
        fetch(server.template, max_pause_s=2.5)
    assert len(server.asked) == 3


@pytest.mark.parametrize("answer", [Answer(status=503), Answer(status=500), Answer(status=429), Answer(raw=b"")])
def test_case_038_what_may_pass_is_tried_again(server: TileServer, answer: Answer) -> None:
    """A burst of errors or resets costs tries, not the tile."""
    server.script = lambda _asked: answer if len(server.asked) <= 3 else Answer()
    assert fetch(server.template) == [Tile(TileId(10, 1, 7), JPEG)]
    assert len(server.asked) == 4


def test_case_038_single_failures_among_answers_end_nothing(server: TileServer) -> None:
    """Each tile has its own tries."""
    times = Counter[str]()

    def fails_three_times(asked: Asked) -> Answer:
        times[asked.path] += 1
        return Answer(status=500) if times[asked.path] <= 3 else Answer()

    server.script = fails_three_times
    assert [type(r) for r in fetch(server.template, wanted(*range(6)), max_connections=1)] == [Tile] * 6


@pytest.mark.parametrize("outage", [Answer(raw=b""), Answer(status=502), Answer(status=504)])
def test_case_038_a_server_that_goes_away_for_a_while_is_waited_for(server: TileServer, outage: Answer) -> None:
    """A link that drops in the field comes back: the whole provider pauses, and no tile is blamed."""
    back_s = float("inf")

    def away_for_a_second(asked: Asked) -> Answer:
        nonlocal back_s
        if len(server.asked) > 20 and asked is server.asked[20]:
            back_s = time.monotonic() + 1.0
        return outage if len(server.asked) > 20 and time.monotonic() < back_s else Answer()

    server.script = away_for_a_second
    results = fetch(server.template, wanted(*range(60)), max_connections=4)
    assert [type(result) for result in results] == [Tile] * 60


def test_case_038_a_server_that_goes_away_for_good_ends_the_run(server: TileServer) -> None:
    """When the pauses have used up their budget; not before, and to be run again."""
    server.script = lambda _asked: Answer(raw=b"") if len(server.asked) > 20 else Answer()
    with pytest.raises(DownloadError, match=r"xyz\.max_pause_s") as caught:
        fetch(server.template, wanted(*range(1000)), max_connections=4, max_pause_s=0.5)
    assert caught.value.retryable


def test_case_038_a_server_that_answers_nothing_but_errors_ends_the_run(server: TileServer) -> None:
    """It is alive, so there is nothing to wait for."""
    server.script = lambda _asked: Answer(status=500) if len(server.asked) > 20 else Answer()
    with pytest.raises(DownloadError, match="HTTP 500; so it went 100 times in a row") as caught:
        fetch(server.template, wanted(*range(1000)), max_connections=4)
    assert caught.value.retryable


def test_case_038_a_server_that_is_gone_ends_the_run() -> None:
    """Nothing listens: after a while of nothing else the run ends, to be run again."""
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 .*24 times in a row") as caught:
        fetch("http://127.0.0.1:9/{z}/{x}/{y}", wanted(*range(1000)), max_connections=1)
    assert caught.value.retryable


def test_case_038_an_unknown_name_is_said_to_be_one() -> None:
    """A name that can't exist (RFC 6761) is not found, and the message says which."""
    (result,) = fetch("http://tiles.invalid/{z}/{x}/{y}")
    assert isinstance(result, Unreachable)
    assert "tiles.invalid" in result.reason


def test_case_038_single_503s_among_answers_slow_nothing_down(server: TileServer) -> None:
    """Bad luck of one request in a hundred is no word of the server's: nothing pauses, and nothing is eased."""
    times = Counter[str]()

    def one_in_a_hundred(asked: Asked) -> Answer:
        times[asked.path] += 1
        return Answer(status=503) if len(server.asked) % 100 == 0 and times[asked.path] == 1 else Answer()

    server.script = one_in_a_hundred
    began_s = time.monotonic()
    results = fetch(server.template, wanted(*range(1000)), max_connections=16)
    with_errors_s = time.monotonic() - began_s
    assert [type(result) for result in results] == [Tile] * 1000
    server.script = lambda _asked: Answer()
    began_s = time.monotonic()
    fetch(server.template, wanted(*range(1000)), max_connections=16)
    assert with_errors_s < 3 * (time.monotonic() - began_s) + 1


def test_case_037_503s_by_the_dozen_are_the_servers_state(server: TileServer) -> None:
    """Then everything pauses, as with 429, and no tile is given up."""
    until_s = time.monotonic() + 1.0
    server.script = lambda _asked: Answer(status=503) if time.monotonic() < until_s else Answer()
    assert [type(r) for r in fetch(server.template, wanted(*range(40)), max_connections=6)] == [Tile] * 40


def test_case_037_a_storm_from_the_first_request_on_is_waited_out(server: TileServer) -> None:
    """No wait is named, or none at all: pauses grow until the server gives."""
    until_s = time.monotonic() + 1.0
    busy = Answer(status=429, headers={"Retry-After": "0"})
    server.script = lambda _asked: busy if time.monotonic() < until_s else Answer()
    assert [type(r) for r in fetch(server.template, wanted(*range(20)), max_connections=6)] == [Tile] * 20


def test_whoever_pulls_may_be_away_for_longer_than_a_request_may_take(
    server: TileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow link to the drone holds up what is read, and no tile is blamed for it."""
    from operator_tool_plugins.tile_providers._http import engine

    monkeypatch.setattr(engine, "WHOLE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(engine, "_ABSENCE_S", 0.2)
    results = []
    for result in provider(server.template, max_connections=4).fetch(wanted(*range(12))):
        results.append(result)
        if len(results) < 6:
            time.sleep(0.7)
    assert [type(result) for result in results] == [Tile] * 12


def test_case_050_a_process_that_can_open_nothing_says_so(server: TileServer) -> None:
    """And what to do about it."""
    program = f"""
        import os, resource
        from tests.plugins.tile_providers.http.asking import fetch
        from operator_tool.api import DownloadError

        fetch({server.template!r})
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            while True:
                os.open("/", os.O_RDONLY)
        except OSError:
            pass
        try:
            fetch({server.template!r})
        except DownloadError as error:
            print(error.message, error.hint)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=100, check=True
    )
    assert "can open no connections" in done.stdout
    assert "ulimit -n" in done.stdout


def test_case_043_a_server_that_drips_is_broken_off(server: TileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under 1 KiB a second is no download, however regularly a byte comes."""
    monkeypatch.setattr(handle, "_LOW_SPEED_S", 1)
    release = threading.Event()
    server.script = lambda _asked: Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\xff\xd8\xff", hold=release
    )
    began_s = time.monotonic()
    try:
        (result,) = fetch(server.template)
    finally:
        release.set()
    assert isinstance(result, Unreachable)
    assert "too slow" in result.reason
    assert time.monotonic() - began_s < 30


def test_case_043_a_whole_request_has_a_deadline(server: TileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that keeps just above the slowest speed is given up too."""
    from operator_tool_plugins.tile_providers._http import engine

    monkeypatch.setattr(engine, "WHOLE_TIMEOUT_S", 0.3)
    release = threading.Event()
    server.script = lambda _asked: Answer(before=lambda: release.wait(60))
    try:
        (result,) = fetch(server.template)
    finally:
        release.set()
    assert isinstance(result, Unreachable)
    assert "too slow" in result.reason


def test_the_deadline_of_the_run_ends_the_stream(server: TileServer) -> None:
    """Whatever the server does meanwhile."""
    release = threading.Event()
    server.script = lambda _asked: Answer(before=lambda: release.wait(60))
    context = RunContext(run_id="r", state_dir=Path("unused"), deadline=Deadline.after(0.3))
    try:
        with pytest.raises(DownloadError, match="deadline"):
            list(provider(server.template, context=context).fetch(wanted(*range(50))))
    finally:
        release.set()


def test_closing_the_stream_does_not_wait_for_a_server_that_hangs(server: TileServer) -> None:
    """A transfer that is running is broken off at once."""
    release, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        release.wait(60)

    server.script = lambda asked: Answer(before=hang) if asked.path.startswith("/10/2/") else Answer()
    stream = provider(server.template, max_connections=2).fetch(wanted(1, 2))
    try:
        assert isinstance(next(stream), Tile)
        assert reached.wait(10)
        start_s = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert time.monotonic() - start_s < 1
    finally:
        release.set()


def test_a_run_that_is_given_up_ends_within_a_second(server: TileServer) -> None:
    """The context's event breaks transfers off and ends the stream."""
    release = threading.Event()
    context = RunContext(run_id="r", state_dir=Path("unused"))
    given_up_s = 0.0

    def give_up() -> None:
        nonlocal given_up_s
        given_up_s = time.monotonic()
        context.cancelled.set()
        release.wait(60)

    server.script = lambda _asked: Answer(before=give_up)
    try:
        assert list(provider(server.template, context=context).fetch(wanted(1, 2))) == []
        assert time.monotonic() - given_up_s < 1
    finally:
        release.set()


def test_case_050_a_process_without_descriptors_goes_on_with_fewer_connections(server: TileServer) -> None:
    """Sixty-four connections are asked for, and the process may open a few: every tile comes all the same."""
    program = f"""
        import resource
        from tests.plugins.tile_providers.http.asking import fetch, wanted
        from operator_tool.api import Tile

        fetch({server.template!r})  # what is imported and opened once, is
        resource.setrlimit(resource.RLIMIT_NOFILE, ({_LOW_DESCRIPTORS}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        results = fetch({server.template!r}, wanted(*range(300)), max_connections=64)
        print(sum(isinstance(result, Tile) for result in results), len(results))
    """
    server.script = _slowly
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.split() == ["300", "300"]


_LOW_DESCRIPTORS = 24


def _slowly(_asked: Asked) -> Answer:
    return Answer(before=lambda: time.sleep(0.02))
