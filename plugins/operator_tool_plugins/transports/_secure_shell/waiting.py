"""Trying again where an SSH server hangs up before it greets: too many logins are under way (``MaxStartups``)."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from operator_tool.api import CompanionError, Deadline

from .words import FULL, hung_up, may_pass

_FIRST_S, _GROWS, _LONGEST_S = 0.25, 2.0, 2.0
_BUDGET_S, _UNSAID_S = 8.0, 2.0
"""A server that hung up and did not say that it is full is tried for a shorter time."""

T = TypeVar("T")


class HungUpFirstError(CompanionError):
    """The server ended the connection before it greeted."""

    def __init__(self, where: str, said: str) -> None:
        message, hint = hung_up(where, said)
        super().__init__(message, hint=hint, retryable=True)
        self.said = said


def patiently(attempt: Callable[[], T], deadline: Deadline, given_up: threading.Event) -> T:
    """Return what the attempt returns, made again after a while where the server hangs up before it greets.

    Raises what it raises, ``HungUpFirstError`` once that went on for too long or the run is given up.
    """
    pause_s, waited_s = _FIRST_S, 0.0
    while True:
        try:
            return attempt()
        except HungUpFirstError as error:
            # Several companions behind one jump host must not all come back at the same moment.
            this_s = pause_s * random.uniform(0.7, 1.3)  # noqa: S311 - it decides nothing but a pause
            waited_s += this_s
            if not may_pass(error.said):
                raise
            if waited_s > (_BUDGET_S if FULL in error.said else _UNSAID_S) or deadline.remaining_s() < this_s:
                raise
            if given_up.wait(this_s):
                raise
            pause_s = min(pause_s * _GROWS, _LONGEST_S)
