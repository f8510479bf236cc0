"""A state that a power cut left, whole as it would be found, and the same run again on it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from operator_tool_plugins.provisioners.c10.agent.generations.soundness import FULL, find_problem
from operator_tool_plugins.provisioners.c10.agent.generations.verify import memory_problems
from operator_tool_plugins.provisioners.c10.agent.layout import Layout

from .enumerate import State, drawn
from .injection import is_locked
from .judge import CACHE
from .model import Model
from .operations import FILE
from .protocols import Recorded
from .trees import write_down


def drawn_states(recorded: Recorded, model: Model, count: int, *, seed: int = 0) -> list[State]:
    """Return so many whole states, no two of them alike."""
    found: dict[object, State] = {}
    for attempt in range(20 * count):
        state = drawn(recorded.recording, model, seed + attempt)
        names = ((path, one.kind, hashlib.sha256(one.content).digest()) for path, one in state.tree.items())
        found.setdefault(frozenset(names), state)
        if len(found) == count:
            break
    return list(found.values())


def problems_of_rerun(recorded: Recorded, state: State, folder: Path) -> list[str]:
    """Do the same again on a state, and return what does not hold then, in words."""
    write_down(state.tree, folder)
    root = folder / CACHE
    report = recorded.protocol.again(recorded.bench, root)
    found = [] if report["ok"] else [f"it failed: {report}"]
    layout = Layout(str(root))
    current = layout.current()
    key = (recorded.expected.new or "").partition("-")[2]
    if key != (current.key_prefix if current else ""):
        found.append(f"current is {current.name if current else None}")
    elif current and (problem := find_problem(layout, current, FULL)):
        found.append(f"current is not whole: {problem}")
    found += [f"the agent's memory: {one['problem']}" for one in memory_problems(layout)]
    if is_locked(root / "lock"):
        found.append("the lock is held")
    shutil.rmtree(folder)
    return found


def listing(state: State) -> list[str]:
    """Return the paths of a state with their sizes, for whoever looks into one that is bad."""
    return [f"{path} {len(one.content) if one.kind == FILE else one.kind}" for path, one in sorted(state.tree.items())]
