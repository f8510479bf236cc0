"""What a server says, made fit to be said again."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from operator_tool.api import Secret, escape_controls

from .._http.address import without_queries

_LISTED = 20
_LONGEST = 80


class ServerWords:
    """Repeats a server's words: short, without control characters, and without the key, or the queries of
    addresses, should they hold any."""

    def __init__(self, key: Secret | None) -> None:
        text = key.reveal() if key is not None else ""
        forms = {text, quote(text), quote(text, safe="")} - {""}
        self._key_forms = sorted(forms, key=len, reverse=True)

    def safe(self, text: str, *, limit: int = _LONGEST) -> str:
        """Return a text as it may be shown and stored."""
        for form in self._key_forms:
            text = text.replace(form, "***")
        return escape_controls(without_queries(text), limit=limit)

    def quoted(self, name: str) -> str:
        """Return a name in quotes."""
        return f"'{self.safe(name)}'"

    def listed(self, items: Iterable[str]) -> str:
        """Return the first of some items that are safe already, and how many more there are."""
        first = list(items)
        more = f" and {len(first) - _LISTED:,} more" if len(first) > _LISTED else ""
        return ", ".join(first[:_LISTED]) + more
