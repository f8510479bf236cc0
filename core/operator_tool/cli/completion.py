"""What can follow at a TAB: commands and options by click, names from what is installed and configured.

No plugin is imported for it, and nothing that fails is shown: a shell would print it between the words that are typed.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import click

_ASKED = "_OPERATOR_TOOL_COMPLETE"
"""Set by the shell's own script: what it wants, such as ``bash_complete``."""
_Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def is_asked_for() -> bool:
    """Tell whether a shell wants words to complete, or its script, and no command is to be run."""
    return _ASKED in os.environ


def complete(group: click.Group) -> int:
    """Answer the shell and return the exit code; what fails completes nothing."""
    from click.shell_completion import shell_complete

    # click writes bytes to it.
    raw = io.BytesIO()
    said = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            code = shell_complete(group, {}, "operator-tool", _ASKED, os.environ[_ASKED])
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is not shown between the typed words
        return 1
    with contextlib.suppress(BrokenPipeError):
        click.echo(raw.getvalue(), nl=False)
    return code


def plugins_of(role: str) -> _Complete:
    """Return what completes the name of an installed plugin of a role, from its entry point alone."""

    def names(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        from importlib.metadata import entry_points

        found = {entry.name for entry in entry_points(group=f"operator_tool.v1.{role}")}
        return sorted(name for name in found if name.startswith(typed))

    return names


def configured(table: str) -> _Complete:
    """Return what completes the name of a table of the configuration file, such as one of ``[companions.NAME]``."""

    def names(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        import tomllib

        try:
            found = tomllib.loads(_config_file(context).read_text("utf-8")).get(table, {})
        except (OSError, ValueError):
            return []
        return sorted(name for name in found if name.startswith(typed)) if isinstance(found, dict) else []

    return names


def _config_file(context: click.Context) -> Path:
    named = context.params.get("config") or os.environ.get("OPERATOR_TOOL_CONFIG")
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_config_path("operator-tool", appauthor=False) / "config.toml"
