"""A login that may not run commands: where a program of ours never spoke, who is to blame is asked and not guessed."""

from __future__ import annotations

import secrets
from collections import deque

from operator_tool.api import CompanionError, CompanionSession, RunLimits

from .escaping import printable, printable_line

LAST_LINES = 5
"""How many lines of each stream are shown."""
MAX_NOISE_LINES = 1000
_LINE = 300
_LIMITS = RunLimits(silence_s=15.0, run_s=30.0, total_bytes=1024 * 1024)
_HINT = (
    "The login has to run a command without a terminal. Look on the companion at the account's login shell, at"
    " ForceCommand in sshd_config and command= in authorized_keys, at what ~/.bashrc and ~/.profile do, and whether its"
    " password has expired (chage -l)."
)


def last_words(stdout: deque[bytes], stderr: str) -> str:
    """Return the last lines of both streams in one line, escaped and bounded; empty where nothing was said."""
    lines = [printable_line(line, at_most=_LINE).strip() for line in list(stdout)[-LAST_LINES:]]
    lines += [printable(line, at_most=_LINE).strip() for line in stderr.splitlines()[-LAST_LINES:]]
    return " | ".join(line for line in lines if line)


def check_runs_commands(session: CompanionSession, exit_status: int | None, seen: str) -> None:
    """Raise ``CompanionError`` with what was ``seen`` of another program where the login runs none at all.

    A word is asked for that no line of ours has as it stands: a login that repeats what it was asked to run has run
    nothing. Raises ``LinkError`` where the link breaks.
    """
    halves = secrets.token_hex(8), secrets.token_hex(8)
    said = b""
    with session.run(["printf", "%s%s", *halves], limits=_LIMITS) as run:
        for number, line in enumerate(run):
            said += line
            if number > MAX_NOISE_LINES:
                break
        if "".join(halves).encode() in said:
            return
    raise login_error(session, f" (exit {exit_status})", seen)


def login_error(session: CompanionSession, how: str, seen: str, *, retryable: bool = False) -> CompanionError:
    """Return the error for a login that runs no commands, with what it said in their place."""
    return CompanionError(
        f"the login at {session.identity.address} runs no commands{how}: {seen or 'it said nothing'}",
        hint=_HINT,
        retryable=retryable,
    )
