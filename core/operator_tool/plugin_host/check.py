"""What ``plugins check`` says of one plugin: whether it can be used, and what of it will not be there for ever."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from operator_tool.api.contract import ContractDeprecationWarning
from operator_tool.api.errors import PluginError

from .apart import each_apart
from .calls import CALL_S, leave_the_end_to_the_parent, load_plugin
from .deprecated_uses import deprecated_uses
from .endings import keep_in_child
from .entry import PluginEntry
from .hooks import Hooks

OK = "ok"
_AFTER_INTERRUPT_S = 2.0
"""What a plugin that was interrupted gets to tell how, before its process is ended."""


@dataclass(frozen=True, kw_only=True)
class CheckedPlugin:
    """One plugin after it was imported, registered and asked for its settings."""

    state: str
    """``ok``, or why it can't be used."""
    deprecated: tuple[str, ...] = ()
    """Each deprecated thing that it uses, where, and what to use instead."""

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
    work = each_apart(
        lambda entry: _check_in_child(entry, limit_s),
        to_try,
        limit_s=2 * limit_s + _AFTER_INTERRUPT_S,
        at_once=max(2, os.cpu_count() or 1),
    )
    for entry, outcome in work:
        if outcome.answer is not None:
            yield entry, msgspec.json.decode(outcome.answer, type=CheckedPlugin)
        else:
            yield entry, CheckedPlugin(state=f"{entry.owner} {outcome.ending}")


def _check_in_child(entry: PluginEntry, limit_s: float) -> bytes:
    keep_in_child()
    leave_the_end_to_the_parent()
    return msgspec.json.encode(check_plugin(entry, limit_s=limit_s))


def check_plugin(entry: PluginEntry, *, limit_s: float = CALL_S) -> CheckedPlugin:
    """Import and register one plugin, and ask for its settings. Raises nothing for what the plugin does.

    What hangs in C code, or ends the process there, hangs or ends this one.
    """
    if entry.problem:
        return CheckedPlugin(state=entry.problem)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = _state(entry, limit_s)
    told = [
        f"{warning.message} ({Path(warning.filename).name}:{warning.lineno})"
        for warning in caught
        if issubclass(warning.category, ContractDeprecationWarning)
    ]
    return CheckedPlugin(state=state, deprecated=tuple(dict.fromkeys([*told, *deprecated_uses(entry)])))


def _state(entry: PluginEntry, limit_s: float) -> str:
    from operator_tool.settings import describe_settings

    hooks = Hooks(call_s=limit_s)
    try:
        hooks.register(entry, load_plugin(entry, limit_s=limit_s))
        describe_settings(hooks.settings_type(entry))
    except PluginError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a class of settings that can't be read is its plugin's failure
        return f"its settings can't be described: {type(error).__name__}: {error}"
    return OK
