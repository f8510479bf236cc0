"""A companion's Python: this program's own, with the machine put before it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

_NAME = re.compile(r"python(3(\.\d+)?)?\Z")
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from onboard.main import main; main()"
_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


def as_onboard(argv: Sequence[str], folder: Path) -> list[str]:
    """Return what is to be started in place of ``argv``: a Python that runs a program is the machine's own.

    Whatever else it is, a Python without a program too, is started as it is.
    """
    if not (_NAME.match(Path(argv[0]).name) or argv[0] == sys.executable):
        return list(argv)
    flags: list[str] = []
    rest = list(argv[1:])
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "-c", "-m"):
        flags.append(rest.pop(0))
        if flags[-1] in _WITH_VALUE and rest:
            flags.append(rest.pop(0))
    if not rest or rest[0] == "-" or (rest[0] in ("-c", "-m") and len(rest) == 1):
        return [sys.executable, *argv[1:]]
    # What is compiled on the way must not be written beside our own files.
    return [sys.executable, *flags, "-B", "-c", _BEGIN, str(Path(__file__).parent), str(folder), *rest]
