"""Where log lines go: redacted, to standard error."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from operator_tool.redaction import REDACTOR, RedactingFormatter, install
from operator_tool.unexpected import keep_crashes_in

_OURS = ("operator_tool", "operator_tool_plugins", "c10")

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
    keep_crashes_in(log_dir)
    handler = _StandardError()
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.WARNING)
    install(REDACTOR)
