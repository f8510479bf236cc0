"""From whatever ends a command to an exit code, with one clear line and never a traceback."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import click

from operator_tool.overdue import EXIT_CODE, HINT, OverdueRun

_SIGNAL_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


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
    except SystemExit as leaving:  # nobody but this module ends the process: a plugin that tries to has failed
        code = _failed(RuntimeError(f"something called exit({leaving.code!r})"))
    except Exception as error:  # noqa: BLE001 - the last line of defence: one line for the operator, the rest to the log
        code = _failed(error)
    _flush()
    return code if isinstance(code, int) else 0


def say(text: str, *, err: bool = False) -> None:
    """Print; a reader that has gone away (``| head``) changes nothing about the outcome."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        _silence(sys.stderr if err else sys.stdout)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Unwind on the first signal; leave at once on the second."""
    code = _SIGNAL_CODES[signal.Signals(number)]
    for other in _SIGNAL_CODES:
        signal.signal(other, lambda _number, _frame: os._exit(code))
    raise InterruptedRun(code)


def _failed(error: Exception) -> int:
    from operator_tool.api.errors import OperatorToolError
    from operator_tool.api.escaping import escape_controls
    from operator_tool.redaction import REDACTOR

    if isinstance(error, OperatorToolError):
        _complain(f"error: {REDACTOR.text(escape_controls(error.message))}")
        if error.hint:
            _complain(f"next: {REDACTOR.text(escape_controls(error.hint))}")
        return error.exit_code
    from .logs import write_crash

    first_line = str(error).partition("\n")[0]
    _complain(f"unexpected {type(error).__name__}: {REDACTOR.text(escape_controls(first_line))}")
    _complain(f"next: this is a bug; report it with {write_crash(error)}")
    return 1


def _complain(text: str) -> None:
    say(text, err=True)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream)


def _silence(stream: object) -> None:
    """Point a stream whose reader has gone away at nothing, so that the interpreter's last flush can't complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())  # type: ignore[attr-defined]  # only ever stdout or stderr
    os.close(nothing)
