"""Asks a flight source as the core does, in bounded time, and tells what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from operator_tool.api import Flight, FlightError, OperatorToolError
from operator_tool.plugin_host import blame

from .in_time import KIT_THREAD, note_held_up, where_it_stands


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a source made of a reference."""

    flight: Flight | None
    error: OperatorToolError | None
    took_s: float


def resolve(source: Any, reference: str, *, budget_s: float, ordinary: bool = False) -> Resolved:
    """Return what came of it; fails the test where it takes longer, or raises what is no error of the tool's.

    Where an ``ordinary`` flight does not come, no later check waits for long.
    """
    asking = Asking(source, reference)
    asking.thread.join(budget_s)
    if asking.thread.is_alive():
        where = where_it_stands(asking.thread)
        late = f"resolve() had not ended after {budget_s:g} s{f', and stands in {where}' if where else ''}"
        if ordinary:
            note_held_up(late)
        pytest.fail(
            f"{late}: every wait of a flight source needs an end, and ends when "
            "context.cancelled is set or context.deadline has passed",
            pytrace=False,
        )
    return asking.resolved()


def expect(source: Any, reference: str, kinds: tuple[type[FlightError], ...], *, what: str, budget_s: float) -> Any:
    """Return the error of exactly one of these classes that resolving raises; fails the test for any other end."""
    found = resolve(source, reference, budget_s=budget_s)
    wanted = " or ".join(f"{kind.__name__} ({kind.exit_code})" for kind in kinds)
    assert found.error is not None, f"{what}: resolve() gave {brief(found.flight)}, expected {wanted}"
    assert isinstance(found.error, kinds) and found.error.exit_code in {kind.exit_code for kind in kinds}, (  # noqa: PT018
        f"{what}: resolve() raised {found.error!r} ({found.error.exit_code}), expected {wanted}"
    )
    assert found.error.message.strip(), f"{what}: the error says nothing; say what was tried and what was seen"
    assert found.error.message.isprintable(), (
        f"{what}: the message {found.error.message!a} would reach a terminal as it is: use escape_controls"
    )
    return found.error


class Asking:
    """One call of ``resolve`` in a thread of its own."""

    def __init__(self, source: Any, reference: str) -> None:
        self._began_s = time.monotonic()
        self._ended_s = self._began_s
        self._answer: object = None
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(source.resolve, reference), name=KIT_THREAD, daemon=True)
        self.thread.start()

    def resolved(self) -> Resolved:
        """Return what came of it, once the thread has ended."""
        took_s = self._ended_s - self._began_s
        if isinstance(self._error, OperatorToolError):
            return Resolved(flight=None, error=self._error, took_s=took_s)
        if self._error is not None:
            raise AssertionError(
                f"{type(self._error).__name__} came out of resolve(): {self._error}. Raise a FlightError of the class "
                "that says what happened; anything else is told to the operator as a bug"
            ) from self._error
        if not isinstance(self._answer, Flight):
            pytest.fail(f"resolve() gave {blame.brief(self._answer)}, not a Flight", pytrace=False)
        return Resolved(flight=self._answer, error=None, took_s=took_s)

    def _run(self, call: Callable[[str], object], reference: str) -> None:
        try:
            self._answer = call(reference)
        except BaseException as error:  # noqa: BLE001 - it is judged in the test's thread
            self._error = error
        self._ended_s = time.monotonic()


def brief(thing: object) -> str:
    """Return a thing in at most 300 characters."""
    text = repr(thing)
    return text if len(text) <= 300 else f"{text[:299]}…"
