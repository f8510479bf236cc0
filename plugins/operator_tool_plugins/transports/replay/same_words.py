"""Whether a program is the one that was recorded, and what in its lines is this run's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"[0-9a-f]{32}")
"""A word that a caller makes up to know an answer by, in each run another."""

_HASH = re.compile(r"[0-9a-f]{64}")

_PROGRAM = re.compile(r"(?P<name>.*[-_.])(?P<hash>[0-9a-f]{12,64})(?P<kind>\.pyz?)")
"""The name of a program's file that carries its hash, which another version of the tool has another of."""

_PYTHON = re.compile(r"python[0-9.]*")


class Translation:
    """What stood for something in the recording, and what stands for it in this run."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = {old.encode(): new.encode() for old, new in words.items() if old and old != new}

    def and_of(self, recorded: Sequence[str], asked: Sequence[str]) -> Translation:
        """Return the same with the made-up words of a program's arguments besides, and its other hashes."""
        more = {old: new for old, new in zip(recorded, asked, strict=True) if _are_tokens(old, new)}
        versions = other_versions(recorded, asked)
        more |= versions
        more |= {old: new for old, new in zip(recorded, asked, strict=True) if _are_hashes(old, new, versions)}
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

    Folders don't count, so that a recording can be played elsewhere than it was made; the names of files do, but for
    the hash of a program's file, which tells versions of the tool apart.
    """
    if len(recorded) != len(asked):
        return False
    versions = other_versions(recorded, asked)
    return all(
        _are_tokens(old, new)
        or versions.get(_last_name(old)) == _last_name(new)
        or _are_hashes(old, new, versions)
        or _named(translation.of_text(old)) == _named(new)
        for old, new in zip(recorded, asked, strict=True)
    )


def other_versions(recorded: Sequence[str], asked: Sequence[str]) -> dict[str, str]:
    """Return those names of programs' files that differ by the hash in them alone, and what they are now."""
    names = {_last_name(old): _last_name(new) for old, new in zip(recorded, asked, strict=True)}
    return {old: new for old, new in names.items() if _are_versions(old, new)}


def hash_in(word: str) -> str:
    """Return the hash that the name of a program's file carries; empty where it has none."""
    found = _PROGRAM.fullmatch(_last_name(word))
    return found["hash"] if found else ""


def _are_versions(old: str, new: str) -> bool:
    was, now = _PROGRAM.fullmatch(old), _PROGRAM.fullmatch(new)
    if was is None or now is None or old == new:
        return False
    return (was["name"], len(was["hash"]), was["kind"]) == (now["name"], len(now["hash"]), now["kind"])


def _are_hashes(old: str, new: str, versions: dict[str, str]) -> bool:
    """Tell whether these are the whole hashes of two versions, whose files' names begin with them."""
    if _HASH.fullmatch(old) is None or _HASH.fullmatch(new) is None:
        return False
    return any(old.startswith(hash_in(was)) and new.startswith(hash_in(now)) for was, now in versions.items())


def _are_tokens(old: str, new: str) -> bool:
    return _TOKEN.fullmatch(old) is not None and _TOKEN.fullmatch(new) is not None


def _named(word: str) -> str:
    """Return a path's last name, and any other word as it is; one Python is as good as another."""
    name = _last_name(word)
    return "python" if _PYTHON.fullmatch(name) else name


def _last_name(word: str) -> str:
    is_path = "/" in word and not any(c.isspace() for c in word)
    return word.rstrip("/").rpartition("/")[2] if is_path else word
