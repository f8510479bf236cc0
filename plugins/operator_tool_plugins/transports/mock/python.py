"""A companion's Python: this program's own, with the machine put before it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

_NAME = re.compile(r"python(3(\.\d+)?)?\Z")
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from onboard.main import main; main()"
_TAKES_THE_REST = re.compile(r"(?P<before>-[^cmWX]*)(?P<name>[cmWX])(?P<value>.*)\Z", re.DOTALL)
_WORD_WITH_VALUE = "--check-hash-based-pycs"


def as_onboard(argv: Sequence[str], folder: Path) -> list[str]:
    """Return what is to be started in place of ``argv``: a Python that runs a program is the machine's own.

    Whatever else it is, a Python without a program too, is started as it is.
    """
    if not (_NAME.match(Path(argv[0]).name) or argv[0] == sys.executable):
        return list(argv)
    flags, rest = _flags_and_program(argv[1:])
    if not rest or rest[0] == "-" or (rest[0] in ("-c", "-m") and len(rest) == 1):
        return [sys.executable, *argv[1:]]
    # What is compiled on the way must not be written beside our own files.
    return [sys.executable, *flags, "-B", "-c", _BEGIN, str(Path(__file__).parent), str(folder), *rest]


def _flags_and_program(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take a command line apart as Python does, for which ``-Ic CODE`` and ``-IcCODE`` are ``-I -c CODE``."""
    flags: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letter = None if word.startswith("--") else _TAKES_THE_REST.match(word)
        if letter and letter["name"] in "cm":
            before, value = letter["before"], letter["value"]
            return [*flags, *([before] if before != "-" else [])], [
                "-" + letter["name"],
                *([value] if value else []),
                *rest,
            ]
        flags.append(word)
        if rest and (word == _WORD_WITH_VALUE or (letter and not letter["value"])):
            flags.append(rest.pop(0))
    return flags, rest
