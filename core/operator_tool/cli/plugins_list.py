"""``operator-tool plugins list``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from operator_tool.plugin_host.discovery import PluginEntry

_Function = TypeVar("_Function", bound=Callable[..., Any])
_COLUMNS = ("role", "name", "distribution", "version", "state")


def plugin_options(function: _Function) -> _Function:
    """Add the options of a command that goes through all installed plugins."""
    function = click.option("--block", multiple=True, metavar="ROLE:NAME", help="Shut one plugin out.")(function)
    function = click.option("--no-plugins", is_flag=True, help="Use the built-in plugins only.")(function)
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(function)


@click.command("list")
@plugin_options
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """List every installed plugin, its distribution and version, and whether it can be selected. Imports none."""
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    show({entry: entry.problem or "ok" for entry in discovery.entries}, as_json=as_json)
    return 0


def show(
    states: Mapping[PluginEntry, str],
    *,
    as_json: bool,
    deprecated: Mapping[PluginEntry, Sequence[str]] | None = None,
) -> None:
    """Print each plugin and its state, and what it uses that is deprecated; what strangers named is escaped."""
    from .exits import say

    rows: list[dict[str, Any]] = [
        {
            "role": entry.role,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "state": state,
        }
        for entry, state in states.items()
    ]
    if as_json:
        import json

        for row, entry in zip(rows, states, strict=True):
            row |= {"deprecated": list(deprecated[entry])} if deprecated is not None else {}
        say(json.dumps(rows, indent=2))
        return
    shown = [{name: ascii(row[name])[1:-1] for name in _COLUMNS} for row in rows]
    widths = {name: max([len(name), *(len(row[name]) for row in shown)]) for name in _COLUMNS}
    say("  ".join(f"{name.upper():<{widths[name]}}" for name in _COLUMNS).rstrip())
    for row, entry in zip(shown, states, strict=True):
        say("  ".join(f"{row[name]:<{widths[name]}}" for name in _COLUMNS).rstrip())
        for told in (deprecated or {}).get(entry, ()):
            say(f"  {ascii(told)[1:-1]}")
