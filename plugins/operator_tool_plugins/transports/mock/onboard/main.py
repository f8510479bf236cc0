"""The way in: the machine is put in place, and then the program runs that was asked for."""

from __future__ import annotations

import os
import runpy
import sys

from .clock import set_clock
from .confinement import confine
from .disk import Disk, use_disk
from .state import FILE, Machine

_EXIT_NO_FILE = 2


def main() -> None:
    """Run the rest of the command line, after this package's folder and the companion's, as Python would."""
    package, folder, *arguments = sys.argv[1:]
    sys.path.remove(package)
    home = os.path.join(folder, "home")
    machine = Machine(os.path.join(folder, FILE))
    use_disk(Disk(machine, home))
    set_clock(machine)
    confine(os.path.join(folder, "etc"), home, os.path.join(folder, "tmp"))
    sys.orig_argv = [sys.executable, *arguments]
    _run(arguments)


def _run(arguments: list[str]) -> None:
    kind, target, *rest = _program(arguments)
    if kind == "-c":
        _set(["-c", *rest], "")
        exec(compile(target, "<string>", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102 - as python -c does
    elif kind == "-m":
        _set([target, *rest], os.getcwd())
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    elif not os.path.exists(target):
        sys.stderr.write(f"{sys.executable}: can't open file {target!r}: [Errno 2] No such file or directory\n")
        sys.exit(_EXIT_NO_FILE)
    else:
        _set([target, *rest], os.path.dirname(target))
        runpy.run_path(target, run_name="__main__")


def _program(arguments: list[str]) -> list[str]:
    """Return how the program is named, its name or text, and its own arguments."""
    return arguments if arguments[0] in ("-c", "-m") else ["", *arguments]


def _set(argv: list[str], first_path: str) -> None:
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[0] = first_path
