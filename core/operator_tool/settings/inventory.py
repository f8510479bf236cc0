"""The companions that the configuration file knows: ``[companions.NAME]``, with tables of plugin settings below."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from operator_tool.api import ConfigError
from operator_tool.api.escaping import escape_controls
from operator_tool.redaction import Redactor

from .config_file import Tables
from .given import did_you_mean, shown

SECTION = "companions"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEYS = ("transport", "provisioner")


class KnownCompanion(NamedTuple):
    """One companion by its name, and the plugins that the file says for it; None where it doesn't say."""

    name: str
    transport: str | None
    provisioner: str | None


@dataclass(frozen=True)
class InventoryEntry:
    """One companion of the file."""

    companion: KnownCompanion
    tables: Tables
    """What the file gives to plugins for this companion alone."""
    where: str
    """Where those tables stand, up to the plugin's name: ``/etc/o.toml [companions.alpha.``."""


def parse_inventory(table: Mapping[str, Any], path: Path, redactor: Redactor) -> dict[str, InventoryEntry]:
    """Return the companions by name, in the file's order. Raises :class:`ConfigError` that names what is wrong."""
    return {name: _entry(name, value, path, redactor) for name, value in table.items()}


def _entry(name: str, value: object, path: Path, redactor: Redactor) -> InventoryEntry:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{path} [{SECTION}]: {shown(name, redactor)} can't be a companion's name",
            hint="A name is 1 to 64 letters, digits, dots, underscores and hyphens.",
        )
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path} [{SECTION}]: {name} is {shown(value, redactor)}, but wants a table",
            hint=f"Write [{SECTION}.{name}], and the companion's settings below it.",
        )
    where = f"{path} [{SECTION}.{name}]"
    chosen: dict[str, str] = {}
    tables: Tables = {}
    for key, given in value.items():
        if key in _KEYS:
            if not isinstance(given, str) or not given:
                raise ConfigError(f"{where}: {key} is {shown(given, redactor)}, but wants the name of a {key} plugin")
            chosen[key] = given
        elif isinstance(given, dict):
            tables[key] = given
        else:
            raise ConfigError(
                f"{where}: a companion has no setting {escape_controls(key, limit=64)}{did_you_mean(key, _KEYS)}",
                hint=f"It has {' and '.join(_KEYS)}; a plugin's settings stand in a table of its own, "
                f"such as [{SECTION}.{name}.ssh].",
            )
    companion = KnownCompanion(name, chosen.get("transport"), chosen.get("provisioner"))
    return InventoryEntry(companion, tables, f"{path} [{SECTION}.{name}.")
