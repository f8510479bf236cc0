"""Text from the companion, made safe to show in one line."""

from __future__ import annotations

from operator_tool.api import escape_bytes, escape_controls

LIMIT = 2000
"""How much of a line of the companion's is shown."""


def printable(text: str, *, at_most: int = LIMIT) -> str:
    """Return ``text`` with every character that doesn't print escaped, cut to ``at_most`` characters."""
    return escape_controls(text, limit=at_most)


def printable_line(line: bytes, *, at_most: int = LIMIT) -> str:
    """Return one raw line likewise; bytes that are not UTF-8 are shown as escapes."""
    return escape_bytes(line, limit=at_most)
