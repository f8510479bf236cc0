"""What is not recognised: one line for the operator, whose fault it is, and the traceback in the log file."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from operator_tool.api.errors import OperatorToolError
from operator_tool.api.files import appended_file
from operator_tool.plugin_host.blame import culprit, words_of
from operator_tool.redaction import REDACTOR

_NAME = "operator-tool.log"
_log_dir: Path | None = None


class Told(NamedTuple):
    """What an operator is told of a bug; neither was redacted or escaped."""

    message: str
    hint: str


def keep_crashes_in(log_dir: Path) -> None:
    """Have tracebacks written to a file in this folder, which is made when it is needed."""
    global _log_dir
    _log_dir = log_dir


def told_of(error: BaseException) -> Told:
    """Write the traceback down, and return what to say."""
    guilty = culprit(error)
    place = f", in {guilty.owner}" if guilty is not None else ""
    whose = f" of {guilty.distribution}; report it to its makers" if guilty is not None and not guilty.builtin else ""
    return Told(f"unexpected {words_of(error)}{place}", f"this is a bug{whose or '; report it'} with {_written(error)}")


def as_failure(error: BaseException, kind: type[OperatorToolError]) -> OperatorToolError:
    """Return what is not recognised as a failure of one companion's, so that it is no other's."""
    told = told_of(error)
    hint = told.hint if "\n" not in told.hint else "this is a bug; ask this companion alone to see its traceback"
    return kind(told.message, hint=hint, retryable=False)


def _written(error: BaseException) -> str:
    """Append a traceback, redacted, to the log file, and return where it is, in words."""
    try:
        text = REDACTOR.text("".join(traceback.format_exception(error)))
    except Exception as problem:  # noqa: BLE001 - the text of a stranger's error may do anything
        return f"its name: its traceback can't be had ({type(problem).__name__})"
    if _log_dir is None:
        return f"this traceback:\n{text}"
    try:
        _log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = _log_dir / _NAME
        said = f"{datetime.now(UTC).isoformat(timespec='seconds')} {' '.join(sys.argv[:2])}\n{text}\n"
        with appended_file(path) as file:
            file.write(said.encode("utf-8", "backslashreplace"))
    except OSError as problem:
        return f"this traceback ({problem}):\n{text}"
    return f"the traceback in {path}"
