"""The one type that a secret lives in."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A key, token or password that never prints: ``repr``, ``str``, ``format`` and pickling don't show it.

    Only :meth:`reveal` gives the text, at the line that sends it. A settings field of this type may come from the
    environment, a file of mode 0600, a command or the keyring, and is never part of a cache's key or of a report.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret's text; call it only where the text is sent."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("operator_tool.Secret", self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
