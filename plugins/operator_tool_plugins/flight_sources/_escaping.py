"""Strings from files and services, made safe to show."""

from __future__ import annotations

import re

_BACKSLASH_U = re.compile(r"[^ -~]")


def escaped(text: str, limit: int = 100) -> str:
    """Return ``text`` on one line, with every character that doesn't print escaped, cut to ``limit`` characters.

    Control characters, direction overrides and lone surrogates become ``\\x1b``, ``\\u202e``, ``\\ud800``. What comes
    out is for people: it is never a path, an argument or markup.
    """
    cut = text[: limit + 1]
    if not cut.isprintable():
        cut = "".join(_escape(character) for character in cut)
    return cut if len(cut) <= limit else cut[: limit - 1] + "…"


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return _BACKSLASH_U.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), character)
