"""``consumer``: how the navigation stack, on this very machine, tells what came of loading a cache, and pins one.

It is no part of the protocol, and no gate leads here: ``c10-agent.pyz consumer ROOT loaded|failed [GENERATION]``, and
``... pin|unpin CONSUMER``. Each answers with one line of JSON, and exit status 0 where it was done.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Callable, Dict, List, Optional

from ..faults import AgentError, as_agent_error
from ..generations.trust import note_verified
from ..guard import BuildLock, Patience
from ..layout import Generation, Layout, is_folder, make_folder, sync_folder
from .audit import note
from .known import known_or_little
from .reports import Reports, read_reports, reporting, write_reports
from .retention import last_good_of

FAILURES = 3
"""So many failed loads in a row, of a generation that was never loaded well, have the last good one come back."""
EXIT_FAILED, EXIT_USAGE = 1, 64
_LOCK_WAIT_S = 5.0
_PIN_TRIES = 10
_CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_USAGE = "give ROOT loaded [GENERATION], ROOT failed [GENERATION], ROOT pin CONSUMER, or ROOT unpin CONSUMER\n"


def main(argv: List[str]) -> int:
    """Do what the words say, print one line, and return the exit status."""
    verb = argv[1] if len(argv) > 1 else ""
    if verb not in _VERBS or len(argv) > 3 or (len(argv) == 3) < (verb in ("pin", "unpin")):
        sys.stderr.write("c10 agent consumer: " + _USAGE)
        return EXIT_USAGE
    root = argv[0]
    try:
        said = _VERBS[verb](_layout(root), argv[2] if len(argv) > 2 else "")
    except Exception as error:  # noqa: BLE001 - the answer is one line, whatever went wrong
        fault = as_agent_error(error, os.path.expanduser(root) or "/")
        said = {"ok": False, "code": fault.code, "message": fault.message + _whose(error, root)}
    sys.stdout.write(json.dumps(said, sort_keys=True) + "\n")
    return 0 if said["ok"] else EXIT_FAILED


def _whose(error: Exception, root: str) -> str:
    """Return what to do where another account than that of the caches asks."""
    try:
        owner = os.stat(os.path.expanduser(root)).st_uid
    except OSError:
        return ""
    if not isinstance(error, PermissionError) or owner == os.geteuid():
        return ""
    return (
        ": run it as the account that the caches belong to (sudo -u '#%d'); for pins, give yours the folder pins"
        % owner
    )


def loaded(layout: Layout, name: str) -> Dict[str, object]:
    """Note that a generation was loaded well: it is kept, and what comes after it may fall back to it."""
    generation = _named(layout, name)
    with reporting(layout):
        before = _reports(layout)
        after = before.loaded(generation.name)
        if after != before:
            write_reports(layout, after)
            note(layout, "loaded", generation=generation.name, seq=generation.seq, outcome="good")
    return {"ok": True, "generation": generation.name}


def failed(layout: Layout, name: str) -> Dict[str, object]:
    """Note that a generation could not be loaded; where that is often enough, have the last good one come back."""
    generation = _named(layout, name)
    with reporting(layout):
        reports = _reports(layout).not_loaded(generation.name)
        write_reports(layout, reports)
    count = reports.failures(generation.name)
    was_good = generation.name in reports.good
    note(layout, "not loaded", generation=generation.name, seq=generation.seq, failures=count, was_good=was_good)
    said: Dict[str, object] = {"ok": True, "generation": generation.name, "failures": count, "fell_back_to": None}
    if count < FAILURES or was_good or layout.current() != generation:
        return said
    return {**said, "fell_back_to": _fall_back(layout, generation)}


def pin(layout: Layout, consumer: str) -> Dict[str, object]:
    """Pin the current generation for a consumer, in place of what it had pinned; then it can't go while it is open."""
    path = _pin_path(layout, consumer)
    make_folder(layout.pins)
    for _ in range(_PIN_TRIES):
        generation = layout.current()
        if generation is None:
            raise AgentError("no_cache", "there is no current generation under %s" % layout.root)
        temporary = os.path.join(layout.pins, ".new-%s-%d" % (consumer, os.getpid()))
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink("../generations/" + generation.name, temporary)
        os.replace(temporary, path)
        sync_folder(layout.pins)
        # Whoever tidies looks at the pins after it took a generation away: one of us sees the other.
        if is_folder(generation.path):
            return {"ok": True, "consumer": consumer, "generation": generation.name, "path": generation.path}
    raise AgentError("pins", "the current generation went each time that it was pinned")


def unpin(layout: Layout, consumer: str) -> Dict[str, object]:
    """Take a consumer's pin away; where it has none, that is fine."""
    path = _pin_path(layout, consumer)
    if os.path.lexists(path):
        os.unlink(path)
        sync_folder(layout.pins)
    return {"ok": True, "consumer": consumer}


def _fall_back(layout: Layout, bad: Generation) -> Optional[str]:
    """Switch to the last good generation, and return its name; None where there is none.

    Nobody is asked whether the vehicle is armed: it is the vehicle's own act, for its own sake. It has no map as it is,
    and what keeps operators from changing a map in flight must not keep it from having one.
    """
    # SQLite and the signatures take their time to import; who reports that all is well needs neither.
    from ..building.publish import switch_to
    from .rollback import first_sound

    patience = Patience(_LOCK_WAIT_S, "", 0.0, lambda _holder: None)
    with BuildLock(layout).acquire(patience, {"operator": "consumer", "pid": os.getpid()}) as lock:
        if layout.current() != bad:
            return None
        known = known_or_little(layout)
        name = last_good_of(layout.all_generations(), known)
        candidates = [one for one in layout.all_generations() if one.name == name]
        told: Dict[str, object] = {"previous_generation": bad.name, "reason": "%d failed loads" % FAILURES}
        if not candidates:
            note(layout, "fallback", **told, outcome="no generation was ever loaded well: nothing was switched")
            return None
        try:
            proven, _manifest = first_sound(layout, candidates, lambda _bytes: None, operator="consumer")
        except AgentError as error:
            note(layout, "fallback", **told, outcome=error.code, problem=error.message)
            raise
        lock.check()
        switch_to(layout, proven)
        generation = proven.generation
        note_verified(layout, generation.name, proven.seen)
        note(layout, "fallback", **told, generation=generation.name, seq=generation.seq, outcome="done")
        return generation.name


def _layout(root: str) -> Layout:
    layout = Layout(root)
    if not is_folder(layout.generations):
        raise AgentError("no_cache", "there is no cache under %s" % layout.root)
    return layout


def _named(layout: Layout, name: str) -> Generation:
    current = layout.current()
    if not name:
        if current is None:
            raise AgentError("no_cache", "there is no current generation under %s" % layout.root)
        return current
    for generation in layout.all_generations():
        if generation.name == name:
            return generation
    raise AgentError("request", "there is no generation %s" % ascii(name)[:100])


def _reports(layout: Layout) -> Reports:
    """Return what was said before; what can't be believed is forgotten, and that is told."""
    try:
        return read_reports(layout)
    except AgentError as error:
        note(layout, "state", outcome="what consumers had said was forgotten", problem=error.message)
        return Reports()


def _pin_path(layout: Layout, consumer: str) -> str:
    if not _CONSUMER.match(consumer):
        raise AgentError("request", "a consumer's name is of letters, digits, dots, dashes and underscores")
    return os.path.join(layout.pins, consumer)


_VERBS: Dict[str, Callable[[Layout, str], Dict[str, object]]] = {
    "loaded": loaded,
    "failed": failed,
    "pin": pin,
    "unpin": unpin,
}
