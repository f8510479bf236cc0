"""What ``plugins check`` says of one plugin: whether it can be used, and what of it will not be there for ever."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from operator_tool.api.context import RunContext
from operator_tool.api.contract import ContractDeprecationWarning
from operator_tool.api.errors import OperatorToolError, PluginError
from operator_tool.api.settings import PluginSettings

from .apart import each_apart
from .calls import CALL_S, called, leave_the_end_to_the_parent, load_plugin
from .deprecated_uses import deprecated_uses
from .endings import keep_in_child
from .entry import PluginEntry, Role
from .hooks import Hooks

OK = "ok"
_CALLS = 3
"""Its process gets the time of so many calls, that one which is interrupted late can tell how."""
_AFTER_INTERRUPT_S = 2.0
"""What a plugin that was interrupted gets to tell how, before its process is ended."""


@dataclass(frozen=True, kw_only=True)
class CheckedPlugin:
    """One plugin after it was imported, registered, asked for its settings and, where it needs none, made."""

    state: str
    """``ok``, or why it can't be used."""
    deprecated: tuple[str, ...] = ()
    """Each deprecated thing that it uses, where, and what to use instead."""
    notices: tuple[str, ...] = ()
    """What doesn't stop anybody from using it, and is to be mended nevertheless."""

    @property
    def usable(self) -> bool:
        """True when it can be selected."""
        return self.state == OK


def check_each(entries: Sequence[PluginEntry], *, limit_s: float) -> Iterator[tuple[PluginEntry, CheckedPlugin]]:
    """Check each plugin in a process of its own, several at once; yield each as it is done, in no order.

    Its import and each hook may take ``limit_s``. Where processes can't be forked, all are checked in this one.
    """
    if not hasattr(os, "fork"):
        yield from ((entry, check_plugin(entry, limit_s=limit_s)) for entry in entries)
        return
    yield from ((entry, CheckedPlugin(state=entry.problem)) for entry in entries if entry.problem)
    to_try = [entry for entry in entries if not entry.problem]
    with tempfile.TemporaryDirectory(prefix="operator-tool-check-") as folder:
        work = each_apart(
            lambda entry: _check_in_child(entry, limit_s, folder),
            to_try,
            limit_s=_CALLS * limit_s + _AFTER_INTERRUPT_S,
            at_once=max(2, os.cpu_count() or 1),
        )
        for entry, outcome in work:
            if outcome.answer is not None:
                yield entry, msgspec.json.decode(outcome.answer, type=CheckedPlugin)
            else:
                yield entry, CheckedPlugin(state=f"{entry.owner} {outcome.ending}")


def _check_in_child(entry: PluginEntry, limit_s: float, folder: str) -> bytes:
    keep_in_child()
    tempfile.tempdir = folder  # what a child leaves behind that had to be ended goes with it
    leave_the_end_to_the_parent()
    return msgspec.json.encode(check_plugin(entry, limit_s=limit_s))


def check_plugin(entry: PluginEntry, *, limit_s: float = CALL_S) -> CheckedPlugin:
    """Import and register one plugin, ask for its settings, and make its object where no setting is required.

    Raises nothing for what the plugin does.

    What hangs in C code, or ends the process there, hangs or ends this one.
    """
    if entry.problem:
        return CheckedPlugin(state=entry.problem)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state, notices = _state(entry, limit_s)
    told = [
        f"{warning.message} ({Path(warning.filename).name}:{warning.lineno})"
        for warning in caught
        if issubclass(warning.category, ContractDeprecationWarning)
    ]
    deprecated = tuple(dict.fromkeys([*told, *deprecated_uses(entry)]))
    return CheckedPlugin(state=state, deprecated=deprecated, notices=notices)


def _state(entry: PluginEntry, limit_s: float) -> tuple[str, tuple[str, ...]]:
    """Return the state, and the notices."""
    from operator_tool.settings import describe_settings

    hooks = Hooks(call_s=limit_s)
    try:
        hooks.register(entry, load_plugin(entry, limit_s=limit_s))
        settings_type = hooks.settings_type(entry)
        with called(entry, "settings", limit_s=limit_s):
            described = describe_settings(settings_type)
            settings = None if any(setting.required for setting in described) else settings_type()
        if settings is not None and entry.role != Role.LISTENER:
            _make(hooks, entry, settings, limit_s)
    except PluginError as error:
        return error.message, ()
    bare = ", ".join(setting.name for setting in described if not setting.description.strip())
    return OK, (f"settings of which nothing is said: {bare}",) if bare else ()


def _make(hooks: Hooks, entry: PluginEntry, settings: PluginSettings, limit_s: float) -> None:
    """Make the plugin's object as a run would, which opens nothing yet, and let it close.

    Raises ``PluginError``. Where something else that is not this plugin's has to be put right first, there is no more
    to be found out.
    """
    with tempfile.TemporaryDirectory(prefix="operator-tool-check-") as folder:
        context = RunContext(run_id="check", state_dir=Path(folder) / "state", trust_dir=Path(folder) / "trust")
        try:
            made = hooks.make(entry, settings, context)
        except PluginError:
            raise
        except OperatorToolError:
            return
        if (close := getattr(made, "close", None)) is not None:
            with called(entry, "close", limit_s=limit_s):
                close()
