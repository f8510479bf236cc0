"""``operator-tool plugins new``: the project of a plugin of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from operator_tool import __version__

if TYPE_CHECKING:
    from operator_tool.plugin_host.entry import PluginEntry
    from operator_tool.scaffold import NewProject

ROLES = ("flight-source", "tile-provider", "companion-transport", "provisioner", "listener")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # as in operator_tool.plugin_host.discovery; a test holds them equal
_TAKEN = frozenset({"companions", "cameras", "core", "operator-tool", "plugins", "profiles"})
"""Names that mean something else in the configuration file or among the modules."""


class _RoleName(click.ParamType[str]):
    """A role as it is spelt on the command line, or as in the entry points."""

    name = "role"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the entry points' spelling."""
        if value.replace("_", "-") not in ROLES:
            self.fail(f"{value!r} is no role; the roles are {', '.join(ROLES)}", param, ctx)
        return value.replace("-", "_")


@click.command("new")
@click.argument("role", type=_RoleName(), metavar="ROLE")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="Write the project's folder into this one; by default the working folder.",
)
@click.option("--description", metavar="TEXT", help="What the plugin is, in one line.")
def command(*, role: str, name: str, into: Path, description: str | None) -> int:
    """Write the project of a new plugin that works as it is, with its tests: yours to change.

    ROLE is flight-source, tile-provider, companion-transport, provisioner or listener; the plugin will be selected by
    NAME.
    """
    from operator_tool.api.contract import CONTRACT
    from operator_tool.scaffold import NewProject, write_project
    from operator_tool.scaffold.roles import ROLES as PROJECTS

    _check_name(name)
    project = NewProject(
        role=role,
        name=name,
        description=_checked_description(description or PROJECTS[role].description),
        tool_version=__version__,
        contract=CONTRACT,
    )
    folder, files = into / project.distribution, project.files()
    try:
        write_project(folder, files)
    except FileExistsError as error:
        raise click.UsageError(f"{error}; nothing was written") from None
    except OSError as error:
        raise click.UsageError(f"{into} can't be written to: {error.strerror}; nothing was written") from None
    _tell(project, folder)
    return 0


def _check_name(name: str) -> None:
    from operator_tool.plugin_host.discovery import Discovery

    if not NAME.fullmatch(name) or name.endswith(("-", "_")):
        raise click.UsageError(
            f"{ascii(name)[1:-1]} can't be a plugin's name: 1 to 64 lower-case letters, digits, - and _, "
            "with a letter or a digit at either end"
        )
    if name in _TAKEN:
        raise click.UsageError(f"{name} has a meaning of its own here; choose another name")
    alike = _alike(name)
    for entry in Discovery().entries:
        if _alike(entry.name) == alike:
            raise click.UsageError(f"{_owner(entry)} has that name already; choose another")


def _alike(name: str) -> str:
    """Names that differ by - and _ alone would share module and environment variables."""
    return name.replace("_", "-")


def _owner(entry: PluginEntry) -> str:
    return ascii(f"the {entry.role} {entry.name} ({entry.distribution} {entry.version})")[1:-1]


def _checked_description(text: str) -> str:
    if not text.isprintable() or re.search(r"\{\{[a-z_]+\}\}", text):
        raise click.UsageError("--description is one line of printable text")
    return text


def _tell(project: NewProject, folder: Path) -> None:
    import shlex

    from .exits import say

    say(f"{folder}: the {project.role.replace('_', ' ')} {project.name}, which works as it is. Next:")
    say("")
    say(f"  cd {shlex.quote(str(folder))}")
    say("  python -m pip install -e . pytest")
    say("  python -m pytest")
