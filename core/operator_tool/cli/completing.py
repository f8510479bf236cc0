"""The names that shell completion offers. Nothing of a plugin is imported for them, and no heavy library."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_GROUP = "operator_tool.v1."  # plugin_host.entry.CONTRACT_MAJOR, which is not imported here; a test holds them equal
_CONFIG_MOST_BYTES = 1024 * 1024
_SECTORS_MOST_BYTES = 4 * 1024 * 1024
_SECTOR_KINDS = ("active_conflict", "stable_rear")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}", re.ASCII)
"""Other names would have to be quoted, each shell in its own way."""

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def plugins(role: str) -> Completer:
    """Return what completes the name of an installed plugin of a role, such as ``tile_provider``."""
    return _offering(lambda _: _installed(role))


def plugin_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of any installed plugin."""
    return _offering(lambda _: _installed())(ctx, param, incomplete)


def plugins_with_roles(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ``ROLE:NAME``."""
    from click.shell_completion import CompletionItem

    found = (f"{group}:{name}" for group, name in _entry_points() if _PLAIN.fullmatch(name))
    return [CompletionItem(one) for one in sorted(set(found)) if one.startswith(incomplete)]


def section(name: str) -> Completer:
    """Return what completes the name of a table in a section of the configuration file, such as ``companions``."""
    return _offering(lambda ctx: _tables(ctx, name))


def cameras(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a camera: one of the configuration file's, or one that comes with the tool."""
    return _offering(_cameras)(ctx, param, incomplete)


def sectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a sector that was set, or a kind of sector."""
    return _offering(lambda ctx: [*_SECTOR_KINDS, *_set_sectors(ctx)])(ctx, param, incomplete)


def set_sectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a sector that was set."""
    return _offering(_set_sectors)(ctx, param, incomplete)


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell to complete a file's name."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def settings(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete ``PLUGIN.KEY=``; of a plugin that doesn't come with the tool its name alone."""
    from click.shell_completion import CompletionItem

    from .setting_names import SETTING_NAMES

    plugin, dot, _ = incomplete.partition(".")
    known = {"operator-tool", *_installed()}
    if dot and plugin in known:
        offered = [f"{plugin}.{key}=" for key in SETTING_NAMES.get(plugin, "").split()]
    else:
        # A plugin without settings is not worth a TAB.
        offered = [f"{name}." for name in sorted(known) if SETTING_NAMES.get(name) != "" and _PLAIN.fullmatch(name)]
    return [CompletionItem(one) for one in offered if one.startswith(incomplete)]


def _offering(names: Callable[[click.Context], list[str]]) -> Completer:
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        offered = dict.fromkeys(name for name in names(ctx) if _PLAIN.fullmatch(name))
        return [CompletionItem(name) for name in offered if name.startswith(incomplete)]

    return complete


def _entry_points() -> Iterator[tuple[str, str]]:
    """Yield role and name of each installed plugin, as the metadata on disk says."""
    from operator_tool.plugin_host.installed import installed_distributions

    for distribution in installed_distributions(_GROUP):
        if not distribution.broken:
            for group, name, _ in distribution.entry_points:
                yield group.removeprefix(_GROUP), name


def _installed(role: str | None = None) -> list[str]:
    return sorted({name for one, name in _entry_points() if role in (None, one)})


def config_file(ctx: click.Context) -> Path:
    """Return where the configuration file is, as ``operator_tool.places`` has it, which imports too much here."""
    from platformdirs import user_config_path

    given = ctx.params.get("config") or os.environ.get("OPERATOR_TOOL_CONFIG")
    return Path(given) if given else user_config_path("operator-tool", appauthor=False) / "config.toml"


def data_dir(ctx: click.Context) -> Path:
    """Return the folder of the tool's own data; the same holds."""
    from platformdirs import user_data_path

    given = ctx.params.get("data_dir") or os.environ.get("OPERATOR_TOOL_DATA_DIR")
    return Path(given) if given else user_data_path("operator-tool", appauthor=False)


def _tables(ctx: click.Context, name: str) -> list[str]:
    """Return the names of the tables in a section; none where the file can't be used, of which a command tells."""
    import tomllib

    from operator_tool.plugin_host.bounded_files import UnreadableError, read_bounded

    try:
        raw = read_bounded(str(config_file(ctx)), _CONFIG_MOST_BYTES)
        document: dict[str, Any] = tomllib.loads((raw or b"").decode("utf-8-sig"))
    except (UnreadableError, ValueError, RecursionError):
        return []
    tables = document.get(name)
    return [key for key, table in tables.items() if isinstance(table, dict)] if isinstance(tables, dict) else []


def _cameras(ctx: click.Context) -> list[str]:
    import tomllib

    builtin = Path(__file__).parent.parent / "cameras" / "builtin.toml"
    # A blank and a hyphen are one in a camera's name, and a hyphen needs no quotes.
    own = [name.replace(" ", "-") for name in _tables(ctx, "cameras")]
    return [*own, *tomllib.loads(builtin.read_text(encoding="utf-8"))]


def _set_sectors(ctx: click.Context) -> list[str]:
    import json

    from operator_tool.plugin_host.bounded_files import UnreadableError, read_bounded

    try:
        document = json.loads(read_bounded(str(data_dir(ctx) / "sectors.json"), _SECTORS_MOST_BYTES) or b"{}")
        return [sector["name"] for sector in document["sectors"] if isinstance(sector["name"], str)]
    except (UnreadableError, ValueError, RecursionError, LookupError, TypeError):
        return []
