"""Where log lines go: redacted, to standard error; and the traceback of a bug, to the log file."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from operator_tool.redaction import REDACTOR, RedactingFormatter, install

_OURS = ("operator_tool", "operator_tool_plugins", "c10")
_log_dir: Path | None = None


if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler


class _StandardError(_TextHandler):
    """Writes to whatever standard error is at that moment: a progress display puts itself in front of it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # read-only on purpose
        return sys.stderr


def configure(*, verbose: bool, log_dir: Path) -> None:
    """Send log lines to standard error: warnings, or with ``verbose`` everything of ours, the companion's lines too."""
    global _log_dir
    _log_dir = log_dir
    handler = _StandardError()
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.WARNING)
    install(REDACTOR)


def write_crash(error: BaseException) -> str:
    """Append a bug's traceback, redacted, to the log file, and return where it is, in words."""
    text = REDACTOR.text("".join(traceback.format_exception(error)))
    if _log_dir is None:
        return f"this traceback:\n{text}"
    try:
        _log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = _log_dir / "operator-tool.log"
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {' '.join(sys.argv[:2])}\n{text}\n")
    except OSError as problem:
        return f"this traceback ({problem}):\n{text}"
    return f"the traceback in {path}"
