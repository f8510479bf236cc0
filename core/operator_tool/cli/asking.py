"""Asking the operator at the terminal: one question at a time, and no listener draws meanwhile."""

from __future__ import annotations

import atexit
import dataclasses
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

from operator_tool.api.context import RunContext
from operator_tool.api.errors import CompanionError, ConfigError
from operator_tool.api.escaping import escape_controls
from operator_tool.api.events import PromptAnswered, PromptShown
from operator_tool.api.secret import Secret
from operator_tool.redaction import REDACTOR
from operator_tool.redaction.forms import MIN_SECRET_LENGTH

_TICK_S = 0.1
_MAX_BYTES = 4096
_TERMINAL = "/dev/tty"
_one_question = threading.Lock()


def at_a_terminal() -> bool:
    """Tell whether somebody can be asked: both standard input and standard error are terminals."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def with_asking(context: RunContext, companion: str = "") -> RunContext:
    """Return the context with ``ask_secret`` where somebody can be asked; the prompt names the companion, if any."""
    if not at_a_terminal():
        return context
    prefix = f"{companion}: " if companion else ""
    return dataclasses.replace(context, ask_secret=lambda prompt: ask_secret(context, prefix + prompt))


def ask_secret(context: RunContext, prompt: str) -> str:
    """Return what was typed unseen, known to the redactor from now on; empty where nothing was typed.

    Any thread may ask; others wait for their turn. Raises :class:`ConfigError` for what is too short to be kept out of
    a log, and :class:`CompanionError` when the run is given up meanwhile.
    """
    with _asking(context, prompt) as shown:
        text = _typed(context, shown, echo=False)
    if 0 < len(text) < MIN_SECRET_LENGTH:
        raise ConfigError(
            f"what was typed is shorter than {MIN_SECRET_LENGTH} characters, too short to be told from ordinary text "
            "in a log",
            hint="Use a longer one, or load the key into an ssh-agent (ssh-add), which asks for itself.",
        )
    if text:
        REDACTOR.add(Secret(text))
    return text


def ask_line(context: RunContext, prompt: str) -> str:
    """Return the line that was typed, without blanks around it; empty at the end of the input."""
    with _asking(context, prompt) as shown:
        return _typed(context, shown, echo=True).strip()


@contextmanager
def _asking(context: RunContext, prompt: str) -> Iterator[str]:
    """Have the terminal for one question; gives the prompt as it may be shown."""
    while not _one_question.acquire(timeout=_TICK_S):
        _refuse_when_over(context)
    try:
        _refuse_when_over(context)  # the one before may have been given up just now
        context.emit(PromptShown())
        try:
            yield REDACTOR.line(escape_controls(prompt))
        finally:
            context.emit(PromptAnswered())
    finally:
        _one_question.release()


def _typed(context: RunContext, prompt: str, *, echo: bool) -> str:
    """Return one line of the terminal; what fails leaves it as it was."""
    import termios

    with _terminal() as terminal, nullcontext() if echo else _silenced(terminal):
        # What was typed before the question was seen is no answer to it.
        termios.tcflush(terminal, termios.TCIFLUSH)
        os.write(terminal, prompt.encode("utf-8", "replace"))
        while not select.select([terminal], [], [], _TICK_S)[0]:
            _refuse_when_over(context)
        try:
            raw = os.read(terminal, _MAX_BYTES)  # a whole line
        except OSError:  # the terminal has gone away
            raw = b""
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # "from None": the exception carries what was typed.
        raise ConfigError("what was typed is not UTF-8 text") from None


@contextmanager
def _terminal() -> Iterator[int]:
    """Give the controlling terminal, or standard input where there is none."""
    try:
        terminal = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield sys.stdin.fileno()
        return
    try:
        yield terminal
    finally:
        os.close(terminal)


@contextmanager
def _silenced(terminal: int) -> Iterator[None]:
    """Have the terminal show nothing of what is typed, and as before afterwards, also when the process ends."""
    import termios

    before = termios.tcgetattr(terminal)
    silent = [*before[:3], (before[3] & ~termios.ECHO) | termios.ICANON | termios.ISIG, *before[4:]]
    restore: Callable[[], None] = partial(termios.tcsetattr, terminal, termios.TCSADRAIN, before)
    atexit.register(restore)
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        with suppress(OSError, termios.error):  # the terminal has gone away
            restore()
            os.write(terminal, b"\n")
        atexit.unregister(restore)


def _refuse_when_over(context: RunContext) -> None:
    if context.cancelled.is_set() or context.deadline.passed:
        raise CompanionError("the run was given up before the operator answered", retryable=True)
