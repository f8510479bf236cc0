"""A program and its arguments as one line that every login shell reads alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

# An sh takes back out of its arguments what csh, tcsh and fish can't be told in quotes. Nothing in it is special to any
# of them between single quotes. The x keeps the line ends at an argument's end, which an expansion would drop.
_DECODE = 'for a do shift;b=$(printf %bx "$a");set -- "$@" "${b%x}";done;exec "$@"'

_NOT_ALIKE = re.compile(r"[\x00-\x1f\x7f\\!]")
"""Within quotes csh can't have a line end, and looks up its history at ``!``; a backslash is special to fish."""
_BARE = re.compile(r"[A-Za-z0-9_./-][A-Za-z0-9_@%+=:,./-]*")
"""What no shell expands; zsh and tcsh do expand a word that begins with ``=``."""


def shell_line(argv: Sequence[str]) -> str:
    """Return one line, without a line end, which starts this program with these very arguments.

    It means the same to sh, bash, dash, ksh, zsh, busybox, fish, csh and tcsh: nothing is expanded, and no newline,
    quote, backslash or ``!`` of an argument is lost. Where an argument has something that those shells don't quote
    alike, it goes through the companion's ``sh``, which then becomes the program.
    """
    if any(map(_NOT_ALIKE.search, argv)):
        words = [_encoded(argument) for argument in argv]
        return " ".join(["sh", "-c", f"'{_DECODE}'", "sh", *words])
    return " ".join(map(_quoted, argv))


def _quoted(argument: str) -> str:
    return argument if _BARE.fullmatch(argument) else "'" + argument.replace("'", "'\"'\"'") + "'"


def _encoded(argument: str) -> str:
    """Return the argument with ``\\0ooo`` for what isn't quoted alike; every backslash stands outside quotes."""
    text = _NOT_ALIKE.sub(lambda found: f"\\0{ord(found[0]):03o}", argument)
    return "\\\\".join(_quoted(piece) if piece else "" for piece in text.split("\\")) or "''"
