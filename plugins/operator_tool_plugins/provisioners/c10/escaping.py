"""Text from the companion, made safe to show in one line; and text for it, in bounds."""

from __future__ import annotations

from operator_tool.api import escape_bytes, escape_controls

LIMIT = 2000
"""How much of a line of the companion's is shown."""


def printable(text: str, *, at_most: int = LIMIT) -> str:
    """Return ``text`` with every character that doesn't print escaped, cut to ``at_most`` characters."""
    return escape_controls(text, limit=at_most)


def carried(text: str, *, at_most: int = LIMIT) -> str:
    """Return a text of this side's as a companion is sent it: whole characters alone, and not more of them."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def printable_line(line: bytes, *, at_most: int = LIMIT) -> str:
    """Return one raw line likewise; bytes that are not UTF-8 are shown as escapes."""
    return escape_bytes(line, limit=at_most)
