"""Renders the reference of the hooks, roles, events, errors and settings from the code.

``python docs/reference/render.py`` writes the pages beside this file; a test fails when they are stale.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args

import msgspec

from operator_tool import api
from operator_tool.api import errors, events, hookspecs, roles
from operator_tool.plugin_host.discovery import Discovery, load
from operator_tool.plugin_host.hooks import Hooks
from operator_tool.settings import CORE_SECTION, CoreSettings, SettingDescription, describe_settings

_HEADER = "<!-- Rendered from the code by docs/reference/render.py; edit the docstrings, then render again. -->\n"
_SETTINGS_INTRODUCTION = (
    "Set one with `-o PLUGIN.KEY=VALUE`, with the environment variable `OPERATOR_TOOL_PLUGIN_KEY`, or in the "
    "configuration file as `KEY = VALUE` under `[PLUGIN]`. `operator-tool plugins info NAME` shows the same.\n\n"
    "A secret is never written into the configuration file. Beside its variable it can come from a file of mode 0600 "
    "(`KEY_file`), from a command's output (`KEY_command`), or from the keyring (`KEY_keyring = true`, with the extra "
    "`operator-tool[keyring]` installed). A value on the command line works for a quick try, and the process list "
    "shows it.\n"
)


def contract_page() -> str:
    """Return the page of the contract: hooks, roles, nouns, events and errors."""
    parts = [
        _HEADER,
        "# The contract\n",
        f"This is contract {api.CONTRACT}.\n",
        "Everything here is importable from `operator_tool.api`, and nothing else is a plugin's to import.\n",
        "## Hooks\n",
    ]
    for name, function in _own(hookspecs, inspect.isfunction):
        parts.append(f"### `{name}`\n\n```python\n{_signature(name, function)}\n```\n\n{_doc(function)}\n")
    parts.append("## Roles\n")
    for name, protocol in _own(roles, inspect.isclass):
        parts.append(f"### `{name}`\n\n{_doc(protocol)}\n")
        for member, value in vars(protocol).items():
            if member.startswith("_") and member not in ("__iter__",):
                continue
            if inspect.isfunction(value):
                parts.append(f"* `{_signature(member, value)}`: {_flat(_doc(value))}")
            elif isinstance(value, property) and value.fget is not None:
                parts.append(f"* `{member}`, a property: {_flat(_doc(value))}")
        parts.append("")
    parts.append("## Nouns\n")
    shown = {name for name, _ in _own(roles, inspect.isclass)}
    for name in api.__all__:
        value = getattr(api, name)
        if name in shown or value in get_args(events.Event) or name in vars(errors):
            continue
        if inspect.isclass(value) and not value.__module__.startswith("operator_tool"):
            parts.append(f"### `{name}`\n\n`{value.__module__}.{value.__qualname__}`, given on as it is.\n")
        elif inspect.isclass(value):
            parts.append(f"### `{name}`\n\n{_doc(value)}\n")
            parts.append(_fields(value))
        elif inspect.isfunction(value):
            parts.append(f"### `{name}`\n\n```python\n{_signature(name, value)}\n```\n\n{_doc(value)}\n")
    parts.append("## Events\n")
    for event in get_args(events.Event):
        parts.append(f"### `{event.__name__}`, tag `{event.__struct_config__.tag}`\n\n{_doc(event)}\n")
        parts.append(_fields(event))
    parts.append("## Errors\n\n| class | exit code | retryable | meaning |\n|---|---|---|---|")
    for name, error in _own(errors, inspect.isclass):
        retryable = "yes" if error.default_retryable else ""
        parts.append(f"| `{name}` | {error.exit_code} | {retryable} | {_flat(_doc(error))} |")
    return _page(parts)


def settings_page() -> str:
    """Return the page of the built-in plugins and their settings."""
    parts = [
        _HEADER,
        "# Settings of the built-in plugins\n",
        _SETTINGS_INTRODUCTION,
    ]
    parts.append(f"## The tool's own: `[{CORE_SECTION}]`\n\n{_flat(_doc(CoreSettings))}\n")
    parts.append(_settings_table(CORE_SECTION, describe_settings(CoreSettings)))
    for entry in Discovery().entries:
        if not entry.builtin or entry.problem:
            continue
        plugin = load(entry)
        hooks = Hooks()
        hooks.register(entry, plugin)
        parts.append(f"## {entry.role}: `{entry.name}`\n\n{_flat(_doc(plugin))}\n")
        settings = describe_settings(hooks.settings_type(entry))
        if not settings:
            parts.append("No settings.\n")
            continue
        parts.append(_settings_table(entry.name, settings))
    return _page(parts)


def _settings_table(owner: str, settings: tuple[SettingDescription, ...]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for one in settings:
        default = "required" if one.required else f"`{one.default}`"
        lines.append(f"| `{owner}.{one.name}` | {_type(one.type)} | {default} | {_flat(one.description)} |")
    return "\n".join(lines) + "\n"


def _type(words: str) -> str:
    """Return a type in words as a table's cell can show it: a pattern is code."""
    return re.sub(r"matching (\S+)", lambda found: f"matching `{found[1]}`", words).replace("|", "\\|")


def report_schema() -> str:
    """Return the JSON Schema of the report that ``--json`` and ``--report`` give."""
    return json.dumps(_canonical(msgspec.json.schema(api.CacheBuildReport)), indent=2, sort_keys=True) + "\n"


def _canonical(schema: Any) -> Any:
    """Return a JSON Schema as every version of msgspec would write it: same meaning, one order, one indentation."""
    if isinstance(schema, dict):
        plain = {key: _canonical(value) for key, value in schema.items()}
        if isinstance(plain.get("description"), str):
            plain["description"] = inspect.cleandoc(plain["description"])
        if isinstance(plain.get("anyOf"), list):
            plain["anyOf"].sort(key=lambda choice: json.dumps(choice, sort_keys=True))
        return plain
    return [_canonical(item) for item in schema] if isinstance(schema, list) else schema


PAGES = {"contract.md": contract_page, "settings.md": settings_page, "report.schema.json": report_schema}
"""Each page's file name and who renders it."""


def _own(module: Any, kind: Any) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(module).items()
        if kind(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _signature(name: str, function: Any) -> str:
    return f"{name}{inspect.signature(function)}".replace("operator_tool.api.", "").replace("'", "")


def _doc(thing: Any) -> str:
    return textwrap.dedent(inspect.getdoc(thing) or "").strip().replace(":class:", "").replace(":data:", "")


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _fields(value: type) -> str:
    if not (isinstance(value, type) and issubclass(value, msgspec.Struct)):
        return ""
    notes = _field_notes(value)
    lines = []
    for field in msgspec.structs.fields(value):
        annotation = value.__annotations__.get(field.name, field.type)
        shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
        note = f": {notes[field.name]}" if field.name in notes else ""
        lines.append(f"* `{field.name}: {shown}`{'' if field.required else ', optional'}{note}")
    return "\n".join(lines) + "\n"


def _field_notes(value: type) -> dict[str, str]:
    """Return the string that stands below each field in the class's source."""
    import ast

    body = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    assert isinstance(body, ast.ClassDef)
    notes = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            notes[before.target.id] = _flat(after.value.value)
    return notes


def _page(parts: list[str]) -> str:
    return re.sub(r"(?<!`)``(?!`)", "`", "\n".join(parts)).rstrip() + "\n"


def main() -> int:
    """Write every page."""
    for name, render in PAGES.items():
        (Path(__file__).parent / name).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
