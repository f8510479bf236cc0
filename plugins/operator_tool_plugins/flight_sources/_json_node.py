"""A value of a JSON document together with its path, so that every refusal names its place."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from operator_tool.api import FlightFormatError

from ._decimal_comma import hint_for
from ._escaping import escaped


class Node(msgspec.Struct, frozen=True):
    """One value and where it stands, such as ``mission.items[3].params[4]``; the root's path is empty."""

    value: object
    path: str

    @property
    def place(self) -> str:
        """The path as a message shows it."""
        return self.path or "the document"

    def error(self, reason: str, *, hint: str | None = None) -> FlightFormatError:
        """Return the error that says what is wrong at this place."""
        return FlightFormatError(f"{self.place}: {reason}", hint=hint)

    def at(self, value: object, step: str | int) -> Node:
        """Return the child that ``step`` leads to."""
        if isinstance(step, int):
            return Node(value, f"{self.path}[{step}]")
        key = escaped(step, 40)
        return Node(value, f"{self.path}.{key}" if self.path else key)

    def children(self) -> Iterator[Node]:
        """Yield the children in the document's order; a value that is neither object nor list has none."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield self.at(value, key)
        elif isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield self.at(value, index)

    def get(self, key: str) -> Node | None:
        """Return a member of this object, or None where it is missing or null."""
        value = self.members().get(key)
        return None if value is None else self.at(value, key)

    def require(self, key: str, *, expected: str = "") -> Node:
        """Return a member that must be there and not be null."""
        members = self.members()
        if members.get(key) is not None:
            return self.at(members[key], key)
        seen = "null" if key in members else "missing"
        raise self.at(None, key).error(f"{seen}, expected {expected}" if expected else seen)

    def members(self) -> dict[str, object]:
        """Return this object's members."""
        if not isinstance(self.value, dict):
            raise self.error(f"{self.seen()}, expected an object")
        return self.value

    def items(self) -> list[Node]:
        """Return this list's items."""
        if not isinstance(self.value, list):
            raise self.error(f"{self.seen()}, expected a list")
        return list(self.children())

    def number(self) -> float:
        """Return this number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            hint = hint_for(self.value) if isinstance(self.value, str) else None
            raise self.error(f"{self.seen()}, expected a number", hint=hint)
        return float(self.value)

    def integer(self) -> int:
        """Return this whole number; 3.0 is one."""
        number = self.number()
        if not number.is_integer():
            raise self.error(f"{self.seen()}, expected a whole number")
        return int(number)

    def text(self) -> str:
        """Return this text as it is; escape it before it is shown."""
        if not isinstance(self.value, str):
            raise self.error(f"{self.seen()}, expected text")
        return self.value

    def seen(self) -> str:
        """Say what stands here, short enough for a message."""
        if isinstance(self.value, str):
            return f"'{escaped(self.value, 40)}'"
        if isinstance(self.value, dict):
            return "an object"
        if isinstance(self.value, list):
            return "a list"
        words = {None: "null", True: "true", False: "false"}
        for value, word in words.items():
            if self.value is value:
                return word
        return escaped(f"{self.value}", 40)
