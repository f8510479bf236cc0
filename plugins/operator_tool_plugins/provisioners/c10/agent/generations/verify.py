"""``verify``: the current generation, or all of them, against their manifests; and the agent's own memory of them."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional

from ..call import Call
from ..faults import AgentError
from ..layout import Generation, Layout
from ..reader import why_no_consumer_reads
from .manifest import read_manifest
from .soundness import FULL, QUICK, find_problem, sample_problem
from .state import committed_seq, read_checked, read_record, why_pointer_is_strange
from .trust import look, note_verified

MAX_SAMPLE = 1_000_000


def run(call: Call) -> Dict[str, object]:
    """Verify what is asked for; whatever is not as it was built is an error that names it."""
    request = call.request
    layout = Layout(request.text("root"))
    how = request.text("how", FULL)
    if how not in (QUICK, FULL):
        raise AgentError("request", "how: expected %s or %s" % (QUICK, FULL))
    pictures = min(request.number("sample", 0), MAX_SAMPLE)
    if how == FULL or pictures:
        # The disk of a vehicle in flight is the navigation's.
        call.vehicle.begin(layout)
    current = layout.current()
    problems = memory_problems(layout)
    problems += [{"code": "consumer", "problem": reason} for reason in why_no_consumer_reads(layout)]
    asked = [current] if current else []
    if request.flag("all"):
        # What was never switched to is the next build's, and is verified by it.
        committed = committed_seq(layout)
        asked = [generation for generation in layout.all_generations() if generation.seq <= committed]
    if current is None and not problems:
        raise AgentError("no_cache", "there is no current generation under %s" % layout.root)
    generations = [_verified(call, layout, generation, how, pictures) for generation in asked]
    problems += [said for said in generations if not said["ok"]]
    fields: Dict[str, object] = {"generation": current.name if current else None, "generations": generations}
    if problems:
        first = problems[0]
        raise AgentError(str(first["code"]), _told(first), {**fields, "problems": problems})
    return fields


def memory_problems(layout: Layout) -> List[Dict[str, object]]:
    """Return what is wrong with the link ``current`` and with the agent's own files, each with its code."""
    problems: List[Dict[str, object]] = []
    for name in sorted(_names(layout.state)):
        if name.endswith(".json") and not name.startswith("."):
            problem = _problem_of(lambda path: read_checked(path), os.path.join(layout.state, name))
            problems += [{"code": "state", "problem": problem}] if problem else []
    try:
        pointer = why_pointer_is_strange(layout, read_record(layout))
    except AgentError as error:
        said: Dict[str, object] = {"code": "state", "problem": error.message}
        return problems if said in problems else [*problems, said]
    except OSError:
        # It is among the problems of the files already.
        return problems
    if pointer is None and os.path.lexists(layout.current_link) and layout.current() is None:
        pointer = "current leads to no generation"
    return problems + ([{"code": "pointer", "problem": pointer}] if pointer else [])


def progress(call: Call, total: Optional[int]) -> Callable[[int], None]:
    """Return what tells the workstation of each step, and asks now and then whether the vehicle is armed."""

    def tick(done: int) -> None:
        call.vehicle.look()
        call.outlet.event("progress", done=done, total=total)

    return tick


def _verified(call: Call, layout: Layout, generation: Generation, how: str, pictures: int) -> Dict[str, object]:
    seen = look(generation.path)
    problem = find_problem(layout, generation, how, progress(call, None)) or sample_problem(
        generation, pictures, call.vehicle.look
    )
    if problem is None and how == FULL and generation == layout.current():
        note_verified(layout, generation.name, seen)
    return {
        **_said(generation),
        "name": generation.name,
        "how": how + (" and %d pictures" % pictures if pictures else ""),
        "ok": problem is None,
        "code": problem.code if problem else "",
        "problem": problem.message if problem else "",
        "problems": problem.details.get("problems", []) if problem else [],
    }


def _said(generation: Generation) -> Dict[str, object]:
    """Return what its manifest says of a generation, as far as it can be read."""
    try:
        manifest = read_manifest(generation.path)
    except AgentError:
        return {}
    names = ("content_key", "seq", "run_id", "tiles", "bytes", "tiles_digest")
    return {name: getattr(manifest, name) for name in names}


def _told(problem: Dict[str, object]) -> str:
    name = problem.get("name")
    return "%s: %s" % (name, problem["problem"]) if name else str(problem["problem"])


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _problem_of(read: Callable[[str], object], path: str) -> Optional[str]:
    try:
        read(path)
    except AgentError as error:
        return error.message
    except OSError as error:
        return "%s can't be read: %s" % (path, error)
    return None
