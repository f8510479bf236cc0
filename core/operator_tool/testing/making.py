"""Makes a plugin as the command line does: found, imported, registered, given its settings, asked for its object."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from operator_tool.api import RunContext
from operator_tool.plugin_host.discovery import Discovery
from operator_tool.plugin_host.entry import Role
from operator_tool.plugin_host.host import PluginHost
from operator_tool.redaction import Redactor
from operator_tool.settings import SettingsSources

Options = Mapping[str, Any]
"""Settings by key: text as ``-o`` gives it, a path, or a value as the configuration file would have it."""


class Make(Protocol):
    """Makes the plugin's object anew; without arguments from the fixtures ``plugin_options`` and ``context``."""

    def __call__(self, options: Options | None = None, context: RunContext | None = None) -> Any: ...


class MakeHost(Protocol):
    """Makes a host in which nothing is loaded yet; without arguments from the same fixtures."""

    def __call__(self, options: Options | None = None, context: RunContext | None = None) -> PluginHost: ...


def sources_of(plugin: str, options: Options, redactor: Redactor, config_dir: Path) -> SettingsSources:
    """Return sources that give these settings to one plugin; what is None is left out."""
    text = {key: str(value) for key, value in options.items() if isinstance(value, str | Path)}
    toml = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in options.items()
        if value is not None and key not in text
    }
    files = [("plugin_options [", {plugin: toml})] if toml else []
    return SettingsSources(config_dir / "config.toml", files, {}, {plugin: text}, redactor, {}, {})


def new_host(plugin: str, options: Options, context: RunContext) -> PluginHost:
    """Return a host for one plugin with these settings; the context redacts what they hold of secrets."""
    redactor = Redactor()
    given = dataclasses.replace(context, redact=redactor.text)
    return PluginHost(Discovery(), sources_of(plugin, options, redactor, context.state_dir), lambda _name: given)


def make_object(host: PluginHost, role: Role, plugin: str) -> Any:
    """Return the object of a plugin of a role that has a factory."""
    match role:
        case Role.FLIGHT_SOURCE:
            return host.flight_source(plugin)
        case Role.TILE_PROVIDER:
            return host.tile_providers([plugin])[0][1]
        case Role.COMPANION_TRANSPORT:
            return host.companion_transport(plugin)
        case Role.PROVISIONER:
            return host.provisioner(plugin)
    raise ValueError(f"a {role} makes no object")
