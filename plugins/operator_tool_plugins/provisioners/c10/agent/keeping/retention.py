"""What is kept, and why: plain rules over names, without a look at the disk."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..layout import Generation

RECENT = 3
STAGINGS = 3
QUARANTINED = 2

CURRENT, NOTED, GOOD, PREVIOUS, RECENTLY, UNSWITCHED = (
    "current",
    "noted as current",
    "good",
    "current before",
    "recent",
    "built, not switched to",
)


class Known(NamedTuple):
    """What the agent and the consumers have said of the generations, by name."""

    current: Optional[str]
    """What the link leads to."""
    noted: Sequence[str]
    """What the agent's record calls current, or is switching to: the link may have been lost."""
    previous: Optional[str]
    good: Sequence[str]
    """What a consumer has loaded."""
    committed_seq: int
    """The highest number that was ever switched to."""


def why_kept(
    generations: Sequence[Generation], known: Known, pins: Mapping[str, Sequence[str]]
) -> Dict[str, List[str]]:
    """Return for each generation the reasons to keep it; one without any is no longer needed.

    ``pins`` names for a generation those who have pinned it.
    """
    newest_first = sorted(generations, key=lambda one: (one.seq, one.name), reverse=True)
    reasons: Dict[str, List[str]] = {one.name: [] for one in newest_first}
    for name in known.noted:
        _add(reasons, name, NOTED)
    if known.current in reasons:
        reasons[str(known.current)] = [CURRENT]
    last_good = last_good_of(newest_first, known)
    _add(reasons, last_good, GOOD)
    if last_good is None:
        _add(reasons, known.previous, PREVIOUS)
    switched = [one.name for one in newest_first if one.seq <= known.committed_seq]
    for name in [name for name in switched if not reasons[name]][:RECENT]:
        _add(reasons, name, RECENTLY)
    # Nobody waits for any but the newest of those: their builds were given up.
    begun = [one.name for one in newest_first if one.seq > known.committed_seq and not reasons[one.name]]
    _add(reasons, begun[0] if begun else None, UNSWITCHED)
    for name in reasons:
        reasons[name] += ["pinned by " + consumer for consumer in sorted(pins.get(name, ()))]
    return reasons


def last_good_of(newest_first: Sequence[Generation], known: Known) -> Optional[str]:
    """Return the newest generation that a consumer has loaded, other than the current one."""
    return next((one.name for one in newest_first if one.name in known.good and one.name != known.current), None)


def ways_back(generations: Sequence[Generation], known: Known) -> List[Generation]:
    """Return what a rollback that names no number may go to, the best first; all of it older than the current one.

    It is the last good one alone, where there is one; else the one that was current before, alone; else any. Where the
    link was lost, it is what was noted as current.
    """
    newest_first = sorted(generations, key=lambda one: (one.seq, one.name), reverse=True)
    lost = [one for one in newest_first if known.current is None and one.name in known.noted]
    if lost:
        return lost
    below = next((one.seq for one in newest_first if one.name == known.current), known.committed_seq + 1)
    older = [one for one in newest_first if one.seq < below]
    for name in (last_good_of(older, known), known.previous):
        chosen = [one for one in older if one.name == name]
        if chosen:
            return chosen
    return older


def newest(changed_ns: Mapping[str, int], count: int) -> List[str]:
    """Return the names of the most recently changed; by their order alone, since no clock is to be relied on."""
    return sorted(changed_ns, key=lambda name: (changed_ns[name], name), reverse=True)[:count]


def _add(reasons: Dict[str, List[str]], name: Optional[str], reason: str) -> None:
    if name in reasons and not reasons[str(name)]:
        reasons[str(name)].append(reason)
