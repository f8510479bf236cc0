"""What holds for every listener, whatever it does with what it is told."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from operator_tool.api import ConfigError, Event, OperatorToolError, PhaseProgress, RunContext
from operator_tool.plugin_host import listening as telling
from operator_tool.plugin_host.hooks import Hooks
from operator_tool.plugin_host.host import PluginHost

from .in_time import answer_limit_s, note_held_up, one_answer, told_in_words
from .left_open import LeftOpen
from .making import MakeHost, Options
from .plugin_contract import PluginContract
from .said import Said
from .sample_events import a_run, odd_events

MANY_EVENTS = 10_000
MANY_THREADS = 8


class ListenerContract(PluginContract):
    """Checks of a listener: told through the real host, one event after the other.

    Override ``plugin_options``, ``unwritable_options``, and ``written`` where it writes to something else than files
    below ``tmp_path``.
    """

    role: ClassVar[str] = "listener"
    many_events_s: ClassVar[float] = 5.0
    """How long ten thousand events may take: the run waits for each."""
    stops_within_s: ClassVar[float] = 8.0
    """How long the end of a run may take; the host waits 10 s, and then goes without the rest."""

    answers_within_s: ClassVar[float] = telling.HANG_S
    """How long one call may take that a check waits for; a run waits no longer for a listener either."""

    @pytest.fixture(autouse=True)
    def _hangs_soon(self, monkeypatch: pytest.MonkeyPatch, _in_time: None) -> None:
        monkeypatch.setattr(telling, "HANG_S", answer_limit_s())

    @pytest.fixture
    def unwritable_options(self) -> Options | None:
        """Settings that name a target to which nothing can be written; None where it has no target to name."""
        pytest.fail(
            "override the fixture unwritable_options: settings that name a file in no folder, a port that nobody "
            "listens at or the like; None where the plugin's target is no setting"
        )

    @pytest.fixture
    def written(self, tmp_path: Path) -> Callable[[], bytes]:
        """Gives all that the listener has written so far; by default the files below ``tmp_path``."""
        return lambda: b"\n".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())

    @pytest.fixture
    def use(self, make_host: MakeHost, written: Callable[[], bytes]) -> Callable[[Options, RunContext, Said], None]:
        """Start, tell of a run, stop, and look at what was written."""

        def run(options: Options, context: RunContext, said: Said) -> None:
            host = make_host(options, context)
            try:
                host.start_listeners([self.plugin])
                for event in a_run():
                    host.emit(event)
            finally:
                host.stop_listeners()
            said.note("what it wrote", written().decode("utf-8", "replace"))

        return run

    @pytest.fixture
    def started(self, make_host: MakeHost) -> Iterator[PluginHost]:
        """A host whose only listener this is, started; stopped after the test."""
        host = make_host()
        self.start(host)
        try:
            yield host
        finally:
            host.stop_listeners()

    def test_takes_every_kind_of_event(self, started: PluginHost) -> None:
        """A whole run is told without a failure."""
        self.tell(started, a_run())
        self.stop(started)

    def test_takes_runs_for_several_companions(self, started: PluginHost) -> None:
        """The events of three companions come interleaved, each with its companion's name."""
        runs = [a_run(name, run_id=f"run-{name}") for name in ("alpha", "bravo", "charlie with a blank")]
        self.tell(started, [event for together in itertools.zip_longest(*runs) for event in together if event])
        self.stop(started)

    def test_takes_events_in_any_order(self, started: PluginHost) -> None:
        """A run that fails ends in the middle: what belongs together need not come together."""
        events = list(a_run())
        self.tell(started, reversed(events))
        self.tell(started, events[: len(events) // 2])
        self.stop(started)

    def test_takes_events_of_many_threads(self, started: PluginHost) -> None:
        """Downloads, transfers and companions tell from threads of their own; the host lets one in at a time."""
        with listener_failures() as failures:
            names = [f"drone-{number}" for number in range(MANY_THREADS)]
            threads = [threading.Thread(target=_emit_a_run, args=(started, name), daemon=True) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "a thread that told of events never came back"
        assert not failures, f"told from {MANY_THREADS} threads: {failures[0]}"
        self.stop(started)

    def test_takes_odd_texts(self, started: PluginHost) -> None:
        """Controls, half surrogates, markup and a megabyte of text fail nothing: they come from other machines."""
        self.tell(started, odd_events())
        self.stop(started)

    def test_takes_events_without_having_been_started(self, hooks: Hooks) -> None:
        """An event before ``start_listening``, and ``stop_listening`` without it, are harmless."""
        with listener_failures() as failures:
            for event in a_run():
                hooks.emit(event)
            hooks.stop_listening()
        assert not failures, f"told without start_listening: {failures[0]}"

    def test_takes_runs_one_after_the_other(self, make_host: MakeHost) -> None:
        """It starts anew in the same process, with runs, and with one that ended before its first event."""
        for events in (a_run(), (), a_run()):
            host = make_host()
            self.start(host)
            self.tell(host, events)
            self.stop(host)

    def test_leaves_nothing_open(self, make_host: MakeHost) -> None:
        """After ``stop_listening`` no thread, file or socket of the run is left."""
        self._whole_run(make_host())  # what is imported or made once stays
        open_now = LeftOpen()
        for _ in range(3):
            self._whole_run(make_host())
        assert not (left := open_now.since()), f"after stop_listening {', '.join(left[:5])} is left: close it there"

    def test_is_quick(self, started: PluginHost) -> None:
        """Ten thousand events of progress hold no run up."""
        began_s = time.monotonic()
        self.tell(
            started,
            (PhaseProgress(phase="download", done=n, total=MANY_EVENTS, bytes=n * 15_000) for n in range(MANY_EVENTS)),
        )
        took_s = time.monotonic() - began_s
        assert took_s <= self.many_events_s, (
            f"{MANY_EVENTS:,} events took {took_s:.1f} s, and may take {self.many_events_s:g} s: the run waits until "
            "on_event returns; hand what is slow to a thread of your own, through a queue with a bound"
        )

    def test_stops_soon(self, make_host: MakeHost) -> None:
        """The end of a run does not wait long, whatever is still to be written."""
        host = make_host()
        self.start(host)
        self.tell(host, (PhaseProgress(phase="download", done=n, total=None) for n in range(MANY_EVENTS)))
        began_s = time.monotonic()
        self.stop(host)
        took_s = time.monotonic() - began_s
        assert took_s <= self.stops_within_s, (
            f"stop_listening took {took_s:.1f} s, and may take {self.stops_within_s:g} s: give what is left a deadline"
        )

    def test_writes_nothing_to_standard_output(self, make_host: MakeHost, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output is the report's, for whoever parses it."""
        self._whole_run(make_host())
        out = capfd.readouterr().out
        assert not out, f"{out[:200]!r} came on standard output, where --json puts the report: use standard error"

    def test_is_quiet_when_asked(
        self, make_host: MakeHost, context: RunContext, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """With ``context.quiet`` nothing is shown at the terminal."""
        self._whole_run(make_host(None, dataclasses.replace(context, quiet=True)))
        shown = "".join(capfd.readouterr())
        assert not shown, f"{shown[:200]!r} was shown though the operator asked for quiet: look at context.quiet"

    def test_tells_of_a_target_that_can_not_be_written(
        self, make_host: MakeHost, plugin_options: Options, unwritable_options: Options | None
    ) -> None:
        """Either the start refuses it with ``ConfigError``, or it is logged: once or twice, not at every event."""
        if unwritable_options is None:
            return
        host = make_host({**plugin_options, **unwritable_options})
        refused = ""
        with listener_failures() as failures, warnings_logged() as told:
            try:
                host.start_listeners([self.plugin])
            except ConfigError as error:
                if not error.message.strip():
                    pytest.fail("the ConfigError says nothing: name the setting, its value and what is wrong")
                return
            except OperatorToolError as error:
                refused = f"{error.message}. Raise ConfigError from start_listening, and name the setting."
            if refused:
                pytest.fail(refused, pytrace=False)
            for _ in range(10):
                for event in a_run():
                    host.emit(event)
            host.stop_listeners()
        assert not failures, f"with a target that can't be written: {failures[0]}"
        assert told, (
            "its target could not be written, and it says so nowhere: raise ConfigError at the start, or log it"
        )
        assert len(told) <= 3, (
            f"its target could not be written, and it says so {len(told)} times, such as {told[-1]!r}"
        )

    def start(self, host: PluginHost) -> None:
        """Start the listener; fails the test where it doesn't start."""
        with told_in_words(), one_answer():
            host.start_listeners([self.plugin])

    def tell(self, host: PluginHost, events: Iterable[Event]) -> None:
        """Tell of events; fails the test where the listener failed, in its own threads too."""
        with listener_failures() as failures:
            for event in events:
                host.emit(event)
                assert not failures, f"on_event was told of {str(event)[:200]}: {failures[0]}"

    def stop(self, host: PluginHost) -> None:
        """Stop the listener; fails the test where that failed."""
        with listener_failures() as failures:
            host.stop_listeners()
        assert not failures, f"stop_listening was told that no event follows: {failures[0]}"

    def _whole_run(self, host: PluginHost) -> None:
        self.start(host)
        self.tell(host, a_run())
        self.stop(host)


def _emit_a_run(host: PluginHost, companion: str) -> None:
    for event in a_run(companion):
        host.emit(event)


@contextlib.contextmanager
def listener_failures() -> Iterator[list[str]]:
    """Give what the host says of listeners that fail meanwhile, and what their own threads raise."""
    failures: list[str] = []
    before = threading.excepthook
    threading.excepthook = lambda args: failures.append(f"a thread of its own ended with {args.exc_value!r}")
    try:
        with warnings_logged(telling.__name__, failures):
            yield failures
    finally:
        threading.excepthook = before
        if hangs := [failure for failure in failures if "did not come back" in failure]:
            note_held_up(hangs[0].partition(";")[0])


@contextlib.contextmanager
def warnings_logged(name: str = "", told: list[str] | None = None) -> Iterator[list[str]]:
    """Give the messages that are logged as warnings or worse meanwhile."""
    told = [] if told is None else told
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)
