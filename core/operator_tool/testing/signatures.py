"""Whether an object's methods can be called as their Protocol says: names and order of arguments, no coroutine."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Generic, Protocol

_POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def signature_problems(made: object, protocol: type) -> list[str]:
    """Return what is wrong, a sentence for each method; empty where every call of the core fits."""
    return list(_problems(made, protocol))


def _problems(made: object, protocol: type) -> Iterator[str]:
    for name, wanted in _methods(protocol):
        where = f"{type(made).__name__}.{name}"
        method = getattr(made, name, None)
        if not callable(method):
            yield f"{where} is missing: {protocol.__name__} wants {name}{_without_self(wanted)}"
            continue
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            yield f"{where} is async; the core calls it and takes what it returns"
            continue
        try:
            given = inspect.signature(method)
        except (TypeError, ValueError):
            continue  # of an extension module: it says nothing of itself
        if problem := _difference(list(_without_self(wanted).parameters.values()), given):
            yield f"{where}{given} {problem}; the Protocol is {name}{_without_self(wanted)}"


def _methods(protocol: type) -> Iterator[tuple[str, inspect.Signature]]:
    for base in reversed(protocol.__mro__):
        if base in (object, Protocol, Generic):
            continue
        for name, member in vars(base).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                yield name, inspect.signature(member)


def _without_self(signature: inspect.Signature) -> inspect.Signature:
    plain = [p.replace(annotation=p.empty) for p in list(signature.parameters.values())[1:]]
    return signature.replace(parameters=plain, return_annotation=signature.empty)


def _difference(wanted: list[inspect.Parameter], given: inspect.Signature) -> str:
    parameters = list(given.parameters.values())
    takes_any_position = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    takes_any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for place, parameter in enumerate(wanted):
        found = given.parameters.get(parameter.name)
        by_name = found is not None and found.kind in _BY_NAME
        if not (by_name or takes_any_name):
            return f"has no argument {parameter.name!r}"
        if parameter.kind is _POSITIONAL and not takes_any_position:
            at = parameters[place] if place < len(parameters) else None
            if at is None or at.kind not in (at.POSITIONAL_ONLY, at.POSITIONAL_OR_KEYWORD) or at is not found:
                return f"does not take {parameter.name!r} as its argument number {place + 1}"
        if found is not None and parameter.default is not parameter.empty and found.default is found.empty:
            return f"has no default for {parameter.name!r}"
    names = {parameter.name for parameter in wanted}
    for parameter in parameters:
        optional = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.name not in names and parameter.default is parameter.empty and not optional:
            return f"wants an argument {parameter.name!r} that nobody gives"
    return ""
