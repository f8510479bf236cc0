"""Events that plugins emit are checked before another plugin is told of them."""

from __future__ import annotations

import msgspec

from operator_tool.api.events import Event, RunFinished

MAX_TEXT = 16 * 1024
"""Characters of one text of an event; the rest is cut."""


def checked_event(event: object) -> Event:
    """Return the event, its texts no longer than they may be. Raises ``TypeError`` for what is none, whatever of it."""
    if not isinstance(event, Event):
        raise TypeError(f"it is a {type(event).__qualname__}")
    if isinstance(event, RunFinished):  # the core's own, once a run
        return event
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    for name, value in fields.items():
        if type(value) is str and len(value) > MAX_TEXT:
            fields[name] = f"{value[: MAX_TEXT - 1]}…"
    try:
        return msgspec.convert(fields | {"type": event.__struct_config__.tag}, type(event))
    except msgspec.ValidationError as error:
        raise TypeError(f"of its {type(event).__qualname__}: {error}") from None
