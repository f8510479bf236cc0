"""Calls in threads of their own, for those that have no limit and those that need not be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """A call that runs meanwhile. Its thread ends with the call, and holds no interpreter that wants to end."""

    def __init__(self, name: str, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._undo: Callable[[T], object] | None = None
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def result(self, seconds: float | None = None) -> T:
        """Return what the call returns or raises; ``TimeoutError`` when it takes longer, and it is left to itself."""
        self._thread.join(seconds)
        if self._errors:
            raise self._errors[0]
        if not self._results:
            raise TimeoutError
        return self._results[0]

    def forget(self, undo: Callable[[T], object]) -> None:
        """Undo what the call returns once it returns, in its thread, or now; nobody asks for the result any more."""
        with self._lock:
            self._undo = undo
            results = tuple(self._results)
        for result in results:
            undo(result)

    def wait(self, seconds: float) -> None:
        """Wait at most so long for the end of the call, whatever it is."""
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            result = self._call()
            with self._lock:
                undo = self._undo
                self._results.append(result)
            if undo is not None:
                undo(result)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that asks for the result
            self._errors.append(error)


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what ``call`` returns or raises; ``TimeoutError`` when it takes longer, and it is left to itself."""
    return Background("ssh-bounded-call", call).result(seconds)
