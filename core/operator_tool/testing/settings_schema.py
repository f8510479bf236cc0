"""What is asked of a plugin's settings class, field by field, and the values that a field must refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from operator_tool.api import PluginSettings
from operator_tool.settings import describe_settings
from operator_tool.settings.conversion import from_toml, is_secret

_NOT_A_SETTING = {"": [[{"": ()}]]}
"""What no setting's type has use for."""


def secret_fields(settings_type: type[PluginSettings]) -> list[str]:
    """Return the names of the settings that are secrets."""
    return [field.encode_name for field in msgspec.structs.fields(settings_type) if is_secret(field.type)]


def undescribed(settings_type: type[PluginSettings]) -> list[str]:
    """Return the names of the settings of which nothing is said."""
    return [setting.name for setting in describe_settings(settings_type) if not setting.description.strip()]


def unbounded(settings_type: type[PluginSettings]) -> list[str]:
    """Return the names of the settings that hold a number of which neither a least nor a most is stated."""
    return [
        field.encode_name
        for field in msgspec.structs.fields(settings_type)
        if not is_secret(field.type)
        and any(not _has_bound(number) for number in _numbers(inspect.type_info(field.type)))
    ]


def out_of_range(settings_type: type[PluginSettings]) -> Iterator[tuple[str, str]]:
    """Yield a name, and as an option's text a value beyond a bound, for each that a number's setting states."""
    for field in msgspec.structs.fields(settings_type):
        if is_secret(field.type):
            continue
        number = _only_number(inspect.type_info(field.type))
        if number is None:
            continue
        beyond = {"ge": -1, "gt": 0, "le": 1, "lt": 0}
        for bound, step in beyond.items():
            edge = getattr(number, bound)
            if edge is not None:
                yield field.encode_name, str(edge + step)


def take_anything(settings_type: type[PluginSettings]) -> list[str]:
    """Return the names of the settings whose type refuses nothing, or can't be read from a setting at all."""
    found = []
    for field in msgspec.structs.fields(settings_type):
        if is_secret(field.type):
            continue
        try:
            from_toml(_NOT_A_SETTING, field.type)
        except msgspec.ValidationError:
            continue
        except TypeError:
            found.append(field.encode_name)
        else:
            found.append(field.encode_name)
    return found


def wrong_defaults(settings_type: type[PluginSettings]) -> list[str]:
    """Return what is wrong with each default that the setting's own type would refuse."""
    problems = []
    for field in msgspec.structs.fields(settings_type):
        if field.required or is_secret(field.type):
            continue
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        written = msgspec.to_builtins(default, enc_hook=str)
        try:
            from_toml(written, field.type)
        except (msgspec.ValidationError, TypeError) as error:
            problems.append(f"{field.encode_name} = {default!r}: {error}")
    return problems


def _only_number(info: Any) -> inspect.IntType | inspect.FloatType | None:
    """Return the number that a setting is, if it is one and may at most be missing."""
    match info:
        case inspect.IntType() | inspect.FloatType():
            return info
        case inspect.Metadata(type=inner):
            return _only_number(inner)
        case inspect.UnionType(types=members):
            others = [member for member in members if not isinstance(member, inspect.NoneType)]
            return _only_number(others[0]) if len(others) == 1 else None
    return None


def _numbers(info: Any) -> Iterator[inspect.IntType | inspect.FloatType]:
    match info:
        case inspect.IntType() | inspect.FloatType():
            yield info
        case inspect.Metadata(type=inner) | inspect.CollectionType(item_type=inner):
            yield from _numbers(inner)
        case inspect.UnionType(types=members) | inspect.TupleType(item_types=members):
            for member in members:
                yield from _numbers(member)


def _has_bound(number: inspect.IntType | inspect.FloatType) -> bool:
    return any(bound is not None for bound in (number.ge, number.gt, number.le, number.lt))
