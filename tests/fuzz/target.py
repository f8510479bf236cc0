"""One subject under fuzzing in a process of its own: ``python -m tests.fuzz.target NAME CORPUS -libfuzzer=options``.

Guided by the coverage of what takes it in. The process may have 300 MB more than it begins with, and 5 s for an input;
what breaks a promise, or raises what it must not, is written to a file that reproduces it.
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
    include=[
        "operator_tool_plugins.flight_sources",
        "operator_tool_plugins.provisioners",
        "csv",
        "zipfile",
        "json",
        "xml",
    ],
    enable_loader_override=False,
):
    from tests.fuzz.mutation import mutated
    from tests.fuzz.subjects import subject


def main() -> None:
    """Fuzz until an option of libFuzzer's ends it."""
    name, corpus, *options = sys.argv[1:]
    samples, take = subject(name)
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(samples):
        (Path(corpus) / f"own-{number}").write_bytes(sample)
        take(sample)  # and everything is imported before memory is counted

    def one_input(data: bytes) -> None:
        take(data)

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
