"""``operator-tool plugins info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import completing

if TYPE_CHECKING:
    from operator_tool.plugin_host.entry import PluginEntry


@click.command("info")
@click.argument("name", shell_complete=completing.plugin_names)
@click.option("--role", help="Where one name stands in several roles.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(*, name: str, role: str | None, as_json: bool) -> int:
    """Show one plugin: whose it is, where its code is, and each of its settings. Imports that plugin alone."""
    from .exits import say

    document = _document(name, role)
    if as_json:
        import json

        say(json.dumps(document, indent=2))
    else:
        say(_text(document))
    return 0


def _found(name: str, role: str | None) -> PluginEntry:
    """Return the plugin that is meant. Raises ``PluginError``: none, several, or one that can't be used."""
    from operator_tool.api.errors import PluginError
    from operator_tool.plugin_host.discovery import Discovery
    from operator_tool.plugin_host.entry import Role

    discovery = Discovery()
    roles = sorted({e.role for e in discovery.entries if e.name == name and (role is None or e.role == role)})
    if not roles:
        known = ", ".join(sorted({entry.name for entry in discovery.entries}))
        raise PluginError(f"no plugin named {name!r} is installed; installed are {known}")
    if len(roles) > 1:
        raise PluginError(f"{name!r} stands in several roles: {', '.join(roles)}", hint="Give --role.")
    if roles[0] not in set(Role):
        unusable = next(e for e in discovery.entries if (e.role, e.name) == (roles[0], name))
        raise PluginError(f"{unusable.owner} can't be used: {unusable.problem}")
    return discovery.find(Role(roles[0]), name)


def _document(name: str, role: str | None) -> dict[str, Any]:
    import inspect

    from operator_tool.api.contract import CONTRACT
    from operator_tool.plugin_host.calls import load_plugin
    from operator_tool.plugin_host.contract import required_contract
    from operator_tool.plugin_host.hooks import Hooks
    from operator_tool.settings import describe_settings

    from .own_process import keep_from_plugins

    entry = _found(name, role)
    keep_from_plugins()
    hooks = Hooks()
    plugin = load_plugin(entry)
    hooks.register(entry, plugin)
    return {
        "role": entry.role,
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "target": entry.target,
        "description": (inspect.getdoc(plugin) or "").partition("\n")[0].replace("``", ""),
        "contract": CONTRACT,
        "requires_contract": required_contract(entry, plugin),
        "hooks": hooks.implemented(entry),
        "settings": [
            {
                "key": f"{entry.name}.{setting.name}",
                "type": setting.type,
                "required": setting.required,
                "default": setting.default,
                "description": setting.description,
                "environment": setting.environment_variable(entry.name),
            }
            for setting in describe_settings(hooks.settings_type(entry))
        ],
    }


def _text(document: dict[str, Any]) -> str:
    required = f"; it asks for {document['requires_contract']}" if document["requires_contract"] else ""
    lines = [
        f"{document['role']} {document['name']}",
        f"  what      {document['description']}",
        f"  from      {document['distribution']} {document['version']} ({document['target']})",
        f"  hooks     {', '.join(document['hooks'])}",
        f"  contract  {document['contract']}{required}",
    ]
    if not document["description"]:
        del lines[1]
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
