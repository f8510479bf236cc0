"""What the commands of the stores have in common: their options, where the stores are, and how they print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import completing

if TYPE_CHECKING:
    from operator_tool.places import Places

_Function = TypeVar("_Function", bound=Callable[..., Any])


def store_options(function: _Function) -> _Function:
    """Add what every command of the stores takes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output."),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Where the stores lie."),
        click.option("--dataset", metavar="TEXT", help="The stores whose data set has this text in it."),
        click.option(
            "--provider",
            metavar="NAME",
            shell_complete=completing.plugins("tile_provider"),
            help="The stores of this provider.",
        ),
    ):
        function = option(function)
    return function


def find_places(data_dir: Path | None) -> Places:
    """Return the tool's places; nothing is made. Raises ``ConfigError`` where there are none."""
    import os

    from operator_tool.places import Places

    from . import logs

    places = Places.find(data_dir=data_dir, config_file=None, env=os.environ)
    logs.configure(verbose=False, log_dir=places.log_dir)
    return places


def show(document: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print the document as JSON, or the lines; secrets and what strangers named can't do harm in either."""
    from operator_tool.api.escaping import escape_controls
    from operator_tool.redaction import REDACTOR

    from .exits import say
    from .reporting import as_document

    if as_json:
        say(as_document(document))
        return
    for line in lines:
        say(REDACTOR.text(escape_controls(line)))


def size(count_bytes: int) -> str:
    """Return a size for people."""
    return f"{count_bytes / 1e9:,.2f} GB" if count_bytes >= 1e9 else f"{count_bytes / 1e6:,.1f} MB"
