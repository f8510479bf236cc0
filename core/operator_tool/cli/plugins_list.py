"""``operator-tool plugins list``."""

from __future__ import annotations

from collections.abc import Mapping

import click


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--no-plugins", is_flag=True, help="Use the built-in plugins only.")
@click.option("--block", multiple=True, metavar="ROLE:NAME", help="Shut one plugin out.")
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """List every installed plugin, its distribution and version, and whether it can be selected. Imports none."""
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    from .exits import say

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    rows = [
        {
            "role": entry.role,
            "name": entry.name,
            "distribution": entry.distribution,
            "version": entry.version,
            "state": entry.problem or "ok",
        }
        for entry in discovery.entries
    ]
    if as_json:
        import json

        say(json.dumps(rows, indent=2))
    else:
        say(table(rows, ("role", "name", "distribution", "version", "state")))
    return 0


def table(rows: list[dict[str, str]], columns: tuple[str, ...]) -> str:
    """Return rows as aligned text under their headings, what strangers named among it escaped."""
    shown: list[Mapping[str, str]] = [{name: ascii(row[name])[1:-1] for name in columns} for row in rows]
    widths = {name: max([len(name), *(len(row[name]) for row in shown)]) for name in columns}
    lines = ["  ".join(f"{name.upper():<{widths[name]}}" for name in columns)]
    lines += ["  ".join(f"{row[name]:<{widths[name]}}" for name in columns) for row in shown]
    return "\n".join(line.rstrip() for line in lines)
