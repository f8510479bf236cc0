"""Renders the command line's own help, each command's in turn, from the program.

``python docs/reference/render_command_line.py`` writes the page beside this file; a test fails when it is stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from operator_tool.cli import operator_tool

_HEADER = (
    "<!-- Rendered from the program by docs/reference/render_command_line.py; edit the commands, render again. -->\n"
)
_INTRODUCTION = (
    "What `operator-tool --help` and each command's `--help` print. What the settings of plugins mean stands in "
    "[the settings](settings.md); the exit codes are of [the contract](contract.md).\n"
)
_WIDTH = 110


def command_line_page() -> str:
    """Return the page."""
    parts = [_HEADER, "# The command line\n", _INTRODUCTION]
    for depth, path, text in _helps(operator_tool, "operator-tool", None):
        parts.append(f"{'#' * (depth + 1)} `{path}`\n\n```text\n{text}\n```\n")
    return "\n".join(parts).rstrip() + "\n"


def _helps(
    command: click.Command, name: str, parent: click.Context | None, depth: int = 1
) -> Iterator[tuple[int, str, str]]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=_WIDTH, terminal_width=_WIDTH)
    context.help_option_names = ["-h", "--help"]
    yield depth, context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _helps(found, each, context, depth + 1)


if __name__ == "__main__":
    (Path(__file__).parent / "command-line.md").write_text(command_line_page(), encoding="utf-8")
