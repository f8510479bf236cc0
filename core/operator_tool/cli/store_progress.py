"""How far a long command is, on standard error when a person looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TOLD_EVERY = 64


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give what is called with how much more is done."""
    if not sys.stderr.isatty():
        yield lambda _more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(what, total=max(total, 1))
        waiting = calls = 0

        def tell(more: int) -> None:
            nonlocal waiting, calls
            waiting += more
            calls += 1
            if calls % _TOLD_EVERY == 0:
                display.advance(task, waiting)
                waiting = 0

        yield tell
