"""Tells one listener of events, in a thread of its own: it can't disturb the run, whatever it does or doesn't do."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from operator_tool.api.events import Event

from .blame import words_of
from .endings import ENDINGS
from .entry import PluginEntry

HANG_S = 10.0
"""How long a run waits for a listener that was told of an event; then that listener is told nothing more."""
_PATIENCE = 3

_log = logging.getLogger(__name__)
_told_here = threading.local()


def is_told_here() -> bool:
    """Whether the calling thread is that of a listener, which is being told of an event."""
    return getattr(_told_here, "yes", False)


class Listener:
    """One listener. ``tell`` waits until it has come back, so that what it draws is there before the run goes on.

    After three failures, or once it has not come back for ``HANG_S``, it is told nothing more. Asked by one thread at a
    time.
    """

    def __init__(self, entry: PluginEntry) -> None:
        self.entry = entry
        # Callers that ask this listener alone; made anew with each registration: they leave out those known by then.
        self.on_event: Callable[..., object] = _say_nothing
        self.stop_listening: Callable[..., object] = _say_nothing
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._hangs = False
        self._stopped = False

    def tell(self, event: Event) -> None:
        """Tell of one event."""
        if self._failures < _PATIENCE and not self._stopped:
            self._do(self.on_event, {"event": event})

    def stop(self) -> None:
        """Tell that no event will follow; again is harmless."""
        if self._stopped:
            return
        self._stopped = True
        self._do(self.stop_listening, {})
        self._calls.put(None)
        if self._thread is not None and not self._hangs:
            self._thread.join(HANG_S)

    def _do(self, function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
        if self._hangs:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"listener-{self.entry.name}", daemon=True)
            self._thread.start()
        call = _Call(function, arguments)
        self._calls.put(call)
        if not call.done.acquire(timeout=HANG_S):
            self._hangs = True
            _log.warning("%s did not come back within %g s; it is told nothing more", self.entry.owner, HANG_S)

    def _work(self) -> None:
        _told_here.yes = True
        while (call := self._calls.get()) is not None:
            try:
                call.function(**call.arguments)
            except (Exception, *ENDINGS) as error:  # noqa: BLE001 - a listener never disturbs the run, whatever it does
                self._failures += 1
                silenced = "; it is told nothing more" if self._failures == _PATIENCE else ""
                _log.warning("%s failed: %s%s", self.entry.owner, words_of(error), silenced)
            finally:
                call.done.release()


class _Call:
    """One call, and a lock that is free once it is over."""

    def __init__(self, function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.done = threading.Lock()
        self.done.acquire()


def _say_nothing(**_arguments: object) -> None:
    """Stand in until the first registration is over."""
