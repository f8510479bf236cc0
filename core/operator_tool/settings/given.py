"""One value as somebody gave it, and what may be said of it in an error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from operator_tool.api import ConfigError, PluginError
from operator_tool.api.escaping import escape_controls
from operator_tool.redaction import Redactor

from .conversion import from_text, from_toml, in_words, place_in_value

_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]{2}[^/\\?#\s]*@")
_URL_QUERY = re.compile(r"(://[^\s?#]*)\?[^\s'\"]*")
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class Given:
    """A setting's value with where it was given; it may be a secret, so it doesn't print."""

    value: Any = field(repr=False)
    where: str
    """Such as ``/home/ada/.config/operator-tool/config.toml [xyz]``, a variable's name, or ``-o xyz.url``."""
    is_text: bool
    """Whether it is text that stands for any type, from a variable or an option."""


@dataclass(frozen=True)
class Layer:
    """What one source gives to one plugin, by key."""

    values: dict[str, Given]
    kind: str
    """``file``, ``environment`` or ``option``."""


def converted(given: Given, name: str, annotation: Any, redactor: Redactor) -> Any:
    """Return the value as the setting's type; the :class:`ConfigError` names source, key, value and the type wanted."""
    try:
        return (from_text if given.is_text else from_toml)(given.value, annotation)
    except TypeError as error:
        raise PluginError(f"the setting {name} is declared with a type that can't be: {error}") from None
    except msgspec.ValidationError as error:
        place = place_in_value(error)
        inside = f" at {place}" if place else ""
        # "from None": the exception may carry the value.
        raise ConfigError(
            f"{given.where}: {name} is {shown(given.value, redactor)}, but wants {in_words(annotation)}{inside}"
        ) from None


def refuse_userinfo(given: Given, name: str) -> None:
    """Refuse a URL that holds a user or a password, without repeating it: such a URL ends up in every log."""
    if any(_USERINFO.search(text) for text in _strings(given.value)):
        raise ConfigError(
            f"{given.where}: {name} is a URL that holds a user name or a password before its host",
            hint="Take it out of the URL, and give the secret by the plugin's own setting for it.",
        )


def shown(value: object, redactor: Redactor) -> str:
    """Return a value that is no secret as an error may show it: one line, short, no query of a URL."""
    text = redactor.line(escape_controls(repr(value)))
    text = _URL_QUERY.sub(r"\1?...", text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean X?``, or nothing where no name is near."""
    near = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _strings(item)
        case dict():
            for item in value.values():
                yield from _strings(item)
