"""Ends what a plugin holds up: each call that a check waits for, and each check; and says which method it was."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from operator_tool.api import OperatorToolError
from operator_tool.overdue import interrupted_after

KIT_THREAD = "operator-tool-kit"
"""The name of the threads in which the kit asks a plugin."""
LATER_S = 3.0
"""What a check may take once another of the same class was held up: nobody waits for each of them."""

LATER_ANSWER_S = 1.0

_NOT_THE_PLUGINS = {"operator_tool", "pluggy", "_pytest", "contextlib", "threading", "functools"}
_held_up: dict[type, str] = {}
"""By test class: what did not come back."""
_answers_s: float | None = None
_contract: type = object


@contextlib.contextmanager
def whole_check(contract: type, *, answers_s: float, ends_s: float) -> Iterator[None]:
    """Fail the check in this block where it takes longer than ``ends_s``, and each ``one_answer`` in it likewise."""
    global _answers_s, _contract
    before = _answers_s, _contract
    known = contract in _held_up
    _answers_s, _contract = min(answers_s, LATER_ANSWER_S) if known else answers_s, contract
    try:
        with _ended_after(min(ends_s, LATER_S) if known else ends_s):
            yield
    finally:
        _answers_s, _contract = before


@contextlib.contextmanager
def one_answer() -> Iterator[None]:
    """Fail the check where the plugin's method that is called in this block does not come back."""
    if _answers_s is None:
        yield
        return
    with _ended_after(_answers_s):
        yield


def answer_limit_s() -> float:
    """Return how long one call may take in the check at hand."""
    return LATER_S if _answers_s is None else _answers_s


@contextlib.contextmanager
def told_in_words(more: str = "") -> Iterator[None]:
    """Fail the check with what an error of the tool says in this block, without the way that it came."""
    try:
        yield
    except OperatorToolError as error:
        words = f"{error.message}. {error.hint} {more}".strip()
        raise pytest.fail.Exception(words, pytrace=False) from None


def note_held_up(what: str) -> None:
    """Note that something did not come back, so that the checks that follow wait for nothing long."""
    _held_up.setdefault(_contract, what)


def where_it_stands(thread: threading.Thread | None = None) -> str:
    """Return which of the plugin's methods a thread is in, by default this one, and where; empty if in none."""
    asked = thread or threading.current_thread()
    return _place(sys._current_frames().get(asked.ident or 0))  # noqa: SLF001 - the public ways print the stack


@contextlib.contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Nothing ends the process of whoever tests: what can't be interrupted goes on.
    never_s = threading.TIMEOUT_MAX / 2
    with interrupted_after(
        seconds, lambda: _failure(seconds), exit_code=1, last_words=lambda: "it did not end", unwind_s=never_s
    ):
        yield


def _failure(seconds: float) -> BaseException:
    if (known := _held_up.get(_contract)) is not None:
        text = f"cut short after {seconds:g} s, since in another check {known}: mend that first"
        return pytest.fail.Exception(text, pytrace=False)
    asking = [thread for thread in threading.enumerate() if thread.name == KIT_THREAD]
    places = [where_it_stands(), *(where_it_stands(thread) for thread in asking)]
    where = next((place for place in places if place), "the check")
    what = f"{where} had not come back after {seconds:g} s"
    note_held_up(what)
    return pytest.fail.Exception(f"{what}: every wait of a plugin needs an end", pytrace=False)


def _place(frame: FrameType | None) -> str:
    """Return the outermost frame that is the plugin's: below the kit's, and none of the core's."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    below_kit = False
    for one in reversed(frames):
        module = str(one.f_globals.get("__name__", ""))
        below_kit = below_kit or module.startswith("operator_tool.testing.")
        if below_kit and module.partition(".")[0] not in _NOT_THE_PLUGINS:
            return f"{one.f_code.co_qualname}() ({one.f_code.co_filename}:{one.f_lineno})"
    return ""
