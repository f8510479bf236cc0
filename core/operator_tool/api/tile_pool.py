"""A pool for the simple tile provider: one function per tile in, a tile provider's lazy stream out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator

from .deadline import Deadline
from .errors import DownloadError, OperatorToolError
from .tiles import TileResult, Unreachable, WantedTile

FetchOne = Callable[[WantedTile], TileResult]
"""Gets one tile, in a thread of the pool; raises ``TryAgainError`` for what may pass, else ``DownloadError``."""


class TryAgainError(OperatorToolError):
    """This tile may be had later: a reset connection, a 503, a 429.

    ``pause_s`` is the wait that the server itself asked for (``Retry-After``): the whole pool pauses for it, once.
    """

    exit_code = 20

    def __init__(self, message: str, *, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


def fetch_in_pool(
    fetch_one: FetchOne,
    wanted: Iterator[WantedTile],
    *,
    connections: int = 8,
    attempts: int = 4,
    max_per_s: float | None = None,
    pause_budget_s: float = 120.0,
    cancelled: threading.Event | None = None,
    deadline: Deadline | None = None,
) -> Generator[TileResult]:
    """Yield ``fetch_one``'s result for each wanted tile, ``connections`` at a time, in the order of completion.

    What raises :class:`TryAgainError` is tried ``attempts`` times with jittered exponential backoff and is then a
    ``Unreachable``. At most ``max_per_s`` calls are started a second. Pauses that servers ask for count against
    ``pause_budget_s``; a longer one makes the tile a ``Unreachable``. Pulls from ``wanted`` no more than twice
    ``connections`` ahead. Any other exception of ``fetch_one`` ends the stream with it.

    Give the run's ``cancelled`` and ``deadline``: once the one is set the stream ends, once the other has passed it
    raises ``DownloadError``. However it ends, and also when the iterator is closed, no further call is started, and
    those that run are waited for half a second. One that takes longer, in a server's silence, goes on without anybody
    who listens, in a thread that does not hold the process.
    """
    stop = threading.Event()
    pace = _Pace(max_per_s, pause_budget_s, (stop, cancelled) if cancelled else (stop,))

    def attempt(tile: WantedTile) -> TileResult:
        return _with_retries(fetch_one, tile, attempts, pace)

    workers = _Workers(attempt, connections, stop)
    try:
        source = iter(wanted)
        exhausted = False
        while True:
            if cancelled is not None and cancelled.is_set():
                return
            if deadline is not None and deadline.passed:
                raise DownloadError("the run's deadline passed while tiles were downloaded")
            while not exhausted and workers.busy < 2 * connections:
                tile = next(source, None)
                if tile is None:
                    exhausted = True
                else:
                    workers.start(tile)
            if not workers.busy:
                return
            yield from workers.finished()
    finally:
        stop.set()
        workers.end()


class _Workers:
    """Threads that call a function, as many as are needed and at most so many; all methods are for one thread."""

    _TICK_S = 0.05
    _GRACE_S = 0.5

    def __init__(self, call: FetchOne, most: int, stop: threading.Event) -> None:
        # Here, since few need it and it takes its time.
        from queue import SimpleQueue

        self._call = call
        self._most = most
        self._stop = stop
        self._tasks: SimpleQueue[WantedTile | None] = SimpleQueue()
        self._done: SimpleQueue[TileResult | _Raised] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.busy = 0
        """How many calls have been started and not been taken."""

    def start(self, tile: WantedTile) -> None:
        """Start a call, as soon as a thread is free."""
        self._tasks.put(tile)
        self.busy += 1
        if len(self._threads) < min(self._most, self.busy):
            # A call can't be interrupted: a daemon's never keeps the process from ending.
            thread = threading.Thread(target=self._work, name=f"tile-pool-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def finished(self) -> Iterator[TileResult]:
        """Yield what has come by now, after a short wait perhaps nothing; raises what a call raised."""
        from queue import Empty

        try:
            outcome = self._done.get(timeout=self._TICK_S)
            while True:
                self.busy -= 1
                if isinstance(outcome, _Raised):
                    raise outcome.error
                yield outcome
                outcome = self._done.get_nowait()
        except Empty:
            return

    def end(self) -> None:
        """Let the threads end, and wait a moment for them."""
        for _ in self._threads:
            self._tasks.put(None)
        until_s = time.monotonic() + self._GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))

    def _work(self) -> None:
        while (tile := self._tasks.get()) is not None and not self._stop.is_set():
            try:
                self._done.put(self._call(tile))
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that takes the results
                self._done.put(_Raised(error))


class _Raised:
    """What a call raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _with_retries(fetch_one: FetchOne, tile: WantedTile, attempts: int, pace: _Pace) -> TileResult:
    from tenacity import (
        RetryError,
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_random_exponential,
    )

    retrying = Retrying(
        retry=retry_if_exception_type(TryAgainError),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.25, max=10.0),
        sleep=pace.sleep,
    )
    last = "gave up"
    try:
        for attempt in retrying:
            with attempt:
                pace.turn()
                try:
                    return fetch_one(tile)
                except TryAgainError as error:
                    last = error.message
                    if error.pause_s is not None and not pace.pause(error.pause_s):
                        return Unreachable(tile.id, f"{last}; asked to wait {error.pause_s:g} s, beyond the budget")
                    raise
    except RetryError:
        return Unreachable(tile.id, f"{last}; {attempts} attempts")
    except _StoppedError:
        return Unreachable(tile.id, "the run was given up")
    raise AssertionError("tenacity either returns, raises RetryError or goes on")


class _StoppedError(Exception):
    """The pool is closing."""


class _Pace:
    """The pool's clock: a rate, one pause for all, and waits that end when the pool closes. Any thread."""

    _TICK_S = 0.2

    def __init__(self, max_per_s: float | None, budget_s: float, stops: tuple[threading.Event, ...]) -> None:
        self._interval_s = 1.0 / max_per_s if max_per_s else 0.0
        self._budget_s = budget_s
        self._stops = stops
        self._lock = threading.Lock()
        self._next_s = 0.0
        self._paused_until_s = 0.0

    def turn(self) -> None:
        """Wait until this call may start."""
        with self._lock:
            start_s = max(time.monotonic(), self._next_s)
            self._next_s = start_s + self._interval_s
        while (wait_s := max(start_s, self._paused_until_s) - time.monotonic()) > 0:
            self.sleep(wait_s)
        self._check()

    def pause(self, seconds: float) -> bool:
        """Pause the whole pool; a pause that is already running is joined, not added. False beyond the budget."""
        with self._lock:
            now_s = time.monotonic()
            more_s = now_s + seconds - max(self._paused_until_s, now_s)
            if more_s > self._budget_s:
                return False
            if more_s > 0:
                self._budget_s -= more_s
                self._paused_until_s = now_s + seconds
            return True

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past the pool's end."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._check()
            self._stops[0].wait(min(left_s, self._TICK_S))
        self._check()

    def _check(self) -> None:
        if any(event.is_set() for event in self._stops):
            raise _StoppedError
