"""The whole contract as text, so that a change of it is seen as a change of one file.

What stands below something is indented under it. A line begins with what it is and its name, so that one contract's
lines can be held against another's (``tests.support.contract_changes``).
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, get_args

import msgspec

from operator_tool import api
from operator_tool.api import contract, events, hookspecs, implementing
from operator_tool.cli import exits
from operator_tool.plugin_host.entry import CONTRACT_MAJOR, Role

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "argument",
    inspect.Parameter.VAR_POSITIONAL: "rest",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "keywords",
}
_STRUCT_OPTIONS = ("frozen", "order", "forbid_unknown_fields", "array_like")
_ERRORS = {"exit_code", "default_retryable", "failure_phase", "default_hint"}
"""What an error's own line says, and the hint, whose wording nobody builds on."""
_UNSAID = {"__annotations__", "__dict__", "__doc__", "__module__", "__parameters__", "__qualname__", "__weakref__"}


def contract_text() -> str:
    """Return hooks, arguments, annotations, Protocols, nouns, events, errors and exit codes, one a line."""
    lines = [f"contract {contract.CONTRACT}", *_groups(), *_hooks(), *_names(), *_markers(), *_events(), *_exits()]
    text = re.sub(r" at 0x[0-9a-f]+", "", "\n".join(lines)) + "\n"
    return re.sub(r"\boperator_tool\.api\.(\w+\.)+", "", text)


def hook_names() -> list[str]:
    """Return the names of all hooks."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{api.PROJECT_NAME}_spec")]


def _groups() -> Iterator[str]:
    yield from (f"group operator_tool.v{CONTRACT_MAJOR}.{role}" for role in Role)
    yield f"module-attribute {contract.REQUIRES_CONTRACT}: str"


def _hooks() -> Iterator[str]:
    for name in hook_names():
        function = getattr(hookspecs, name)
        options = getattr(function, f"{api.PROJECT_NAME}_spec")
        said = "".join(f", {option}" for option in ("firstresult", "historic") if options[option])
        yield f"hook {name} -> {_shown(inspect.signature(function).return_annotation)}{said}"
        yield from _indented(_arguments(function))
        if options["warn_on_impl"]:
            yield f"  deprecated: {options['warn_on_impl']}"
        for argument, warning in (options["warn_on_impl_args"] or {}).items():
            yield f"  deprecated {argument}: {warning}"


def _names() -> Iterator[str]:
    names = {name: getattr(api, name) for name in api.__all__}
    gone = {name: deprecated.value for name, deprecated in contract.DEPRECATED_NAMES.items()}
    for name, value in sorted((names | gone).items()):
        yield f"name {name}"
        if name in gone:
            deprecated = contract.DEPRECATED_NAMES[name]
            yield f"  deprecated: since {deprecated.since}, use {deprecated.use}"
        yield from _indented(["is the number above"] if name == "CONTRACT" else _described(value))


def _markers() -> Iterator[str]:
    """Yield what a type checker knows of a hook's function: the private Protocols and type variables of the marker."""
    for name, value in vars(implementing).items():
        if isinstance(value, TypeVar):
            yield f"marker {name}: {value.__bound__}"
        elif inspect.isclass(value) and value.__module__ == implementing.__name__ and name.startswith("_"):
            yield f"marker {name}"
            yield from _indented(_described(value))


def _events() -> Iterator[str]:
    for event in get_args(events.Event):
        yield f"event {event.__struct_config__.tag} {event.__name__}"


def _exits() -> Iterator[str]:
    """Yield the exit codes that belong to no error."""
    yield from (f"exit {number.name} = {code}" for number, code in exits._SIGNAL_CODES.items())


def _described(value: Any) -> Iterator[str]:
    """Yield what there is to know of one name: what it is, and what it has."""
    if inspect.isclass(value) and not value.__module__.startswith("operator_tool"):
        yield f"is {value.__module__}.{value.__qualname__}"
    elif inspect.isclass(value):
        yield from _class(value)
    elif inspect.isfunction(value):
        yield from _function("function", value)
    elif isinstance(value, (bool, int, float, str, bytes, tuple, frozenset)):
        yield f"is {value!r}"
    elif type(value).__module__.startswith("operator_tool"):
        yield f"is {type(value).__name__}()"
    elif isinstance(value, types.UnionType):
        yield from (f"or {one.__name__}" for one in get_args(value))
    else:
        yield f"is {_with_aliases_by_name(value)}"


def _with_aliases_by_name(value: Any) -> str:
    text = str(value)
    for name in api.__all__:
        if isinstance(union := getattr(api, name), types.UnionType):
            text = text.replace(str(union), name)
    return text


def _class(value: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in value.__bases__)
    if issubclass(value, api.OperatorToolError):
        phase = value.failure_phase.value if value.failure_phase else None
        yield f"error({bases}) exit code {value.exit_code}, retryable {value.default_retryable}, phase {phase}"
    elif issubclass(value, msgspec.Struct):
        config = value.__struct_config__
        said = [option for option in _STRUCT_OPTIONS if getattr(config, option)]
        tagged = [f"{config.tag_field}={config.tag}"] if config.tag is not None else []
        yield f"struct({bases}) {' '.join(said + tagged)}".rstrip()
        yield from _fields(value)
    elif dataclasses.is_dataclass(value):
        yield f"dataclass({bases}){' frozen' if value.__dataclass_params__.frozen else ''}"  # type: ignore[attr-defined]
        yield from _fields(value)
    elif issubclass(value, enum.Enum):
        yield f"enum({bases})"
        yield from (f"member {member.name} = {member.value!r}" for member in value)
    elif getattr(value, "_is_protocol", False):
        checked = " runtime_checkable" if getattr(value, "_is_runtime_protocol", False) else ""
        yield f"protocol({bases}){checked}"
    else:
        yield f"class({bases})"
    yield from _members(value)


def _fields(value: Any) -> Iterator[str]:
    """Yield the fields of a struct or a dataclass, in the order in which they may be given."""
    for name, parameter in inspect.signature(value).parameters.items():
        how = "keyword" if parameter.kind is inspect.Parameter.KEYWORD_ONLY else "positional"
        yield f"field {name}: {_annotation(value, name)} {how}{_default(value, name)}"


def _default(value: Any, field: str) -> str:
    if dataclasses.is_dataclass(value):
        found: Any = next(one for one in dataclasses.fields(value) if one.name == field)
        missing: Any = dataclasses.MISSING
    else:
        found = next(one for one in msgspec.structs.fields(value) if one.name == field)
        missing = msgspec.NODEFAULT
    if found.default_factory is not missing:
        return f" = {found.default_factory.__name__}()"
    if found.default is missing:
        return ""
    if isinstance(found.default, msgspec.Struct) and found.default == type(found.default)():
        return f" = {type(found.default).__name__}()"  # its own fields stand with its own name
    return f" = {found.default!r}"


def _members(value: type) -> Iterator[str]:
    """Yield what a class itself defines; what it inherits stands with its bases."""
    fields = frozenset(getattr(value, "__dataclass_fields__", ()) or getattr(value, "__struct_fields__", ()))
    for member, found in vars(value).items():
        if member in _UNSAID or member in fields or (member.startswith("_") and not member.startswith("__")):
            continue
        if inspect.isfunction(found):
            if _is_ours(value, member, found):
                yield from _function(f"method {member}", found, drop=1)
        elif isinstance(found, (classmethod, staticmethod)):
            kind = type(found).__name__
            yield from _function(f"{kind} {member}", found.__func__, drop=kind == "classmethod")
        elif isinstance(found, property) and found.fget is not None:
            yield f"property {member} -> {_shown(inspect.signature(found.fget).return_annotation)}"
        elif isinstance(found, (int, float, str)) and not (
            member.startswith("__")
            or member in _ERRORS
            or issubclass(value, enum.Enum)
            or member in vars(value).get("__annotations__", {})
        ):
            yield f"constant {member} = {found!r}"
    for member, annotation in vars(value).get("__annotations__", {}).items():
        if member not in fields and not member.startswith("_"):
            given = f" = {vars(value)[member]!r}" if member in vars(value) else ""
            yield f"attribute {member}: {_shown(annotation)}{given}"


def _is_ours(value: type, member: str, found: Callable[..., Any]) -> bool:
    """Tell a method that stands in our source from one that Python or a library wrote for the class."""
    if not member.startswith("__"):
        return True
    if getattr(value, "_is_protocol", False) and member in ("__init__", "__subclasshook__"):
        return False
    return found.__code__.co_filename == inspect.getsourcefile(value)


def _function(head: str, function: Callable[..., Any], *, drop: int = 0) -> Iterator[str]:
    """Yield a function, each of its overloads, and their arguments; ``drop`` leaves out ``self``."""
    for one in typing.get_overloads(function) or [function]:
        yield f"{head} -> {_shown(inspect.signature(one).return_annotation)}"
        yield from _indented(list(_arguments(one))[drop:])


def _arguments(function: Callable[..., Any]) -> Iterator[str]:
    for name, parameter in inspect.signature(function).parameters.items():
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        yield f"{_KINDS[parameter.kind]} {name}: {_shown(parameter.annotation)}{default}"


def _annotation(value: Any, field: str) -> str:
    for base in value.__mro__:
        if field in vars(base).get("__annotations__", {}):
            return _shown(vars(base)["__annotations__"][field])
    return "?"


def _shown(annotation: object) -> str:
    if annotation is inspect.Parameter.empty:
        return "?"
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _indented(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines)
