"""What the agent and the consumers have said of the generations, gathered for the rules of retention."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from ..faults import AgentError
from ..generations.state import Record, committed_seq, read_record
from ..layout import Generation, Layout
from .pins import Pins, read_pins
from .reports import Reports, read_reports
from .retention import Known, why_kept

NOBODY_CAN_TELL = "nobody can tell"


class Kept(NamedTuple):
    """The generations, and why each is kept."""

    why: Dict[str, List[str]]
    """The reasons by name; a generation without any is no longer needed."""
    notes: List[str]
    """What should be looked at by a person."""


def known(layout: Layout) -> Known:
    """Return what was said. Raises ``state`` where it can't be believed."""
    return _known(layout, read_record(layout), read_reports(layout))


def known_or_little(layout: Layout) -> Known:
    """Return what was said, as far as it can be believed: who goes back looks at what lies there, too."""
    try:
        record = read_record(layout)
    except (AgentError, OSError):
        record = Record()
    try:
        reports = read_reports(layout)
    except (AgentError, OSError):
        reports = Reports()
    return _known(layout, record, reports)


def kept(layout: Layout, generations: List[Generation]) -> Kept:
    """Return why each generation is kept. Where what was said, or the pins, can't be believed, each one is."""
    try:
        pins: Pins = read_pins(layout)
        return Kept(why_kept(generations, known(layout), pins.by_generation), pins.strange)
    except (AgentError, OSError) as error:
        why = error.message if isinstance(error, AgentError) else str(error)
        said = "no generation is removed while this is so: " + why
        return Kept({one.name: [NOBODY_CAN_TELL] for one in generations}, [said])


def _known(layout: Layout, record: Record, reports: Reports) -> Known:
    current: Optional[Generation] = layout.current()
    noted = [name for name in (record.current, record.switching_to) if name is not None]
    return Known(
        current=current.name if current else None,
        noted=noted,
        previous=record.previous,
        good=reports.good,
        committed_seq=committed_seq(layout),
    )
