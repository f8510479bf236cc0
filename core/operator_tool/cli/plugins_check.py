"""``operator-tool plugins check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .plugins_list import plugin_options, show

if TYPE_CHECKING:
    from operator_tool.plugin_host.discovery import PluginEntry


@click.command("check")
@plugin_options
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """Import and register each installed plugin by itself; exit code 12 when one of them can't be used."""
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    states = {entry: _state(entry) for entry in discovery.entries}
    show(states, as_json=as_json)
    return 0 if all(state == "ok" or state.startswith("blocked") for state in states.values()) else 12


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
