"""``operator-tool plugins check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .plugins_list import plugin_options, show

if TYPE_CHECKING:
    from operator_tool.plugin_host.check import CheckedPlugin
    from operator_tool.plugin_host.discovery import PluginEntry


@click.command("check")
@plugin_options
def command(*, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """Import and register each installed plugin; exit code 12 when one of them can't be used.

    What a plugin uses that is deprecated is told, with what takes its place; it goes on working until the next major
    contract.
    """
    from operator_tool.plugin_host.check import check_plugin
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    from .exits import say

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    checked = {entry: check_plugin(entry) for entry in discovery.entries}
    deprecated = {entry: one.deprecated for entry, one in checked.items()}
    show({entry: one.state for entry, one in checked.items()}, as_json=as_json, deprecated=deprecated)
    unusable = [one for one in checked.values() if not one.usable and not one.state.startswith("blocked")]
    if not as_json:
        say(_verdict(checked, len(unusable)))
    return 12 if unusable else 0


def _verdict(checked: dict[PluginEntry, CheckedPlugin], unusable: int) -> str:
    usable = sum(one.usable for one in checked.values())
    using = sum(bool(one.deprecated) for one in checked.values())
    blocked = len(checked) - usable - unusable
    told = [f"{usable} can be used" if usable < len(checked) else "all can be used"]
    told += [f"{unusable} can't"] if unusable else []
    told += [f"{blocked} blocked"] if blocked else []
    told += [f"{using} with something deprecated"] if using else []
    return f"{len(checked)} plugins: {', '.join(told)}"
