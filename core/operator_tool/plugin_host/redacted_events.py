"""The redacting exit of events: listeners are other people's code, and are told nothing that holds a secret."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api.events import Event, PhaseProgress, RemoteLine, RunFinished
from operator_tool.redaction import REDACTOR, Redactor


class RedactedEvents:
    """Turns each event into those that may be told, often itself. One run; one event at a time."""

    def __init__(self, redactor: Redactor = REDACTOR) -> None:
        self._redactor = redactor
        self._lines = redactor.stream()

    def of(self, event: Event) -> Iterator[Event]:
        """Yield the events that may be told now; a remote line waits for the next while a secret may go on in it."""
        if isinstance(event, RemoteLine):
            yield from (RemoteLine(text=text) for text in self._lines.feed(event.text))
            return
        if isinstance(event, RunFinished):
            yield from (RemoteLine(text=text) for text in self._lines.close())
        if isinstance(event, PhaseProgress) or not self._redactor.knows_any:
            yield event
            return
        yield msgspec.convert(self._redactor.value(msgspec.to_builtins(event)), type(event))
