"""A coroutine on a thread and a loop of its own: who asks for a flight may be inside a running loop already."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")
_AddressInfo = list[tuple[Any, Any, int, str, Any]]


def run_apart(work: Callable[[threading.Event], Coroutine[Any, Any, _T]]) -> _T:
    """Return what the coroutine returns, or raise what it raises; its thread has ended by then.

    The event that ``work`` is given is set when the caller's thread was interrupted: the coroutine must then end soon.
    """
    given_up = threading.Event()
    outcome: Future[_T] = Future()

    def run() -> None:
        loop = _Loop()
        try:
            outcome.set_result(loop.run_until_complete(work(given_up)))
        except BaseException as error:  # noqa: BLE001 - it is raised again, by the caller's thread
            outcome.set_exception(error)
        finally:
            _close(loop)

    thread = threading.Thread(target=run, name="flights-service", daemon=True)
    thread.start()
    try:
        return outcome.result()
    finally:
        given_up.set()
        thread.join()


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in daemon threads: one that hangs keeps neither a request nor the process from ending."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the base class's name
        proto: int = 0,
        flags: int = 0,
    ) -> _AddressInfo:
        """Return what ``socket.getaddrinfo`` does."""
        found: asyncio.Future[_AddressInfo] = self.create_future()

        def look_up() -> None:
            try:
                result = socket.getaddrinfo(host, port, family, type, proto, flags)
            except Exception as error:  # noqa: BLE001 - it is raised again, by whoever waits for the name
                tell(found.set_exception, error)
            else:
                tell(found.set_result, result)

        def tell(say: Callable[[Any], None], what: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self.call_soon_threadsafe(lambda: None if found.done() else say(what))

        threading.Thread(target=look_up, name="name-look-up", daemon=True).start()
        return await found


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop with nothing pending in it."""
    loop.run_until_complete(loop.shutdown_asyncgens())
    # Generators that a body cut short left behind are closed by tasks of their own, which must have run.
    while left := asyncio.all_tasks(loop):
        loop.run_until_complete(asyncio.wait(left))
    loop.close()
