"""What a plugin is given of the run that it takes part in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .deadline import Deadline
from .events import Event


def _as_they_come(line: str | None) -> Sequence[str]:
    """Return each line as it is given, of a run without secrets."""
    return () if line is None else (line,)


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """One run, as a plugin sees it."""

    run_id: str
    state_dir: Path
    """A folder of this plugin's own on the workstation; it may not exist yet."""
    user_agent: str = "operator-tool"
    quiet: bool = False
    """The operator asked for the report and errors only; for a listener that shows things."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set when the run is being given up: stop within a second, and leave nothing half done."""
    deadline: Deadline = field(default_factory=Deadline.never)
    """The deadline of the whole run; no wait may go beyond it."""
    emit: Callable[[Event], None] = lambda _event: None
    """Tell the listeners of an event; may be called from any thread."""
    redact: Callable[[str], str] = lambda text: text
    """Return a text with every secret of this run replaced, in whatever form it stands there; for what a plugin writes
    where the tool's own exits don't stand between: a file of its own, another service."""
    redacted_lines: Callable[[], Callable[[str | None], Sequence[str]]] = lambda: _as_they_come
    """Begin a stream of lines for the same purpose, in which a secret that is split over lines is found, too.

    Give the returned function each line, and None after the last, and write what it returns: in the end as many lines
    as it was given, in their order. A line waits for the next one only where a secret may begin at its end."""
    companion: str = ""
    """Which companion of the configuration a transport or a provisioner is made for; empty where none is named."""
    trust_dir: Path | None = None
    """A folder of the workstation that transports share: what the operator has confirmed, such as pinned host keys.
    It may not exist yet; None where there is none, and then nothing is pinned."""
    ask_secret: Callable[[str], str] | None = None
    """Ask the operator for a secret, such as a key's passphrase, and return what was typed, which may be empty; None
    where nobody sits at a terminal: then fail and say what to do instead."""
