"""Case 117: the ways out that nobody calls by name hold no secret either."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import NoReturn

import pytest

from operator_tool.api import Secret
from operator_tool.redaction import RedactingFilter, RedactingFormatter, Redactor, install
from tests.core.redaction_oracle import leaks

CANARY = "cAn4ry/With+Signs&42"


@pytest.fixture
def redactor() -> Redactor:
    """A redactor that knows the canary."""
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    return redactor


@pytest.fixture
def installed(redactor: Redactor) -> Iterator[Redactor]:
    """The redactor, in every hook of the process until the test ends."""
    undo = install(redactor)
    yield redactor
    undo()


class _Sink:
    """A log handler as a library would bring it along, with a formatter of its own."""

    def __init__(self, formatter: logging.Formatter | None = None) -> None:
        self._stream = io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(formatter or logging.Formatter("%(name)s %(message)s"))
        self.logger = logging.Logger("sink", logging.DEBUG)  # noqa: LOG001 - kept out of the process's tree
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


def _fail_in_a_chain() -> NoReturn:
    try:
        raise ValueError(f"the key {CANARY} was refused")  # noqa: TRY301 - the chain is what is tested
    except ValueError as error:
        raise RuntimeError("login failed") from error


def _log_everything(logger: logging.Logger) -> None:
    logger.info("key %s", CANARY)
    logger.info(f"url ?key={CANARY}")
    logger.warning({"headers": {"X-Api-Key": CANARY}})
    try:
        _fail_in_a_chain()
    except RuntimeError:
        logger.exception("it failed with %r", CANARY, stack_info=True)


def _check(shown: str) -> None:
    assert "login failed" in shown
    assert "***" in shown
    assert not leaks(shown, CANARY), shown


def test_case_117_the_judge_sees_the_canary_in_a_plain_log() -> None:
    """Without any redaction the canary is in the log: the tests below can fail."""
    sink = _Sink()
    _log_everything(sink.logger)
    assert leaks(sink.text, CANARY)


def test_case_117_the_formatter_redacts_message_exceptions_and_stack(redactor: Redactor) -> None:
    """A handler with the redacting formatter shows no canary, not in a chained exception either."""
    sink = _Sink(RedactingFormatter("%(message)s", redactor=redactor))
    _log_everything(sink.logger)
    _check(sink.text)


def test_case_117_the_formatter_redacts_what_else_its_format_shows(redactor: Redactor) -> None:
    """A field of the record that only the format names is redacted too, as is a record whose arguments don't fit."""
    sink = _Sink(RedactingFormatter("%(url)s %(message)s", redactor=redactor))
    sink.logger.info("one", extra={"url": f"https://h/?key={CANARY}"})
    sink.logger.info("two %d", CANARY, extra={"url": "-"})
    assert sink.text == "https://h/?key=*** one\n- 'two %d' does not fit its arguments ('***',): TypeError\n"


def test_case_117_the_filter_redacts_stack_and_exception_text(redactor: Redactor) -> None:
    """Text that the record already carries is redacted in place."""
    record = logging.LogRecord("x", logging.INFO, "f", 1, "m", None, None)
    record.stack_info = f"Stack: key={CANARY}"
    record.exc_text = f"ValueError: {CANARY}"
    assert RedactingFilter(redactor).filter(record)
    assert (record.stack_info, record.exc_text) == ("Stack: key=***", "ValueError: ***")


def test_case_117_the_formatter_shows_controls_escaped(redactor: Redactor) -> None:
    """A log line can't move the cursor or hide its end, and newlines stay."""
    sink = _Sink(RedactingFormatter("%(message)s", redactor=redactor))
    sink.logger.info("a\x1b[2Jb\rc\nd")
    assert sink.text == "a\\x1b[2Jb\\rc\nd\n"


def test_case_117_the_filter_redacts_for_somebody_elses_formatter(redactor: Redactor) -> None:
    """A handler whose formatter is not ours is made safe by the filter."""
    sink = _Sink()
    sink.handler.addFilter(RedactingFilter(redactor))
    _log_everything(sink.logger)
    _check(sink.text)


def test_case_117_installed_records_are_redacted_at_birth(installed: Redactor) -> None:
    """A handler that knows nothing of redaction gets records that hold no secret."""
    sink = _Sink()
    _log_everything(sink.logger)
    _check(sink.text)


def test_case_117_a_child_logger_at_debug_is_covered(installed: Redactor) -> None:
    """A library's child logger at DEBUG, as paramiko's transport, shows no secret through a handler of its own."""
    sink = _Sink()
    parent = logging.getLogger("fake_paramiko")
    child = parent.getChild("transport")
    child.setLevel(logging.DEBUG)
    parent.addHandler(sink.handler)
    try:
        child.debug("userauth with password %s and %d more", CANARY, 3)
        child.log(5, "not logged %s", CANARY)
    finally:
        parent.removeHandler(sink.handler)
    assert sink.text == "fake_paramiko.transport userauth with password *** and 3 more\n"


def test_case_117_a_record_whose_arguments_do_not_fit_shows_no_secret(
    installed: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    """logging would print such a record's arguments to standard error, past every handler."""
    sink = _Sink()
    sink.logger.info("one %d", CANARY)
    shown = sink.text + capsys.readouterr().err
    assert "does not fit" in shown
    assert not leaks(shown, CANARY)


def test_records_without_a_secret_keep_their_arguments_and_exception(installed: Redactor) -> None:
    """What holds no secret reaches other handlers as it was made."""
    error = ValueError("plain")
    record = logging.getLogger("x").makeRecord(
        "x", logging.INFO, "f", 1, "n %d", (3,), (ValueError, error, error.__traceback__)
    )
    assert record.args == (3,)
    assert record.exc_info is not None


def test_case_117_an_uncaught_exception_is_redacted(installed: Redactor, capsys: pytest.CaptureFixture[str]) -> None:
    """The last traceback of the process, with its chain, shows no secret."""
    try:
        _fail_in_a_chain()
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    _check(capsys.readouterr().err)


def test_case_117_an_uncaught_exception_of_a_thread_is_redacted(
    installed: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thread that dies tells of it without the secret; one that exits says nothing."""
    # pytest puts a hook of its own there, so the hook is called as the interpreter would.
    try:
        _fail_in_a_chain()
    except RuntimeError as error:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))
    _check(capsys.readouterr().err)
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(0), None, None)))
    assert capsys.readouterr().err == ""


class _Undying:
    def __del__(self) -> None:
        _fail_in_a_chain()


def test_case_117_an_exception_in_a_finaliser_is_redacted(
    installed: Redactor, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Python writes of an exception that it can't raise shows no secret."""
    _Undying().__del__  # noqa: B018 - made and dropped here
    _check(capsys.readouterr().err)


def test_case_117_a_captured_warning_is_redacted(installed: Redactor) -> None:
    """A warning that logging captures shows no secret."""
    sink = _Sink()
    logger = logging.getLogger("py.warnings")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        logger.addHandler(sink.handler)
        try:
            warnings.warn(f"also {CANARY}", UserWarning, stacklevel=1)
        finally:
            logger.removeHandler(sink.handler)
            logging.captureWarnings(False)
    assert "also ***" in sink.text
    assert not leaks(sink.text, CANARY)


_DYING_PROGRAM = """
import sys, threading, warnings
from operator_tool.api import Secret
from operator_tool.redaction import REDACTOR, install
canary = sys.stdin.read()
REDACTOR.add(Secret(canary))
install()
warnings.warn(f"old: {canary}")
def fail():
    try:
        raise ValueError(canary)
    except ValueError as error:
        raise RuntimeError("login failed") from error
class Undying:
    def __del__(self): fail()
    def __repr__(self): return canary
Undying()
thread = threading.Thread(target=fail, name=f"thread of {canary}")
thread.start()
thread.join()
fail()
"""


def test_case_117_a_process_that_dies_in_every_way_shows_no_secret() -> None:
    """A warning, a finaliser, a thread and the program itself fail, each with the canary: none of it is on stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", _DYING_PROGRAM], input=CANARY, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.count("RuntimeError: login failed") == 3
    assert ended.stderr.count("***") >= 5
    assert not leaks(ended.stderr + ended.stdout, CANARY), ended.stderr


def test_install_can_be_undone(redactor: Redactor) -> None:
    """Undoing puts every hook back."""
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogRecordFactory())
    undo = install(redactor)
    assert sys.excepthook is not before[0]
    undo()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogRecordFactory()) == before


def test_a_closed_standard_error_does_not_stop_the_hook(installed: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """With standard error gone, the hook ends quietly."""
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        sys.excepthook(ValueError, ValueError("x"), None)
