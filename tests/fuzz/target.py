"""One format under fuzzing in a process of its own: ``python -m tests.fuzz.target FORMAT CORPUS -libfuzzer=options``.

Guided by the coverage of the readers. The process may have 300 MB more than it begins with, and 5 s for an input; what
breaks a promise, or raises anything but a ``FlightError``, is written to a file that reproduces it.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from random import Random

import atheris

MAX_INPUT_BYTES = 65_536
MAX_SECONDS = 5
MAX_BYTES = 300 * 1024 * 1024

with atheris.instrument_imports(
    include=["operator_tool_plugins.flight_sources", "csv", "zipfile", "json", "xml"], enable_loader_override=False
):
    from operator_tool_plugins.flight_sources.file.formats import FORMATS
    from tests.fuzz.mutation import mutated
    from tests.plugins.flight_sources.missions import MISSIONS
    from tests.plugins.flight_sources.promises import read_or_refuse


def main() -> None:
    """Fuzz until an option of libFuzzer's ends it."""
    name, corpus, *options = sys.argv[1:]
    assert name in FORMATS
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, mission in enumerate(MISSIONS[name]):
        (Path(corpus) / f"own-{number}").write_bytes(mission)
        read_or_refuse(mission, name)  # type: ignore[arg-type]  # and everything is imported before memory is counted

    def one_input(data: bytes) -> None:
        read_or_refuse(data, name)  # type: ignore[arg-type]

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < 0.3:
            return bytes(atheris.Mutate(data, max_size))
        return mutated(bytes(data) or b" ", chance)[:max_size]

    limits = [f"-max_len={MAX_INPUT_BYTES}", f"-timeout={MAX_SECONDS}", "-print_final_stats=1", "-reload=0"]
    atheris.Setup([sys.argv[0], *limits, *options, corpus], one_input, custom_mutator=change)
    held_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held_bytes + MAX_BYTES, held_bytes + MAX_BYTES))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
