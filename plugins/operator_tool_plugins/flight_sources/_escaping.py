"""Strings from files and services, made safe to show in one line."""

from __future__ import annotations

from operator_tool.api import escape_controls

LIMIT = 100
"""How much of a name or a value a message shows."""


def escaped(text: str, limit: int = LIMIT) -> str:
    """Return ``text`` on one line, with every character that doesn't print escaped, cut to ``limit`` characters."""
    return escape_controls(text, limit=limit)
