"""Runs the benchmarks and writes ``docs/benchmarks.md``: ratios of one run, with the machine and the versions."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = (
    "startup",
    "plugin_discovery",
    "plugins_new",
    "overhead",
    "plan_corridor",
    "tile_store",
    "tile_download",
    "companion_link",
    "on_companion",
)
LIBRARIES = ("click", "pluggy", "stevedore", "msgspec", "pycurl", "paramiko", "pillow", "filelock")


def main() -> int:
    """Run what was named on the command line, or everything; write the page in the second case only."""
    # The benchmark of the link borrows the real sshd and the link of the tests.
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    chosen = sys.argv[1:] or SECTIONS
    parts = [_head()]
    for name in chosen:
        text = importlib.import_module(name).section()
        print(text, flush=True)
        parts.append(text)
    if not sys.argv[1:]:
        (HERE.parent / "docs" / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")
    return 0


def _head() -> str:
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return (
        "# Benchmarks\n\n"
        "Made by `nox -s benchmarks`. Absolute times differ from machine to machine; the ratios are what counts.\n\n"
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, CPython {platform.python_version()}; "
        f"{libraries}.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
