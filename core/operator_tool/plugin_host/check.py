"""What ``plugins check`` says of one plugin: whether it can be used, and what of it will not be there for ever."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from operator_tool.api.contract import ContractDeprecationWarning
from operator_tool.api.errors import PluginError

from .calls import load_plugin
from .deprecated_uses import deprecated_uses
from .discovery import PluginEntry
from .hooks import Hooks

OK = "ok"


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


def check_plugin(entry: PluginEntry) -> CheckedPlugin:
    """Import and register one plugin, and ask for its settings. Raises nothing for what the plugin does.

    What hangs in C code, or ends the process, hangs or ends this one.
    """
    if entry.problem:
        return CheckedPlugin(state=entry.problem)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = _state(entry)
    told = [
        f"{warning.message} ({Path(warning.filename).name}:{warning.lineno})"
        for warning in caught
        if issubclass(warning.category, ContractDeprecationWarning)
    ]
    return CheckedPlugin(state=state, deprecated=tuple(dict.fromkeys([*told, *deprecated_uses(entry)])))


def _state(entry: PluginEntry) -> str:
    from operator_tool.settings import describe_settings

    hooks = Hooks()
    try:
        hooks.register(entry, load_plugin(entry))
        describe_settings(hooks.settings_type(entry))
    except PluginError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a class of settings that can't be read is its plugin's failure
        return f"its settings can't be described: {type(error).__name__}: {error}"
    return OK
