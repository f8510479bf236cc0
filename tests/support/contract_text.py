"""The whole contract as text, so that a change of it is seen as a change of one file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from operator_tool import api
from operator_tool.api import events, hookspecs
from operator_tool.plugin_host.discovery import CONTRACT_MAJOR, Role


def contract_text() -> str:
    """Return hooks, arguments, annotations, Protocols, nouns, events, errors and exit codes, one a line."""
    text = "\n".join([*_groups(), *_hooks(), *_names(), *_events()]) + "\n"
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _groups() -> Iterator[str]:
    yield from (f"group operator_tool.v{CONTRACT_MAJOR}.{role}" for role in Role)


def hook_names() -> list[str]:
    """Return the names of all hooks."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{api.PROJECT_NAME}_spec")]


def _hooks() -> Iterator[str]:
    for name in hook_names():
        function = getattr(hookspecs, name)
        options = getattr(function, f"{api.PROJECT_NAME}_spec")
        first = " firstresult" if options["firstresult"] else ""
        yield f"hook {name}{inspect.signature(function)}{first}"


def _names() -> Iterator[str]:
    for name in api.__all__:
        value = getattr(api, name)
        yield f"name {name}"
        if inspect.isclass(value) and issubclass(value, api.OperatorToolError):
            bases = ", ".join(base.__name__ for base in value.__bases__)
            yield f"  error({bases}) exit code {value.exit_code}, retryable {value.default_retryable}"
        elif inspect.isclass(value) and issubclass(value, msgspec.Struct):
            for field in msgspec.structs.fields(value):
                need = "required" if field.required else "optional"
                yield f"  field {field.name}: {_annotation(value, field.name)} {need}"
            yield from _members(value)
        elif inspect.isclass(value) and issubclass(value, str):
            yield from (f"  member {member.name} = {member.value}" for member in value)  # type: ignore[attr-defined]
        elif inspect.isclass(value):
            yield from _members(value)
        elif inspect.isfunction(value):
            yield f"  signature {inspect.signature(value)}"


def _members(value: type) -> Iterator[str]:
    for member, found in vars(value).items():
        if member.startswith("_") and member not in ("__init__", "__iter__", "__enter__", "__exit__"):
            continue
        if member in ("__init__",) and (inspect.isclass(value) and getattr(value, "_is_protocol", False)):
            continue
        if inspect.isfunction(found):
            yield f"  method {member}{inspect.signature(found)}"
        elif isinstance(found, classmethod):
            yield f"  classmethod {member}{inspect.signature(found.__func__)}"
        elif isinstance(found, property) and found.fget is not None:
            yield f"  property {member} -> {inspect.signature(found.fget).return_annotation}"


def _events() -> Iterator[str]:
    for event in get_args(events.Event):
        yield f"event {event.__struct_config__.tag} {event.__name__}"


def _annotation(value: Any, field: str) -> str:
    for base in value.__mro__:
        if field in vars(base).get("__annotations__", {}):
            return str(vars(base)["__annotations__"][field])
    return "?"
