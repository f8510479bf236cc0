"""All that a plugin said while it was used: records, warnings, output, events, errors; searched for what is secret."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import threading
import traceback
import warnings
from collections.abc import Iterator

from operator_tool.api import Event, OperatorToolError, RunContext


class Said:
    """Keeps each text with where it was said. Any thread."""

    def __init__(self) -> None:
        self._texts: list[tuple[str, str]] = []

    def note(self, where: str, text: str) -> None:
        """Keep one text."""
        self._texts.append((where, text))

    def note_error(self, where: str, error: BaseException) -> None:
        """Keep what an error says, with its hint, its causes and its notes."""
        self.note(where, "".join(traceback.format_exception(error)))
        for one in _with_causes(error):
            self.note(where, f"{one!r} {one}")
            if isinstance(one, OperatorToolError):
                self.note(f"{where}, its hint", one.hint)

    def listening(self, context: RunContext) -> RunContext:
        """Return the context with its events kept too."""

        def keep(event: Event) -> None:
            self.note("an event", repr(event))
            context.emit(event)

        return dataclasses.replace(context, emit=keep)

    def where(self, secret: str) -> str:
        """Return where a secret was said and around which words, or the empty text."""
        for where, text in self._texts:
            at = text.find(secret)
            if at >= 0:
                around = text[max(0, at - 60) : at + len(secret) + 60]
                return f"{where}: ...{around.replace(secret, '<THE SECRET>')}..."
        return ""


@contextlib.contextmanager
def listening() -> Iterator[Said]:
    """Keep every log record of any level, every warning and all of ``sys.stdout`` and ``sys.stderr`` meanwhile."""
    said = Said()
    root = logging.getLogger()
    level, handler = root.level, _Records(said)
    out, err = io.StringIO(), io.StringIO()
    before = threading.excepthook
    threading.excepthook = lambda args: said.note("a thread's uncaught error", f"{args.exc_value!r}")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(record=True) as w,
        ):
            warnings.simplefilter("always")
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        threading.excepthook = before
        said.note("standard output", out.getvalue())
        said.note("standard error", err.getvalue())
        for warning in w:
            said.note("a warning", str(warning.message))


class _Records(logging.Handler):
    def __init__(self, said: Said) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.note(f"a log record of {record.name}", record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            self._said.note_error(f"a log record of {record.name}", record.exc_info[1])


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
