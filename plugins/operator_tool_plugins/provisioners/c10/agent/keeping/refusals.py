"""What was refused, in a log of its own: ``refused.jsonl``. However much is refused, it can't push out what was done.

Like ones in a row are one line, and of those that come fast only some have a line of their own.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from ..faults import AgentError
from ..layout import Layout, boot_id
from .audit import append_to, last_lines, line_of

if TYPE_CHECKING:
    from ..call import Request

NAME = "refused.jsonl"
MAX_BYTES = 1024 * 1024
LINES_A_MINUTE = 10
_MINUTE_S = 60.0
_SAME = ("event", "outcome", "problem", "operator", "from")


def note_failure(verb: str, request: "Request", fault: AgentError) -> None:
    """Note that a call which would have changed something did not, and why; one that only met another is nothing.

    Never raises.
    """
    if fault.code in ("busy", "request"):
        return
    try:
        layout = Layout(request.text("root"))
        who = {name: request.text(name, "") for name in ("run_id", "operator")}
    except AgentError:
        return
    with contextlib.suppress(OSError, ValueError):
        append_to(layout, NAME, MAX_BYTES, lambda last: _merged(last, verb, who, fault))


def last_refusals(layout: Layout, count: int) -> List[Dict[str, object]]:
    """Return the last lines, the oldest first, without what only counts."""
    lines = last_lines(layout, count, NAME)
    return [{name: value for name, value in line.items() if name not in ("begun_s", "lines")} for line in lines]


def _merged(last: Optional[Dict[str, object]], verb: str, who: Dict[str, str], fault: AgentError) -> Tuple[bytes, bool]:
    """Return the line to write, and whether it takes the last one's place."""
    now_s = int(time.monotonic())
    new = json.loads(line_of(verb, {**who, "outcome": fault.code, "problem": fault.message}))
    begun_s, lines = now_s, 0
    if last is not None and last.get("boot_id") == boot_id():
        then_s, number = last.get("begun_s"), last.get("lines")
        if isinstance(then_s, int) and isinstance(number, int) and 0 <= now_s - then_s < _MINUTE_S:
            begun_s, lines = then_s, number
            same = all(new.get(name) == last.get(name) for name in _SAME)
            if same or lines >= LINES_A_MINUTE:
                counted = "times" if same else "others"
                count = last.get(counted)
                last[counted] = (count if isinstance(count, int) else (1 if same else 0)) + 1
                return _line({**last, "last": new["time"]}), True
    return _line({**new, "begun_s": begun_s, "lines": lines + 1}), False


def _line(said: Dict[str, object]) -> bytes:
    return json.dumps(said, ensure_ascii=True).encode("ascii") + b"\n"
