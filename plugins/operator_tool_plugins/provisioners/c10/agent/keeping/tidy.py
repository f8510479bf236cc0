"""``gc``: what nobody needs any more is removed; also done after each switch."""

from __future__ import annotations

import os
import re
from typing import Callable, Dict, List, NamedTuple, Sequence

from ..call import Call
from ..faults import AgentError, as_agent_error
from ..generations.trust import NAME as VERIFIED
from ..guard import BuildLock, patience_of
from ..layout import DATABASE, Layout, is_folder
from .audit import note
from .known import NOBODY_CAN_TELL, kept
from .removal import (
    DOOMED,
    GENERATION,
    GOING,
    LEFTOVER,
    QUARANTINE,
    STAGING,
    Doomed,
    disk_bytes,
    doom,
    leftovers_of,
    names_in,
    put_back_pinned,
    remove_all,
)
from .reports import NAME as REPORTS
from .retention import QUARANTINED, STAGINGS, newest

_KEY = re.compile(r"[0-9a-f]{64}\Z")
_NEW = ".new-"
_SEED = ".seed"
_WRITTEN_WITHOUT_LOCK = (_NEW + REPORTS, _NEW + VERIFIED)
"""Somebody may be about to rename these; the next to write them replaces what is left behind."""


class Plan(NamedTuple):
    """What goes, what stays and why, and what a person should look at."""

    doomed: List[Doomed]
    why: Dict[str, List[str]]
    notes: List[str]


def run(call: Call) -> Dict[str, object]:
    """Tidy, or with ``dry_run`` only say what would be done."""
    request = call.request
    layout = Layout(request.text("root"))
    if not is_folder(layout.root):
        raise AgentError("no_cache", "there is no cache root %s" % layout.root)
    if request.flag("dry_run"):
        plan = look_through(layout)
        return _told(layout, plan, plan.doomed, plan.notes)
    who: Dict[str, object] = {"operator": request.text("operator", ""), "run_id": request.text("run_id")}
    with BuildLock(layout).acquire(patience_of(call, 5.0), {**who, "pid": os.getpid()}) as lock:
        # The disk of a vehicle in flight is the navigation's.
        call.vehicle.begin(layout)
        return _tidy(layout, lock, who, call.vehicle.look)


def tidy(
    layout: Layout, lock: BuildLock, look: Callable[[], None] = lambda: None, doubts: Sequence[str] = ()
) -> Dict[str, object]:
    """Tidy after a switch, and return what was done; never raises: the switch is made, whatever comes of this.

    ``look`` is called before each removal, and may raise. ``doubts`` are why nobody could tell before the switch what
    is in use: no generation goes then.
    """
    try:
        look()
        return _tidy(layout, lock, {}, look, doubts)
    except Exception as error:  # noqa: BLE001 - the switch is made, and must be reported
        problem = as_agent_error(error, layout.root)
        note(layout, "gc", outcome=problem.code, problem=problem.message)
        return {"removed": [], "kept": [], "freed_bytes": 0, "notes": ["tidying failed: " + problem.message]}


def look_through(layout: Layout, doubts: Sequence[str] = ()) -> Plan:
    """Return what tidying would remove now."""
    generations = layout.all_generations()
    why, notes = kept(layout, generations)
    if doubts:
        why = {name: reasons or [NOBODY_CAN_TELL] for name, reasons in why.items()}
        notes = [*doubts, *notes]
    doomed = [doom(GENERATION, one.name, one.path) for one in reversed(generations) if not why[one.name]]
    begun = [name for name in names_in(layout.stagings) if _KEY.match(name)]
    doomed += _older(layout.stagings, STAGING, begun, STAGINGS)
    doomed += _older(layout.quarantine, QUARANTINE, names_in(layout.quarantine), QUARANTINED)
    strange = [name for name in names_in(layout.generations) if name not in why and not name.startswith(_NEW)]
    told = ["generations/%s is no generation, and is let be" % ascii(name)[1:-1] for name in strange]
    return Plan(doomed + _leftovers(layout), why, notes + told)


def _tidy(
    layout: Layout, lock: BuildLock, who: Dict[str, object], look: Callable[[], None], doubts: Sequence[str] = ()
) -> Dict[str, object]:
    lock.check()
    restored = put_back_pinned(layout)
    plan = look_through(layout, doubts)
    done = remove_all(layout, plan.doomed, look)
    if done.gone:
        names = ["%s %s" % (one.kind, one.name) for one in done.gone]
        note(layout, "gc", **who, outcome="done", removed=names, freed_bytes=sum(one.bytes for one in done.gone))
    return _told(layout, look_through(layout, doubts), done.gone, restored + plan.notes + done.notes)


def _told(layout: Layout, plan: Plan, gone: List[Doomed], notes: List[str]) -> Dict[str, object]:
    dropped = {one.name for one in gone if one.kind == GENERATION}
    return {
        "removed": [{"name": one.name, "kind": one.kind, "bytes": one.bytes} for one in gone],
        "freed_bytes": sum(one.bytes for one in gone),
        "kept": [
            {"name": one.name, "seq": one.seq, "bytes": disk_bytes(one.path), "kept_for": plan.why[one.name]}
            for one in layout.all_generations()
            if one.name in plan.why and one.name not in dropped
        ],
        "notes": notes,
    }


def _older(folder: str, kind: str, names: List[str], stay: int) -> List[Doomed]:
    """Return all but the most recently changed of these."""
    spared = newest({name: _changed_ns(os.path.join(folder, name)) for name in names}, stay)
    return [doom(kind, name, os.path.join(folder, name)) for name in names if name not in spared]


def _leftovers(layout: Layout) -> List[Doomed]:
    """Return what an interrupted agent left behind."""
    places = [(layout.stagings, prefix) for prefix in (DOOMED, GOING, _NEW)]
    places += [(folder, _NEW) for folder in (layout.root, layout.state, layout.generations)]
    places += [(os.path.join(layout.stagings, key), _SEED) for key in names_in(layout.stagings) if _KEY.match(key)]
    return [
        doom(LEFTOVER, name, os.path.join(folder, name))
        for folder, prefix in places
        for name in leftovers_of(folder, prefix)
        if name not in _WRITTEN_WITHOUT_LOCK
    ]


def _changed_ns(path: str) -> int:
    """Return when a folder, or the database in it, was changed last."""
    times = [0]
    for one in (path, os.path.join(path, DATABASE)):
        try:
            times.append(os.lstat(one).st_mtime_ns)
        except OSError:
            continue
    return max(times)
