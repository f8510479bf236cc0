"""What the agent remembers between its calls, in files that tell when they were changed by anybody else.

``state/generations.json`` is written before and after each switch: the highest number so far, what is current, what is
being switched to, and what was current before. The link ``current`` stays the only pointer; this
says whether it stands where the agent left it.
"""

from __future__ import annotations

import hashlib
import json
import os
from types import MappingProxyType
from typing import Dict, Mapping, NamedTuple, Optional, Set

from ..faults import AgentError
from ..layout import MAX_SEQ, Layout, is_generation_name, read_small, write_whole

NAME = "generations.json"


class Record(NamedTuple):
    """The agent's memory of its generations, by their names."""

    highest_seq: int = 0
    """The highest number that was ever switched to; a rollback doesn't lower it."""
    current: Optional[str] = None
    switching_to: Optional[str] = None
    """Set before the link is renamed, and cleared after it was: in between the link may show either."""
    previous: Optional[str] = None
    """What was current before it: where no consumer ever said what it has loaded, that is the way back."""
    seals: Mapping[str, str] = MappingProxyType({})
    """For each generation the SHA-256 over its manifest and its signature: by it, what nobody signed can't be changed
    unseen either."""


def read_record(layout: Layout) -> Record:
    """Return what was noted last, nothing where there is no cache yet.

    Raises ``state`` where it was tampered with, and where it is missing: it is written before the first generation
    comes to be, so that a record which was lost is never taken for one that says nothing. ``OSError`` passes through.
    """
    path = os.path.join(layout.state, NAME)
    try:
        fields = read_checked(path)
    except FileNotFoundError:
        if _is_untouched(layout):
            return Record()
        raise AgentError("state", "%s is missing, though there are generations" % path) from None
    seq, seals = fields.get("highest_seq", 0), fields.get("seals", {})
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_SEQ:
        raise AgentError("state", "%s: highest_seq is no number of a generation" % path)
    if not isinstance(seals, dict) or not all(map(is_generation_name, seals)):
        raise AgentError("state", "%s: seals is no object of generations" % path)
    current, switching_to, previous = (_name(path, fields, key) for key in ("current", "switching_to", "previous"))
    return Record(seq, current, switching_to, previous, seals)


def record_or_none(layout: Layout) -> Optional[Record]:
    """Return the record, None where it can't be believed: what lies in ``generations`` must then do."""
    try:
        return read_record(layout)
    except (AgentError, OSError):
        return None


def record_to_replace(layout: Layout) -> Record:
    """Return the record where it can be believed, and an empty one where what it said is lost.

    Raises ``state`` where it is there and can't be read: what it says still counts then, and must not be written over.
    """
    try:
        return read_record(layout)
    except AgentError:
        return Record()
    except OSError as error:
        raise AgentError(
            "state",
            "%s can't be read by user id %d: %s. Have the companion's administrator give it back to this account"
            % (os.path.join(layout.state, NAME), os.geteuid(), error.strerror),
        ) from None


def begin_record(layout: Layout) -> None:
    """Note durably that there is nothing yet, where that is so; the folder ``state`` is there."""
    if not os.path.lexists(os.path.join(layout.state, NAME)) and _is_untouched(layout):
        write_record(layout, Record())


def write_record(layout: Layout, record: Record) -> None:
    """Note it durably."""
    write_checked(os.path.join(layout.state, NAME), {**record._asdict(), "seals": dict(record.seals)})


def why_pointer_is_strange(layout: Layout, record: Record) -> Optional[str]:
    """Return why ``current`` can't be as the agent left it, None where it can."""
    try:
        target: Optional[str] = os.readlink(layout.current_link)
    except FileNotFoundError:
        target = None
    except OSError as error:
        return "current is no link: %s" % error
    expected: Set[Optional[str]] = {_target(name) for name in (record.current, record.switching_to) if name}
    if record.current is None:
        # Before the first switch there is no link; and where nothing was ever noted, any will do.
        expected.add(None)
        if record.switching_to is None and record.highest_seq == 0:
            return None
    if target in expected:
        return None
    wanted = " or ".join(sorted(str(name) for name in expected))
    return "current leads to %s, and the agent left it at %s" % (ascii(target), wanted)


def highest_seq(layout: Layout) -> int:
    """Return the highest number that is taken, also by a generation that was never switched to."""
    return max([committed_seq(layout)] + [generation.seq for generation in layout.all_generations()])


def committed_seq(layout: Layout) -> int:
    """Return the highest number that was ever switched to; 0 before the first.

    A power cut between the switch and the noting of it loses nothing: the link itself tells.
    """
    record = record_or_none(layout) or Record()
    current = layout.current()
    return max(record.highest_seq, current.seq if current else 0)


def read_checked(path: str) -> Dict[str, object]:
    """Return the fields of a file that ``write_checked`` wrote. Raises ``state`` where a byte of it was changed."""
    data = read_small(path)
    try:
        fields: Dict[str, object] = json.loads(data.decode("utf-8"))
        said = fields.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise AgentError("state", "%s can't be read: %s: %s" % (path, type(error).__name__, error)) from None
    # The bytes themselves count: another spelling of the same fields is a change, too.
    if said != _sum(fields) or data != _spelled(fields):
        raise AgentError("state", "%s is not what the agent wrote there" % path)
    return fields


def write_checked(path: str, fields: Dict[str, object]) -> None:
    """Write fields with their own checksum, durably, whole or not at all."""
    write_whole(path, _spelled(json.loads(json.dumps(fields))))


def _is_untouched(layout: Layout) -> bool:
    return not layout.all_generations() and not os.path.lexists(layout.current_link)


def _name(path: str, fields: Dict[str, object], key: str) -> Optional[str]:
    name = fields.get(key)
    if name is None or (isinstance(name, str) and is_generation_name(name)):
        return name
    raise AgentError("state", "%s: %s names what can't be a generation" % (path, key))


def _spelled(fields: Dict[str, object]) -> bytes:
    return json.dumps({**fields, "sha256": _sum(fields)}, sort_keys=True).encode("ascii") + b"\n"


def _sum(fields: Dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).hexdigest()


def _target(name: str) -> str:
    return "generations/" + name
