"""``operator-tool plugins info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from operator_tool.api.settings import PluginSettings
    from operator_tool.plugin_host.discovery import PluginEntry


@click.command("info")
@click.argument("name")
@click.option("--role", help="Where one name stands in several roles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(*, name: str, role: str | None, as_json: bool) -> int:
    """Show one plugin: whose it is, where its code is, and each of its settings. Imports that plugin alone."""
    from .exits import say

    document = _document(*_load(name, role))
    if as_json:
        import json

        say(json.dumps(document, indent=2))
    else:
        say(_text(document))
    return 0


def _load(name: str, role: str | None) -> tuple[PluginEntry, type[PluginSettings]]:
    from operator_tool.api.errors import PluginError
    from operator_tool.plugin_host.calls import load_plugin
    from operator_tool.plugin_host.discovery import Discovery, Role
    from operator_tool.plugin_host.hooks import Hooks

    from .own_process import keep_from_plugins

    discovery = Discovery()
    roles = sorted({e.role for e in discovery.entries if e.name == name and (role is None or e.role == role)})
    if not roles:
        known = ", ".join(sorted({entry.name for entry in discovery.entries}))
        raise PluginError(f"no plugin named {name!r} is installed; installed are {known}")
    if len(roles) > 1:
        raise PluginError(f"{name!r} stands in several roles: {', '.join(roles)}", hint="Give --role.")
    entry = discovery.find(Role(roles[0]), name)
    keep_from_plugins()
    hooks = Hooks()
    hooks.register(entry, load_plugin(entry))
    return entry, hooks.settings_type(entry)


def _document(entry: PluginEntry, settings_type: type[PluginSettings]) -> dict[str, Any]:
    from operator_tool.settings import describe_settings

    return {
        "role": entry.role,
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "target": entry.target,
        "settings": [
            {
                "key": f"{entry.name}.{setting.name}",
                "type": setting.type,
                "required": setting.required,
                "default": setting.default,
                "description": setting.description,
                "environment": setting.environment_variable(entry.name),
            }
            for setting in describe_settings(settings_type)
        ],
    }


def _text(document: dict[str, Any]) -> str:
    lines = [
        f"{document['role']} {document['name']}",
        f"  from      {document['distribution']} {document['version']} ({document['target']})",
    ]
    for setting in document["settings"]:
        needed = "required" if setting["required"] else f"default {setting['default']}"
        lines += [
            f"  {setting['key']}  {setting['type']}, {needed}",
            f"      {setting['description']}",
            f"      {_ways(setting)}",
        ]
    if not document["settings"]:
        lines.append("  no settings")
    return "\n".join(lines)


def _ways(setting: dict[str, Any]) -> str:
    if setting["type"] == "secret":
        return f"{setting['environment']}, or -o {setting['key']}_file=PATH (mode 0600), or a command or the keyring"
    return f"-o {setting['key']}=..., or {setting['environment']}"
