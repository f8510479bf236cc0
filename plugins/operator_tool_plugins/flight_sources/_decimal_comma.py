"""The decimal comma: one word for it in every format."""

from __future__ import annotations

import re

HINT = "The file has decimal commas: save it again with decimal points (an English locale)."
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]{1,3})?")


def hint_for(text: str) -> str | None:
    """Return the hint where a text is a number with a comma in the place of its point."""
    return HINT if len(text) <= 100 and _COMMA.fullmatch(text.strip()) else None
