"""``operator-tool plugins check``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .plugins_list import broken_row, plugin_options, plugin_row, show

if TYPE_CHECKING:
    from operator_tool.plugin_host.check import CheckedPlugin


@click.command("check")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a plugin's import, and each of its hooks, may take.",
)
@plugin_options
def command(*, timeout: float, as_json: bool, no_plugins: bool, block: tuple[str, ...]) -> int:
    """Import, register and make each installed plugin, in a process of its own; exit code 12 when one can't be used.

    One that needs a setting is not made, and a listener is not started. Settings of which nothing is said are named.
    What a plugin uses that is deprecated is told, with what takes its place; it goes on working until the next major
    contract.
    """
    from operator_tool.plugin_host.check import check_each
    from operator_tool.plugin_host.discovery import Blocking, Discovery

    from .exits import say
    from .own_process import keep_from_plugins

    discovery = Discovery(Blocking.parse(no_plugins=no_plugins, block=block))
    keep_from_plugins()
    outcomes = dict(check_each(discovery.entries, limit_s=timeout))
    checked = {entry: outcomes[entry] for entry in discovery.entries}
    rows = [
        plugin_row(entry, one.state) | {"deprecated": one.deprecated, "notices": one.notices}
        for entry, one in checked.items()
    ]
    show([*rows, *map(broken_row, discovery.broken)], as_json=as_json)
    if not as_json:
        say(_verdict(list(checked.values()), len(discovery.broken)))
    return 12 if discovery.broken or any(_fails(one) for one in checked.values()) else 0


def _fails(checked: CheckedPlugin) -> bool:
    return not checked.usable and not checked.state.startswith("blocked")


def _verdict(checked: Sequence[CheckedPlugin], broken: int) -> str:
    """Return the last line: how many there are of each state."""
    usable = sum(one.usable for one in checked)
    failing = sum(map(_fails, checked))
    noticed = sum(bool(one.notices) for one in checked)
    using = sum(bool(one.deprecated) for one in checked)
    counted = [
        (usable, f"{usable if usable < len(checked) else 'all'} can be used"),
        (failing, f"{failing} can't"),
        (len(checked) - usable - failing, f"{len(checked) - usable - failing} blocked"),
        (using, f"{using} with something deprecated"),
        (noticed, f"{noticed} with something to mend"),
    ]
    text = f"{len(checked)} plugins: " + ", ".join(words for number, words in counted if number)
    return text + (f"; distributions whose plugins can't be told: {broken}" if broken else "")
