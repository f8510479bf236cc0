"""The companion's own file: what its keeper says of it. No workstation can override it.

``/etc/c10/companion.json``, or else ``companion.json`` beside the lock in the cache root. Whatever can't be read, be
relied on, or be told counts as a reason not to build.
"""

from __future__ import annotations

import contextlib
import os
from typing import Dict, List, NamedTuple, Optional

from .faults import AgentError
from .layout import Layout
from .signing.kept_file import read_kept
from .strict_json import parse_object

SYSTEM_FILE = "/etc/c10/companion.json"
NAME = "companion.json"
ARMED_S = 5.0
"""How long the command that knows may take."""
LOCK_IDLE_S = 300.0
"""How long the lock may be held and not used, where the file doesn't say."""
MAX_LOCK_IDLE_S = 3600.0
_KILLED_S = 1.0
_NOT_ARMED, _ARMED = 0, 1
_MAX_WORDS = 64
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Armed(NamedTuple):
    """What came of asking whether the vehicle is armed."""

    state: str
    """``not asked`` where no command is named, ``no``, ``yes``, or ``unknown``."""
    reason: str = ""
    """Why nothing may be built; empty where it may."""


def ask_armed(layout: Layout) -> Armed:
    """Have the command of the companion's own file run, where it names one."""
    try:
        argv = armed_command(layout)
    except AgentError as error:
        return Armed("unknown", error.message)
    return Armed("not asked") if argv is None else _ask(argv)


def refuse_if_armed(layout: Layout) -> None:
    """Raise ``armed`` unless the vehicle is known not to be, or nobody is to be asked."""
    reason = ask_armed(layout).reason
    if reason:
        raise AgentError("armed", reason)


def armed_command(layout: Layout) -> Optional[List[str]]:
    """Return the command that tells whether the vehicle is armed, None where there is none. Raises ``armed``."""
    own = read_own(layout, "armed")
    if "armed_command" not in own.fields:
        return None
    argv = own.fields["armed_command"]
    problem = why_no_command(argv)
    if problem:
        raise own.unreliable("armed", "armed_command " + problem)
    assert isinstance(argv, list)
    return argv


def lock_idle_s(layout: Layout) -> float:
    """Return how long the lock may be held while nothing that is sent gets a call any further, in seconds."""
    try:
        value = read_own(layout, "armed").fields.get("lock_idle_s", LOCK_IDLE_S)
    except AgentError:
        # That it can't be relied on is a reason by itself.
        return LOCK_IDLE_S
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value <= MAX_LOCK_IDLE_S
    return float(value) if known and isinstance(value, (int, float)) else LOCK_IDLE_S


class OwnFile(NamedTuple):
    """The companion's own file."""

    path: str
    fields: Dict[str, object]
    """Empty where there is no such file."""

    def unreliable(self, code: str, why: str) -> AgentError:
        """Return the error that says why this file can't be relied on."""
        return AgentError(code, "the companion's own file %s can't be relied on: %s" % (self.path, why))


def read_own(layout: Layout, code: str) -> OwnFile:
    """Return the first file that is there; raises ``code`` where it can't be read or relied on."""
    for path in (SYSTEM_FILE, os.path.join(layout.root, NAME)):
        own = OwnFile(path, {})
        try:
            fields = parse_object(read_kept(path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            raise own.unreliable(code, str(error)) from None
        return OwnFile(path, fields)
    return OwnFile("", {})


def why_no_command(argv: object) -> str:
    """Return why something can't be a program and its arguments; empty where it can."""
    if not isinstance(argv, list) or not 1 <= len(argv) <= _MAX_WORDS or not all(map(_is_word, argv)):
        return "must be a list of words, the first an absolute path"
    if not os.path.isabs(argv[0]):
        return "must begin with an absolute path, not %s" % ascii(argv[0])[:200]
    return ""


def _is_word(word: object) -> bool:
    return isinstance(word, str) and bool(word) and "\0" not in word


def _ask(argv: List[str]) -> Armed:
    # It takes its time to import, and most companions name no command.
    import signal
    import subprocess

    try:
        process = subprocess.Popen(  # noqa: S603 - the companion's keeper names it, in a file that nobody else may write
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": PATH},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return _unknown("%s can't be started: %s" % (argv[0], error))
    try:
        status = process.wait(ARMED_S)
    except subprocess.TimeoutExpired:
        # All that it started, so that nobody is left behind at every greeting.
        os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_KILLED_S)
        return _unknown("%s did not end within %g s" % (argv[0], ARMED_S))
    if status == _NOT_ARMED:
        return Armed("no")
    if status == _ARMED:
        return Armed("yes", "busy: armed")
    return _unknown("%s ended with %d, where 0 is not armed and 1 is armed" % (argv[0], status))


def _unknown(why: str) -> Armed:
    return Armed("unknown", "whether the vehicle is armed can't be told: " + why)
