"""From whatever ends a command to an exit code, with one clear line and never a traceback."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

import click

from operator_tool.overdue import EXIT_CODE, HINT, OverdueRun

from . import own_process

_SIGNAL_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
_COMPLETION_VARIABLE = "_OPERATOR_TOOL_COMPLETE"
"""Set by a shell that asks what to offer at a TAB: ``bash_complete``; ``bash_source`` asks for its script."""
_end_process = os._exit
"""The real one, which plugins don't have."""


class InterruptedRun(BaseException):
    """The operator or the system ended the run; whatever holds something frees it on the way out."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def run(group: click.Group) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    if asked := os.environ.get(_COMPLETION_VARIABLE):
        from .completion import complete

        code = complete(group, _COMPLETION_VARIABLE, asked)
        _flush()
        return code
    own_process.own()
    for number in _SIGNAL_CODES:
        signal.signal(number, _interrupt)
    try:
        code = group.main(standalone_mode=False)
    except InterruptedRun as interrupted:
        _complain("interrupted: what had arrived is kept; run the same command again to go on")
        code = interrupted.code
    except OverdueRun as overdue:
        _complain(f"error: {overdue}")
        _complain(f"next: {HINT}")
        code = EXIT_CODE
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.Abort as aborted:  # what click makes of some errors; Ctrl-C comes as an InterruptedRun
        code = _failed(aborted.__cause__ or aborted)
    except BaseException as error:  # noqa: BLE001 - the last line of defence: one line for the operator, the rest to the
        # log. Nobody but this module ends the process: a plugin that tries to has failed.
        code = _failed(error)
    _flush()
    return code if isinstance(code, int) else 0


def say(text: str, *, err: bool = False) -> None:
    """Print; a reader that has gone away (``| head``) changes nothing about the outcome."""
    stream = sys.stderr if err else own_process.output()
    if stream is None:
        return
    try:
        click.echo(text, file=None if stream is sys.stdout else stream, err=err)
    except BrokenPipeError:
        _silence(stream)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Unwind on the first signal; leave at once on the second."""
    code = _SIGNAL_CODES[signal.Signals(number)]
    for other in _SIGNAL_CODES:
        signal.signal(other, lambda _number, _frame: _end_process(code))
    raise InterruptedRun(code)


def _failed(error: BaseException) -> int:
    from operator_tool.api.errors import OperatorToolError
    from operator_tool.api.escaping import escape_controls
    from operator_tool.plugin_host.blame import culprit, ending_error
    from operator_tool.plugin_host.endings import ENDINGS
    from operator_tool.redaction import REDACTOR

    guilty = culprit(error)
    if isinstance(error, ENDINGS) and guilty is not None:
        error = ending_error(error)
    if isinstance(error, OperatorToolError):
        _complain(f"error: {REDACTOR.text(escape_controls(error.message))}")
        if error.hint:
            _complain(f"next: {REDACTOR.text(escape_controls(error.hint))}")
        return error.exit_code
    from operator_tool.unexpected import told_of

    told = told_of(error)
    _complain(REDACTOR.text(escape_controls(told.message)))
    _complain(f"next: {told.hint}")
    return 1


def _complain(text: str) -> None:
    say(text, err=True)


def _flush() -> None:
    for stream in (own_process.output(), sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream)
    with suppress(BrokenPipeError):
        own_process.finish()


def _silence(stream: object) -> None:
    """Point a stream whose reader has gone away at nothing, so that the interpreter's last flush can't complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())  # type: ignore[attr-defined]  # only ever stdout or stderr
    os.close(nothing)
