"""Text from outside (a file, a service, a provider, a companion), made harmless to show."""

from __future__ import annotations


def escape_controls(text: str, *, keep: str = "", limit: int | None = None) -> str:
    """Return the text as one can read it safely: ``\\x1b`` for ESC, ``\\u202e`` for a direction override, and so on.

    Every character that doesn't print is shown as its escape: nothing moves a cursor, fakes a line, sets a clipboard or
    turns the direction of reading. ``keep`` names control characters that stay, such as the newlines of a text of many
    lines. The result is cut to ``limit`` characters. It is for people: never a path, an argument or markup.
    """
    if limit is not None:
        text = text[: limit + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def escape_bytes(data: bytes, *, keep: str = "", limit: int | None = None) -> str:
    """Return bytes as harmless text; what is not UTF-8 is shown as escapes too."""
    return escape_controls(data.decode("utf-8", "backslashreplace"), keep=keep, limit=limit)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
