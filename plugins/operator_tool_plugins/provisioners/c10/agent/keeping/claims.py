"""Whether a generation must stay what and where it is: asked here by all that would change, reuse or move one.

What can't be read is not nothing: where the agent's record, the pins or the consumers' reports can't be believed,
every generation stays.
"""

from __future__ import annotations

from typing import List, Optional

from ..faults import AgentError
from ..generations.state import Record, read_record, record_to_replace
from ..layout import Generation, Layout
from .pins import read_pins
from .reports import read_reports


def why_in_use(layout: Layout, generation: Generation) -> Optional[str]:
    """Return why a generation can't be taken out of the way, None where it can."""
    try:
        record = read_record(layout)
        pinned = read_pins(layout).by_generation.get(generation.name)
    except (AgentError, OSError) as error:
        return "nobody can tell what is in use: %s" % _text(error)
    current = layout.current()
    if current == generation or (current is None and record.current == generation.name):
        return "it is current"
    return "it is pinned by %s" % ", ".join(pinned) if pinned else None


def why_not_reusable(layout: Layout, generation: Generation) -> Optional[str]:
    """Return why a generation can't be made a staging folder again, None where it was never switched to."""
    reason = why_in_use(layout, generation)
    if reason is not None:
        return reason
    try:
        record, reports = read_record(layout), read_reports(layout)
    except (AgentError, OSError) as error:
        return "nobody can tell what it was: %s" % _text(error)
    if generation.seq <= record.highest_seq or _was_switched_to(record, generation.name):
        return "it was current before"
    return "a consumer has loaded it" if generation.name in reports.good else None


def doubts(layout: Layout) -> List[str]:
    """Return what keeps the agent from telling what is in use, in words; empty where it can tell."""
    found = []
    for read in (read_record, read_pins, read_reports):
        try:
            read(layout)
        except (AgentError, OSError) as error:
            found.append("no generation is changed or removed while this is so: %s" % _text(error))
    return list(dict.fromkeys(found))


def why_unreadable(layout: Layout) -> List[str]:
    """Return why nothing may be built over what lies here: it is there, and can't be read. A record that was damaged is
    none of it; what it said is lost, and a build notes it anew."""
    try:
        layout.all_generations()
        record_to_replace(layout)
    except AgentError as error:
        return [error.message]
    return []


def _was_switched_to(record: Record, name: str) -> bool:
    """Tell it of one that the link leads or led to; an intent that a crash left behind is none."""
    return name in (record.current, record.previous) or (name in record.seals and name != record.switching_to)


def _text(error: Exception) -> str:
    return error.message if isinstance(error, AgentError) else str(error)
