"""Read one input again, as the fuzzer did: ``python -m tests.fuzz.show FORMAT FILE``; what went wrong comes out."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.plugins.flight_sources.promises import read_or_refuse


def main(name: str, path: str) -> None:
    """Say whether a flight came of it."""
    read = read_or_refuse(Path(path).read_bytes(), name)  # type: ignore[arg-type]  # a name that isn't one comes out too
    print("a flight" if read else "refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
