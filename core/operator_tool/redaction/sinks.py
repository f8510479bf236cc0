"""The ways out that nobody calls by name: log records, uncaught exceptions, warnings."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from operator_tool.api.escaping import escape_controls

from .redactor import REDACTOR, Redactor

_KEPT = "\n\t"


class RedactingFormatter(logging.Formatter):
    """A log formatter whose whole output, traceback and stack included, is redacted and has its controls escaped."""

    def __init__(self, *args: Any, redactor: Redactor = REDACTOR, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, fit to be shown."""
        _redact_record(record, self._redactor)
        return escape_controls(self._redactor.text(super().format(record)), keep=_KEPT)


class RedactingFilter(logging.Filter):
    """A log filter that lets every record through, redacted; for handlers whose formatter is somebody else's."""

    def __init__(self, redactor: Redactor = REDACTOR) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place."""
        _redact_record(record, self._redactor)
        return True


def install(redactor: Redactor = REDACTOR) -> Callable[[], None]:
    """Redact every log record at its birth, and what the exception hooks and warnings write; return what undoes it.

    At birth, so that a handler that a library or a plugin brings along gets no secret either.
    """
    old_factory = logging.getLogRecordFactory()
    old_format_warning = warnings.formatwarning
    old_hooks = sys.excepthook, threading.excepthook, sys.unraisablehook

    def make_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = old_factory(*args, **kwargs)
        _redact_record(record, redactor)
        return record

    def show_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _write(redactor, "".join(traceback.format_exception(kind, error, trace)))

    def show_thread_uncaught(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            return
        name = args.thread.name if args.thread is not None else "a thread"
        trace = traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback)
        _write(redactor, f"Exception in thread {name}:\n{''.join(trace)}")

    def show_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
        trace = traceback.format_exception(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
        what = unraisable.err_msg or "Exception ignored in"
        _write(redactor, f"{what}: {_text_of(unraisable.object)}\n{''.join(trace)}")

    def format_warning(*args: Any, **kwargs: Any) -> str:
        return escape_controls(redactor.text(old_format_warning(*args, **kwargs)), keep=_KEPT)

    def undo() -> None:
        logging.setLogRecordFactory(old_factory)
        sys.excepthook, threading.excepthook, sys.unraisablehook = old_hooks
        warnings.formatwarning = old_format_warning

    logging.setLogRecordFactory(make_record)
    sys.excepthook, threading.excepthook, sys.unraisablehook = show_uncaught, show_thread_uncaught, show_unraisable
    warnings.formatwarning = format_warning
    return undo


def _redact_record(record: logging.LogRecord, redactor: Redactor) -> None:
    """Redact what of a record is not redacted yet; what holds no secret stays as it is, arguments and all."""
    if not redactor.knows_any:
        return
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001 - an argument's own __str__ may raise anything, and logging would
        # then print message and arguments to standard error, past every handler.
        message = f"{record.msg!r} does not fit its arguments {_text_of(record.args)}: {type(error).__name__}"
        record.msg, record.args = redactor.text(message), ()
    shown = redactor.text(message)
    if shown != message:
        record.msg, record.args = shown, ()
    if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
        trace = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        shown = redactor.text(trace)
        if shown != trace:
            # A handler that formats the exception itself must find none; the standard ones use the text.
            record.exc_info, record.exc_text = None, shown
    if record.exc_text:
        record.exc_text = redactor.text(record.exc_text)
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)


def _text_of(obj: object) -> str:
    try:
        return repr(obj)
    except Exception:  # noqa: BLE001 - somebody else's __repr__, in the last hook before the process's end
        return f"<{type(obj).__name__} that can't be shown>"


def _write(redactor: Redactor, text: str) -> None:
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(escape_controls(redactor.text(text), keep=_KEPT))
        stream.flush()
    except (OSError, ValueError):
        return  # standard error is closed: nothing is left to tell it to
