"""The ways to end this process that a plugin does not have: ``os._exit`` and the ``os.exec`` family.

They leave no report, free nothing in order, and can look like success. While they are kept from plugins they raise in
this process; a child that somebody forks has the real ones, since it is what a child ends with.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("_exit", "execv", "execve")
"""The others of the family call these."""
_real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _NAMES}
_depth = 0
_changing = threading.Lock()


class EndedByPluginError(BaseException):
    """Raised in place of what would have ended the process."""


class Unending(BaseException):
    """Raised in the main thread in a plugin's call that has taken longer than it may."""


ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit, EndedByPluginError)
"""What a plugin may raise that would pass every ``except Exception`` and end the command, perhaps as a success."""


@contextmanager
def kept_from_plugins() -> Iterator[None]:
    """Keep them while the block runs."""
    keep()
    try:
        yield
    finally:
        _give_back()


def keep() -> None:
    """Keep them from now on: in a command's own process also from what its plugins leave to the interpreter's end."""
    global _depth
    with _changing:
        _depth += 1
        if _depth == 1:
            for name in _NAMES:
                setattr(os, name, _kept(name, os.getpid()))


def keep_in_child() -> None:
    """Keep them in this forked child, too, which runs plugins' code as its parent does."""
    global _depth
    _depth = 0
    keep()


def _give_back() -> None:
    global _depth
    with _changing:
        _depth -= 1
        if _depth == 0:
            for name, real in _real.items():
                setattr(os, name, real)


def _kept(name: str, process: int) -> Callable[..., Any]:
    def refused(*arguments: Any, **named: Any) -> Any:
        if os.getpid() != process:
            return _real[name](*arguments, **named)
        shown = ", ".join(repr(one) for one in arguments if isinstance(one, (int, str)))
        raise EndedByPluginError(f"os.{name}({shown[:80]}) was called")

    return refused
