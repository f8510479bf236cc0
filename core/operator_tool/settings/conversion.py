"""From what was written to a setting's type, and that type in words."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from operator_tool.api import Secret


def is_secret(annotation: Any) -> bool:
    """Tell whether a field is a secret, needed or not."""
    if get_origin(annotation) is Annotated:
        return is_secret(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return any(map(is_secret, get_args(annotation)))
    return annotation is Secret


def from_toml(value: object, annotation: Any) -> Any:
    """Return a TOML value as the type; raises ``msgspec.ValidationError``."""
    return _without_nan(msgspec.convert(value, annotation, strict=True, dec_hook=_decode))


def from_text(text: str, annotation: Any) -> Any:
    """Return the text of a variable or an option as the type: as it stands, as JSON, or as a list with commas.

    Raises ``msgspec.ValidationError``.
    """
    readings: list[object] = [text]
    if text.lstrip()[:1] in ("[", "{"):
        try:
            readings.append(msgspec.json.decode(text))
        except (msgspec.DecodeError, RecursionError):
            readings.append(text)
    else:
        readings.append([part.strip() for part in text.split(",") if part.strip()])
    failure: msgspec.ValidationError | None = None
    for reading in readings:
        try:
            return _without_nan(msgspec.convert(reading, annotation, strict=False, dec_hook=_decode))
        except msgspec.ValidationError as error:
            # The later reading tells more only where it got inside the value.
            failure = error if failure is None or "`$[" in str(error) or "`$." in str(error) else failure
    assert failure is not None
    raise failure


def place_in_value(error: msgspec.ValidationError) -> str:
    """Return the place within the value that an error speaks of, such as ``[2]``; empty for the value itself."""
    found = re.search(r" - at `(?:key in )?\$(.*)`$", str(error))
    return found[1] if found else ""


def in_words(annotation: Any) -> str:
    """Return what a type wants, for a person: ``a whole number, at least 1 and at most 64``."""
    from msgspec import inspect

    return _words(inspect.type_info(annotation))


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        try:
            return Path(value).expanduser()
        except RuntimeError:
            raise ValueError("there is no home folder for ~") from None
    raise ValueError(f"{kind.__name__} can't be read from a setting")


def _without_nan(value: Any) -> Any:
    """Refuse NaN, which passes every bound."""
    match value:
        case float() if math.isnan(value):
            raise msgspec.ValidationError("NaN is no number")
        case list() | tuple() | set() | frozenset():
            for item in value:
                _without_nan(item)
        case dict():
            for item in value.values():
                _without_nan(item)
    return value


def _words(info: Any) -> str:
    from msgspec import inspect

    match info:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.UnionType(types=members):
            return " or ".join(_words(member) for member in members)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(map(str, values))
        case inspect.EnumType(cls=kind):
            return "one of " + ", ".join(str(member.value) for member in kind)
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)}: " + ", ".join(map(_words, items))
        case inspect.DictType(key_type=key, value_type=value):
            return f"a table from {_words(key)} to {_words(value)}"
        case inspect.StructType(fields=fields):
            return "a table of " + ", ".join(field.encode_name for field in fields)
        case inspect.CustomType(cls=kind):
            return "a path" if kind is Path else kind.__name__
        case inspect.CollectionType(item_type=item):
            return f"a list, each {_words(item)}" + _bounds(info)
    return _NAMES.get(type(info).__name__, type(info).__name__.removesuffix("Type").lower()) + _bounds(info)


_NAMES = {
    "AnyType": "any value",
    "BoolType": "true or false",
    "FloatType": "a number",
    "IntType": "a whole number",
    "NoneType": "nothing",
    "StrType": "text",
}

_BOUNDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "multiple_of": "a multiple of {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "matching {}",
}


def _bounds(info: Any) -> str:
    parts = [words.format(getattr(info, name)) for name, words in _BOUNDS.items() if _bound(info, name)]
    return ", " + " and ".join(parts) if parts else ""


def _bound(info: Any, name: str) -> bool:
    return getattr(info, name, None) is not None
