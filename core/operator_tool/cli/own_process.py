"""What a command keeps from its plugins, from before the first of them is imported until the process ends.

Standard output is the command's alone: what anything else writes there, a child process or C code too, comes out on
standard error. What is written through Python's streams is redacted. Settings leave the environment.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

_is_own = False
_kept = False
_output: TextIO | None = None


def own() -> None:
    """Say that this process is the command's: nobody imports it to go on with something else."""
    global _is_own
    _is_own = True


def output() -> TextIO | None:
    """Return where the command's own output goes; None where it was started without."""
    return _output if _kept else sys.stdout


def hide_settings() -> None:
    """Take the settings out of the environment; whoever reads them has taken a copy of it before."""
    from operator_tool.places import CONFIG_VARIABLE, DATA_DIR_VARIABLE
    from operator_tool.settings.sources import PREFIX

    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        if variable not in (CONFIG_VARIABLE, DATA_DIR_VARIABLE):
            del os.environ[variable]


def keep_from_plugins() -> None:
    """Take away what no plugin may have; again is harmless. In a process that is not the command's, the settings alone.

    Raises nothing. Before the first plugin is imported.
    """
    hide_settings()
    global _kept
    if not _is_own or _kept:
        return
    from operator_tool import overdue
    from operator_tool.plugin_host import endings

    _kept = True
    overdue.own_process()
    endings.keep()
    _keep_output()


def finish() -> None:
    """Write what is left of what plugins wrote."""
    if not _kept:
        return
    from operator_tool.redaction import RedactingText

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, RedactingText):
            stream.finish()


def _keep_output() -> None:
    from operator_tool.redaction import RedactingText

    global _output
    _output = _moved(sys.stdout)
    errors = sys.stderr
    for name in ("stdout", "stderr"):
        stream = None if errors is None else RedactingText(errors)  # None, as Python has it for a closed descriptor
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _moved(stream: TextIO | None) -> TextIO | None:
    """Return a stream to where this one writes, whose descriptor from now on is that of standard error."""
    if stream is None:
        return None
    stream.flush()
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError):
        return stream
    own = io.TextIOWrapper(
        os.fdopen(descriptor, "wb"), encoding=stream.encoding, errors=stream.errors, line_buffering=stream.isatty()
    )
    with suppress(OSError):  # standard error is closed: then so be it
        os.dup2(2, stream.fileno())
    return own
