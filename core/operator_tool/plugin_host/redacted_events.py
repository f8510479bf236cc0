"""The redacting exit of events: listeners are other people's code, and are told nothing that holds a secret."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api.events import Event, PhaseProgress, RemoteLine, RunFinished
from operator_tool.redaction import REDACTOR, RedactedStream, Redactor


class RedactedEvents:
    """Turns each event into those that may be told, often itself. One run; one event at a time."""

    def __init__(self, redactor: Redactor = REDACTOR) -> None:
        self._redactor = redactor
        self._lines: dict[str, RedactedStream] = {}
        """What each companion's program writes is one stream."""

    def of(self, event: Event) -> Iterator[Event]:
        """Yield the events that may be told now; a remote line waits for the next while a secret may go on in it."""
        if isinstance(event, RemoteLine):
            lines = self._lines.get(event.companion)
            if lines is None:
                lines = self._lines[event.companion] = self._redactor.stream()
            yield from (RemoteLine(text=text, companion=event.companion) for text in lines.feed(event.text))
            return
        if isinstance(event, RunFinished) and event.companion in self._lines:
            rest = self._lines.pop(event.companion).close()
            yield from (RemoteLine(text=text, companion=event.companion) for text in rest)
        if isinstance(event, PhaseProgress) or not self._redactor.knows_any:
            yield event
            return
        yield msgspec.convert(self._redactor.value(msgspec.to_builtins(event)), type(event))
