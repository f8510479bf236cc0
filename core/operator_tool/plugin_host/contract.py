"""Whether a plugin that was imported is made for the contract that this operator-tool speaks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from operator_tool.api.contract import CONTRACT, REQUIRES_CONTRACT
from operator_tool.api.errors import PluginError

if TYPE_CHECKING:
    from .entry import PluginEntry


def required_contract(entry: PluginEntry, plugin: object) -> str:
    """Return what a plugin says in ``requires_contract``, its object or else its module; empty: nothing, so any minor.

    Raises ``PluginError`` where it can't be read, or is no text.
    """
    try:
        said = getattr(plugin, REQUIRES_CONTRACT, None)
        if said is None:
            said = getattr(sys.modules.get(entry.module), REQUIRES_CONTRACT, None)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{entry.owner}: reading its {REQUIRES_CONTRACT} failed: {type(error).__name__}: {error}"
        ) from error
    if said is not None and not isinstance(said, str):
        raise _unusable(entry, said)
    return said or ""


def check_required_contract(entry: PluginEntry, plugin: object) -> None:
    """Pass a plugin whose ``requires_contract`` this operator-tool meets. Raises ``PluginError``, with both numbers."""
    if not (required := required_contract(entry, plugin)):
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        window = SpecifierSet(required)
    except InvalidSpecifier as error:
        raise _unusable(entry, required) from error
    if not window.contains(CONTRACT):
        raise PluginError(
            f"{entry.owner} is made for contract {required}; this operator-tool speaks contract {CONTRACT}",
            hint=f"Install an operator-tool of contract {required}, or a {entry.distribution} made for {CONTRACT}.",
        )


def _unusable(entry: PluginEntry, said: object) -> PluginError:
    return PluginError(
        f"{entry.owner}: its {REQUIRES_CONTRACT} is {said!r}, not a window of contracts such as '>=1.0,<2'",
        hint=f"Mend {REQUIRES_CONTRACT} in the plugin's module {entry.target}.",
    )
