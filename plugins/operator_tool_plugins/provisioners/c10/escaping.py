"""Text from the companion, made harmless: it can't move a cursor, fake a line or turn the direction of reading."""

from __future__ import annotations


def printable(text: str, *, at_most: int = 2000) -> str:
    """Return ``text`` with every control, formatting and unpaired character shown as an escape, cut at a length."""
    if len(text) > at_most:
        text = text[:at_most] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_line(line: bytes, *, at_most: int = 2000) -> str:
    """Return one raw line as harmless text; bytes that are not UTF-8 are shown as escapes."""
    return printable(line.decode("utf-8", "backslashreplace"), at_most=at_most)
