"""Whether anything connects while nothing may: told by Python's own audit events."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator

_watched: dict[int, list[str]] = {}
"""By thread: what was connected to while that thread may not."""


@contextlib.contextmanager
def connections_refused(plugin: str) -> Iterator[None]:
    """Fail the test when this thread connects a socket within the block."""
    _install()
    seen = _watched[threading.get_ident()] = []
    try:
        yield
    finally:
        del _watched[threading.get_ident()]
    assert not seen, f"{plugin} connects to {', '.join(seen)} before it is asked to: do that in connect()"


@functools.cache
def _install() -> None:
    """Hear of connections from now on: an audit hook stays for the life of the process."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and (seen := _watched.get(threading.get_ident())) is not None:
        seen.append(repr(arguments[1]))
