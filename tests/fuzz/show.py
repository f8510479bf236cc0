"""Read one input again, as the fuzzer did: ``python -m tests.fuzz.show NAME FILE``; what went wrong comes out."""

from __future__ import annotations

import sys
from pathlib import Path

from .subjects import subject


def main(name: str, path: str) -> None:
    """Say what was returned: of a mission, whether a flight came of it."""
    print(subject(name).take(Path(path).read_bytes()))


if __name__ == "__main__":
    main(*sys.argv[1:])
