"""A listener is told in a thread of its own, one event after the other, and disturbs nobody."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from operator_tool.api import Event, Notice
from operator_tool.plugin_host import listening
from operator_tool.plugin_host.checked_events import MAX_TEXT, checked_event
from operator_tool.plugin_host.entry import PluginEntry, Role
from operator_tool.plugin_host.listening import Listener

ENTRY = PluginEntry(role=Role.LISTENER, name="ear", contract=1, distribution="acme-ears", version="1.1", target="ears")


def test_each_event_was_told_when_tell_returns_and_all_by_one_thread() -> None:
    """So that what a display draws stands before the operator is asked something."""
    told: list[tuple[str, str]] = []
    listener = Listener(ENTRY)
    listener.on_event = lambda event: told.append((event.text, threading.current_thread().name))
    listener.stop_listening = lambda: told.append(("stop", threading.current_thread().name))
    for number in range(3):
        listener.tell(Notice(text=str(number)))
        assert told[-1] == (str(number), "listener-ear")
    listener.stop()
    listener.tell(Notice(text="late"))
    listener.stop()
    assert [text for text, _ in told] == ["0", "1", "2", "stop"]
    assert not [thread for thread in threading.enumerate() if thread.name == "listener-ear"]


def test_case_127_a_listener_that_hangs_is_told_nothing_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even that it is over: its thread is not free."""
    monkeypatch.setattr(listening, "HANG_S", 0.1)
    go_on = threading.Event()
    told: list[Event] = []

    def hang(event: Event) -> None:
        told.append(event)
        go_on.wait(60)

    listener = Listener(ENTRY)
    listener.on_event, listener.stop_listening = hang, lambda: told.append(Notice(text="stop"))
    begun_s = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for text in "abc":
            listener.tell(Notice(text=text))
        listener.stop()
    assert time.monotonic() - begun_s < 10
    go_on.set()
    assert told == [Notice(text="a")]
    assert caplog.text.count("'ear' (acme-ears 1.1) did not come back within 0.1 s; it is told nothing more") == 1


def test_case_128_an_event_is_checked_before_it_is_told() -> None:
    """Of the right kind, with texts of the right type that have an end."""
    notice = Notice(text="fine", companion="alpha")
    assert checked_event(notice) == notice
    assert len(checked_event(Notice(text="x" * 10**6)).text) == MAX_TEXT  # type: ignore[union-attr]
    for wrong in ("text", None, Notice(text=7)):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            checked_event(wrong)
