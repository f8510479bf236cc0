"""``operator-tool plugins list``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import completing

if TYPE_CHECKING:
    from operator_tool.plugin_host.entry import PluginEntry
    from operator_tool.plugin_host.installed import Installed

_Function = TypeVar("_Function", bound=Callable[..., Any])
_COLUMNS = ("role", "name", "distribution", "version", "state")


def plugin_options(function: _Function) -> _Function:
    """Add the options of a command that goes through all installed plugins."""
    function = click.option(
        "--block",
        multiple=True,
        metavar="ROLE:NAME",
        shell_complete=completing.plugins_with_roles,
        help="Shut one plugin out.",
    )(function)
    function = click.option("--no-plugins", is_flag=True, help="Use the built-in plugins only.")(function)
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")(function)


@click.command("list")
@plugin_options
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """List every installed plugin, its distribution and version, and whether it can be selected. Imports none."""
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    rows = [plugin_row(entry, entry.problem or "ok") for entry in discovery.entries]
    show([*rows, *map(broken_row, discovery.broken)], as_json=as_json)
    return 0


def plugin_row(entry: PluginEntry, state: str) -> dict[str, Any]:
    """Return what is shown of one plugin."""
    return {
        "role": entry.role,
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "state": state,
    }


def broken_row(installed: Installed) -> dict[str, Any]:
    """Return what is shown of a distribution whose plugins can't be told; it has no role and no name."""
    state = "; ".join(installed.broken)
    return {"role": "", "name": "", "distribution": installed.name, "version": installed.version, "state": state}


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print a row for each plugin, and below it what is to be told of it; what strangers named is escaped."""
    from .exits import say

    if as_json:
        import json

        say(json.dumps(rows, indent=2))
        return
    shown = [{name: ascii(row[name])[1:-1] or "-" for name in _COLUMNS} for row in rows]
    widths = {name: max([len(name), *(len(row[name]) for row in shown)]) for name in _COLUMNS}
    say("  ".join(f"{name.upper():<{widths[name]}}" for name in _COLUMNS).rstrip())
    for row, cells in zip(rows, shown, strict=True):
        say("  ".join(f"{cells[name]:<{widths[name]}}" for name in _COLUMNS).rstrip())
        for told in (*row.get("deprecated", ()), *row.get("notices", ())):
            say(f"  {ascii(told)[1:-1]}")
