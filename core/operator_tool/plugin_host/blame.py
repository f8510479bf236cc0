"""Whose an error is, told from where it was raised: one door, with plugin, distribution and version."""

from __future__ import annotations

import signal
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from operator_tool.api.errors import PluginError

from .endings import ENDINGS, EndedByPluginError
from .entry import PluginEntry
from .protocols import lacking

_imported: dict[str, PluginEntry] = {}
"""The plugins that were imported in this process, by their modules' names."""


_made: list[tuple[weakref.ref[object], PluginEntry]] = []
"""What the plugins made, where that can be referred to weakly."""


def note_made(made: object, entry: PluginEntry) -> None:
    """Note whose an object is that a factory gave."""
    _made[:] = [(reference, owner) for reference, owner in _made if reference() is not None]
    with suppress(TypeError):
        _made.append((weakref.ref(made), entry))


def owner_of(made: object, otherwise: str) -> str:
    """Return whose an object is that a factory gave, for messages; ``otherwise`` where nobody knows."""
    entry = _maker_of(made)
    return otherwise if entry is None else entry.owner


def hint_about(made: object) -> str | None:
    """Return what to do about the plugin that made an object; None where nobody knows whose it is."""
    entry = _maker_of(made)
    return None if entry is None else hint_for(entry)


def hint_for(entry: PluginEntry) -> str:
    """Return what to do about a plugin that can be loaded and does what it may not."""
    update = f"Update {entry.distribution}" if entry.builtin else f"Update or remove {entry.distribution}"
    return f"{update}, or select another {entry.role}."


def _maker_of(made: object) -> PluginEntry | None:
    return next((entry for reference, entry in _made if reference() is made), None)


def note_import(entry: PluginEntry) -> None:
    """Note whose a module is, before it is imported."""
    _imported[entry.module] = entry


def culprit(error: BaseException) -> PluginEntry | None:
    """Return the plugin in whose code the error came up: the innermost of those on its way; None where none is."""
    found = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        found = _owner_of(str(trace.tb_frame.f_globals.get("__name__", ""))) or found
        trace = trace.tb_next
    if found is None and error.__cause__ is not None and error.__cause__ is not error:
        return culprit(error.__cause__)
    return found


def words_of(error: BaseException, limit: int = 500) -> str:
    """Return an error of a stranger's in one line: its ``__str__`` may do anything."""
    try:
        text = str(error)
    except BaseException as problem:  # noqa: BLE001 - whatever it does, it is told as what it is
        text = f"its text can't be had: {type(problem).__name__}"
    text = " ".join(text[: limit + 1].split())
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if isinstance(error, EndedByPluginError):
        return shown
    return f"{type(error).__name__}: {shown}" if shown else type(error).__name__


def brief(thing: object) -> str:
    """Return what a stranger gave, in few words; no code of its own is run for it."""
    if type(thing) is int and abs(thing) > 2**200:
        return "a number of more than 60 digits"
    if thing is None or type(thing) in (bool, int, float):
        return repr(thing)[:60]
    if type(thing) in (str, bytes):
        shown = repr(thing[:60])  # type: ignore[index]  # one of the two
        return shown if len(thing) <= 60 else f"{shown}…"  # type: ignore[arg-type]
    kind = thing if isinstance(thing, type) else type(thing)
    known = kind.__module__ == "builtins" or kind.__module__.startswith("operator_tool.api.")
    name = (kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}")[:120]
    return f"the class {name}" if kind is thing else f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def no_such(thing: object, protocol: type) -> str:
    """Return in few words what a stranger gave, and what it lacks of what it should be."""
    lacks = "" if type(thing).__module__ == "builtins" else ", ".join(lacking(thing, protocol))
    article = "an" if protocol.__name__[0] in "AEIOU" else "a"
    return f"{brief(thing)}, not {article} {protocol.__name__}" + (f": it has no {lacks}" if lacks else "")


def is_the_operators(error: BaseException) -> bool:
    """Tell whether this is a real Ctrl-C; where a command handles the signal itself, it never is."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def ending_error(error: BaseException, who: str = "a plugin") -> PluginError:
    """Return the failure of a plugin that tried to end the command; ``who`` names it where nothing tells more."""
    owner = culprit(error)
    who = who if owner is None else owner.owner
    hint = None if owner is None else hint_for(owner)
    return PluginError(f"{who} tried to end operator-tool: {words_of(error)}", hint=hint)


@contextmanager
def endings_as_errors() -> Iterator[None]:
    """Turn what would end the command, raised by a plugin's method in this block, into a ``PluginError``."""
    try:
        yield
    except ENDINGS as error:
        if is_the_operators(error):
            raise
        raise ending_error(error) from error


def _owner_of(module: str) -> PluginEntry | None:
    """Return whose module this is: the plugin with the longest name in front of it, else one of the same package."""
    name = module
    while name:
        if name in _imported:
            return _imported[name]
        name = name.rpartition(".")[0]
    package = module.partition(".")[0]
    if package in ("operator_tool", "operator_tool_plugins", ""):
        return None
    return next((entry for name, entry in _imported.items() if name.partition(".")[0] == package), None)
