"""``mock.script`` as it is read: what is wrong in it is named with its place."""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from operator_tool.api import ConfigError, escape_controls

from .script import AnyFault, LinkScript, MachineScript, Phase, Script

MAX_BYTES = 1024 * 1024
_KINDS: dict[str, type[msgspec.Struct]] = {str(kind.__struct_config__.tag): kind for kind in typing.get_args(AnyFault)}
_HINT = "docs/how-to/rehearse-with-a-mock.md has an example of each."
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`\Z")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")


def read_script(path: Path) -> Script:
    """Return what the file says. Raises ``ConfigError`` naming file and place."""
    document = _document(path)
    for place, value in _floats(document, ""):
        if not math.isfinite(value):
            raise _wrong(path, place, f"{value} is no number to count with")
    try:
        return msgspec.convert(document, Script, strict=True)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _AT.search(text)
        where = found.group("path") if found else ""
        raise _wrong(path, where, _explained(text[: found.start()] if found else text, where, document)) from None


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"mock.script {_shown(path)} can't be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"mock.script {_shown(path)} is larger than {MAX_BYTES:,} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(f"mock.script {_shown(path)} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"mock.script {_shown(path)} is not TOML: {error}") from None


def _floats(value: object, place: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield place, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _floats(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _floats(item, f"{place}[{number}]")


def _explained(text: str, where: str, document: dict[str, Any]) -> str:
    """Return what is wrong, with what would be right."""
    if unknown := _UNKNOWN.match(text):
        key, known = unknown.group("key"), _keys(where, document)
        near = difflib.get_close_matches(key, known, 1)
        return f"there is no key {key}; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")
    if where.endswith(".phase"):
        return f"{_decapitalized(text)}; there are {', '.join(Phase)}"
    if where.endswith(".kind") or "required field `kind`" in text:
        return f"{_decapitalized(text)}; there are {', '.join(_KINDS)}"
    return _decapitalized(text)


def _keys(where: str, document: dict[str, Any]) -> list[str]:
    """Return the keys that the table at this place may have."""
    if number := re.match(r"\.fault\[(\d+)\]", where):
        kind = document["fault"][int(number.group(1))].get("kind")
        return ["kind", *_KINDS[kind].__struct_fields__]
    tables: dict[str, type[msgspec.Struct]] = {".link": LinkScript, ".machine": MachineScript}
    table = tables.get(where, Script)
    return list(table.__struct_fields__)


def _wrong(path: Path, where: str, what: str) -> ConfigError:
    place = re.sub(r"\.?fault\[(\d+)\]\.?", lambda found: f"fault {int(found.group(1)) + 1}, ", where)
    place = place.strip(".").removesuffix(", ")
    named = f"{_shown(path)}, {escape_controls(place)}" if place else _shown(path)
    return ConfigError(f"mock.script {named}: {escape_controls(what)}", hint=_HINT)


def _decapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]


def _shown(path: Path) -> str:
    return escape_controls(str(path))
