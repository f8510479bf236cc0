"""Each command that reaches a companion leaves a line for it in the workstation's log, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import click
import msgspec

from operator_tool.api.errors import OperatorToolError, UsageError
from operator_tool.api.escaping import escape_controls
from operator_tool.audit import AuditLine, append
from operator_tool.build_cache.lock import operator_name
from operator_tool.places import Places
from operator_tool.redaction import REDACTOR

from .exits import InterruptedRun, say

SUCCESS, FAILURE, INTERRUPTED, UNEXPECTED = "success", "failure", "interrupted", "unexpected"
T = TypeVar("T")


def audited(
    places: Places,
    run_id: str,
    work: Callable[[], T],
    lines_of: Callable[[T, AuditLine], Sequence[AuditLine]],
    *,
    make: bool = True,
    interrupted: Callable[[int], T] | None = None,
) -> T:
    """Do the work and log what came of it; what it raises is logged, too, and passed on.

    ``lines_of`` is given what the work returned, and a line that holds what all lines of the command share;
    ``interrupted`` returns the same of work that a signal ended, by the exit code. Without
    ``make`` the command leaves nothing on a workstation that has no data folder yet.
    """
    begun = AuditLine(command=command_name(), run_id=run_id, operator=operator_name(), outcome=SUCCESS, exit_code=0)
    try:
        done = work()
    except UsageError:
        # No companion was reached.
        raise
    except BaseException as error:
        if isinstance(error, InterruptedRun) and interrupted is not None:
            _append(places, lines_of(interrupted(error.code), begun), make=make)
        else:
            _append(places, [_failed(begun, error)], make=make)
        raise
    _append(places, lines_of(done, begun), make=make)
    return done


def command_name() -> str:
    """Return the words of the command at hand, such as ``companion verify``."""
    context = click.get_current_context(silent=True)
    return context.command_path.partition(" ")[2] if context else ""


def _failed(begun: AuditLine, error: BaseException) -> AuditLine:
    code = error.exit_code if isinstance(error, OperatorToolError) else 1
    outcome = FAILURE if isinstance(error, OperatorToolError) else UNEXPECTED
    if isinstance(error, InterruptedRun):
        code, outcome = error.code, INTERRUPTED
    return msgspec.structs.replace(
        begun,
        outcome=outcome,
        exit_code=code,
        failure_exception_type=type(error).__name__,
        message=error.message if isinstance(error, OperatorToolError) else str(error),
    )


def _append(places: Places, lines: Sequence[AuditLine], *, make: bool) -> None:
    problem = append(places, lines, make=make)
    if problem:
        say(f"warning: {REDACTOR.text(escape_controls(problem))}", err=True)
