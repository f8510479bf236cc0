"""What comes of a plugin's methods is checked once, where it enters: of the right kind, whole, and bounded."""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar

import msgspec

from operator_tool.api.companion import CompanionIdentity
from operator_tool.api.errors import PluginError
from operator_tool.api.roles import CompanionSession, CompanionTransport, Provisioner, TileProvider
from operator_tool.api.tiles import MAX_ZOOM, ProviderInfo
from operator_tool.plugin_host.blame import brief, hint_about, no_such, owner_of
from operator_tool.plugin_host.calls import ANSWER_S, answered
from operator_tool.plugin_host.protocols import meets

MAX_ITEMS = 100_000
"""Of any one list in an answer, such as a flight's waypoints; a file's are fewer."""
_MAX_NAME = 2000
_MAX_ATTRIBUTION = 20_000
_MAX_NUMBER = 2**53 - 1
_MAX_TEXT = 100_000
_HALVES = re.compile("[\ud800-\udfff]")
_MAX_TILE_SIZE_PX = 8192

_Answer = TypeVar("_Answer", bound=msgspec.Struct)


def plain(who: str, answer: object, kind: type[_Answer], *, by: object) -> _Answer:
    """Return an answer as data of exactly this kind, every field of the right type: none of it runs any code.

    Raises ``PluginError`` for what is something else, and for what is more than anybody can mean. What is lazy is
    refused and not drawn out: it may have no end. ``by`` is what a plugin made, which answered.
    """
    hint = hint_about(by)
    if not isinstance(answer, kind):
        raise PluginError(f"{who} gave {brief(answer)}, not a {kind.__name__}", hint=hint)
    for name in answer.__struct_fields__:
        value = getattr(answer, name)
        if isinstance(value, (tuple, list)) and len(value) > MAX_ITEMS:
            raise PluginError(
                f"{who} gave a {kind.__name__} with {len(value):,} {name}, at most {MAX_ITEMS:,}", hint=hint
            )
    try:
        return msgspec.convert(msgspec.to_builtins(answer, enc_hook=_of_a_builtin), kind)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PluginError(f"{who} gave a {kind.__name__} that is none: {str(error)[:200]}", hint=hint) from error


def described(name: str, provider: TileProvider, *, limit_s: float = ANSWER_S) -> ProviderInfo:
    """Return what a provider says of itself. Raises what it raises, and ``PluginError`` for what can't be meant."""
    who = owner_of(provider, f"tile provider {name!r}")
    with answered(who, "describe", limit_s=limit_s):
        answer = provider.describe()
    info = plain(who, answer, ProviderInfo, by=provider)
    hint = hint_about(provider)
    if not 0 <= info.min_zoom <= info.max_zoom <= MAX_ZOOM:
        raise PluginError(f"{who} says that it has the zooms {info.min_zoom} to {info.max_zoom}", hint=hint)
    if not 0 < info.tile_size_px <= _MAX_TILE_SIZE_PX:
        raise PluginError(f"{who} says that its tiles have {info.tile_size_px} pixels", hint=hint)
    if not 0 < len(info.dataset) <= _MAX_NAME:
        raise PluginError(
            f"{who} names its data set by {len(info.dataset):,} characters, at most {_MAX_NAME:,}", hint=hint
        )
    problem = _beyond(msgspec.to_builtins(info))
    if problem or len(info.attribution) > _MAX_ATTRIBUTION:
        said = problem or f"an attribution of {len(info.attribution):,} characters, at most {_MAX_ATTRIBUTION:,}"
        raise PluginError(f"{who} describes itself with {said}", hint=hint)
    return info


def opened(transport: CompanionTransport) -> CompanionSession:
    """Return a session of a transport's. Raises what it raises, and ``PluginError`` for what is no session."""
    session = transport.connect()
    if not meets(session, CompanionSession):
        who = owner_of(transport, "the transport")
        raise PluginError(f"{who}: connect gave {no_such(session, CompanionSession)}", hint=hint_about(transport))
    of_the_companion(transport, "identity", session.identity, CompanionIdentity)
    return session


def of_the_companion(
    made: Provisioner | CompanionTransport, method: str, answer: object, kind: type[_Answer]
) -> _Answer:
    """Return what a provisioner or a transport answered, as plain data: it breaks nothing that is told of others.

    Raises ``PluginError`` for what is something else, or is beyond what can be meant.
    """
    who = f"{owner_of(made, 'what reaches the companion')}: {method}"
    answer = plain(who, answer, kind, by=made)
    problem = _beyond(msgspec.to_builtins(answer))
    if problem:
        raise PluginError(f"{who} gave a {kind.__name__} with {problem}", hint=hint_about(made))
    return answer


def _beyond(value: object) -> str:
    """Return what in an answer is beyond what can be meant, in words; empty where nothing is."""
    match value:
        case bool() | None:
            return ""
        case int():
            return "" if abs(value) <= _MAX_NUMBER else "a number beyond 53 bits"
        case float():
            return "" if math.isfinite(value) else "a number that is none"
        case str():
            if len(value) > _MAX_TEXT:
                return f"a text of {len(value):,} characters"
            return "" if value.isascii() or not _HALVES.search(value) else "half a character"
        case dict():
            return _beyond([*value, *value.values()])
        case list() | tuple():
            if len(value) > MAX_ITEMS:
                return f"{len(value):,} things in one list"
            return next(filter(None, map(_beyond, value)), "")
    return ""


def _of_a_builtin(thing: Any) -> Any:
    """Return a number or text of a library's own kind as Python's."""
    for kind in (float, int, str):
        if isinstance(thing, kind):
            return kind(thing)
    raise TypeError(f"{brief(thing)} in it")
