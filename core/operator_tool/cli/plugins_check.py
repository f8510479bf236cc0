"""``operator-tool plugins check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from operator_tool.plugin_host.discovery import PluginEntry


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--no-plugins", is_flag=True, help="Use the built-in plugins only.")
@click.option("--block", multiple=True, metavar="ROLE:NAME", help="Shut one plugin out.")
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """Import and register each installed plugin by itself; exit code 12 when one of them can't be used."""
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    from .exits import say
    from .plugins_list import table

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    rows = [
        {
            "role": entry.role,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "state": _state(entry),
        }
        for entry in discovery.entries
    ]
    if as_json:
        import json

        say(json.dumps(rows, indent=2))
    else:
        say(table(rows, ("role", "name", "distribution", "version", "state")))
    return 0 if all(row["state"] == "ok" or row["state"].startswith("blocked") for row in rows) else 12


def _state(entry: PluginEntry) -> str:
    from operator_tool.api.errors import PluginError
    from operator_tool.plugin_host.discovery import load
    from operator_tool.plugin_host.hooks import Hooks

    if entry.problem:
        return entry.problem
    hooks = Hooks()
    try:
        hooks.register(entry, load(entry))
        hooks.settings_type(entry)
    except PluginError as error:
        return error.message
    return "ok"
