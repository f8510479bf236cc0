"""Whether a program is the one that was recorded, and what in its lines is this run's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"[0-9a-f]{32}")
"""A word that a caller makes up to know an answer by, in each run another."""

_PYTHON = re.compile(r"python[0-9.]*")


class Translation:
    """What stood for something in the recording, and what stands for it in this run."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = {old.encode(): new.encode() for old, new in words.items() if old and old != new}

    def and_of(self, recorded: Sequence[str], asked: Sequence[str]) -> Translation:
        """Return the same with the made-up words of a program's arguments besides."""
        more = {old: new for old, new in zip(recorded, asked, strict=True) if _are_tokens(old, new)}
        made = Translation(more)
        made._words |= self._words
        return made

    def of(self, data: bytes) -> bytes:
        """Return what was recorded as it is in this run."""
        for old, new in self._words.items():
            data = data.replace(old, new)
        return data

    def of_text(self, text: str) -> str:
        """As ``of``, for a text."""
        return self.of(text.encode()).decode()


def is_same_program(recorded: Sequence[str], asked: Sequence[str], translation: Translation) -> bool:
    """Tell whether these are the arguments of one and the same call.

    Folders don't count, so that a recording can be played elsewhere than it was made; the names of files do.
    """
    return len(recorded) == len(asked) and all(
        _are_tokens(old, new) or _named(translation.of_text(old)) == _named(new)
        for old, new in zip(recorded, asked, strict=True)
    )


def _are_tokens(old: str, new: str) -> bool:
    return _TOKEN.fullmatch(old) is not None and _TOKEN.fullmatch(new) is not None


def _named(word: str) -> str:
    """Return a path's last name, and any other word as it is."""
    is_path = "/" in word and not any(c.isspace() for c in word)
    name = word.rstrip("/").rpartition("/")[2] if is_path else word
    return "python" if _PYTHON.fullmatch(name) else name
