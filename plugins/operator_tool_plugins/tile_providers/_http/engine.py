"""The engine of every provider that asks a server: many requests at once, politely, each to its end.

One thread, the caller's: a stream is a generator, and works while it is pulled. What may pass is tried again, what
can't is said at once, and nothing that is said holds more of a request than its host.
"""

from __future__ import annotations

import contextlib
import heapq
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import count
from typing import Any, Protocol

import msgspec

from operator_tool.api import (
    Corrupt,
    DownloadError,
    Refused,
    RunContext,
    TileResult,
    TryAgainError,
    Unreachable,
    WantedTile,
)

from .address import joined
from .circuit_breaker import CircuitBreaker
from .concurrency import Concurrency
from .exchange import Reply, Request
from .failure import StarvedError, TransferError
from .handle import MAX_BODY_BYTES, WHOLE_TIMEOUT_S, Handle
from .no_tile import NoTile
from .pace import Pace
from .picture_reply import BusyError, GatewayError, ThrottledError, looks_like_html, raise_for_server, tile_result
from .refusal import Doubtful, Doubts, RefusalError
from .settings import WebSettings
from .site import Site
from .transfers import Transfers

RequestOf = Callable[[WantedTile], Request]
Judge = Callable[[WantedTile, Reply], TileResult | Doubtful]
"""What a reply says of a tile; raises ``TryAgainError`` for what may pass, ``DownloadError`` for the whole server, and
``RefusalError`` where only the other answers tell of which it is."""

_ATTEMPTS = 4
_THROTTLED_ATTEMPTS = 12
_REDIRECTS = 3
_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 10.0
_ABSENCE_S = 5.0
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})


class _Job(msgspec.Struct):
    """One request on its way to a result."""

    tile: WantedTile | None
    request: Request
    attempts: int = 0
    redirects: int = 0


class _Taker(Protocol):
    """Takes the replies of one stream, and returns what is settled by each."""

    def reply(self, job: _Job, reply: Reply) -> Sequence[Any]:
        """Take a reply that is no redirect; raises what is said of the whole server, or may pass."""
        ...

    def refusal(self, refusal: RefusalError) -> Sequence[Any]:
        """Take a refusal; raises it where it is about the whole server."""
        ...


class HttpEngine:
    """One provider's engine; ``fetch`` and ``get`` share its pace, so that a pause holds for both."""

    def __init__(self, site: Site, settings: WebSettings, context: RunContext) -> None:
        self._site = site
        self._context = context
        self._most = settings.max_connections
        self._pace = Pace(settings.max_rate, settings.max_pause_s)
        self._breaker = CircuitBreaker(site.host, connections=settings.max_connections)
        self._doubts = Doubts(connections=settings.max_connections)
        self.no_tile = NoTile.of(settings)
        """What marks a placeholder of this server."""

    def get(self, request: Request, *, max_bytes: int = 1024 * 1024) -> Reply:
        """Return the reply to one request: a document, a part of a file.

        It is tried again, paused and redirected as tiles are. Raises ``DownloadError`` when it can't be had, and when
        the server refuses it (401, 403) or the proxy does (407); other statuses are the caller's to judge.
        """
        document = _Document(self._site)
        for problem in self._run(iter([_Job(None, request)]), document, connections=1, cap_bytes=max_bytes):
            raise DownloadError(problem)
        if document.taken is None:
            raise DownloadError(f"the request to {self._site.host} was given up")
        return document.taken

    def fetch(
        self, wanted: Iterator[WantedTile], request_of: RequestOf, judge: Judge | None = None
    ) -> Generator[TileResult]:
        """Yield a result for each wanted tile, in the order of completion; pulls no further than it works.

        The wanted tile's ETag goes out byte for byte as ``If-None-Match``. Raises ``DownloadError`` when the server
        refuses, isn't trusted, asks for a longer pause than is allowed, or answers nothing of use for a while.
        """
        taker = _Tiles(judge or self.judge, self._doubts, self._breaker)
        jobs = (_Job(tile, request_of(tile)) for tile in wanted)
        yield from self._run(jobs, taker, connections=self._most, cap_bytes=MAX_BODY_BYTES)
        if not self._context.cancelled.is_set():
            yield from self._doubts.end()

    def judge(self, tile: WantedTile, reply: Reply) -> TileResult | Doubtful:
        """Return what a reply says of a tile, as web servers of pictures mean it."""
        return tile_result(tile, reply, host=self._site.host, name=self._site.name, no_tile=self.no_tile)

    def close(self) -> None:
        """Nothing is held between two streams."""

    def _run(self, jobs: Iterator[_Job], taker: _Taker, *, connections: int, cap_bytes: int) -> Generator[Any]:
        """Yield what ``taker`` makes of each reply, or what is said of a job that failed."""
        with contextlib.closing(self._stream(connections, cap_bytes)) as stream:
            yield from stream.run(jobs, taker)

    def _stream(self, connections: int, cap_bytes: int) -> _Stream:
        import pycurl

        try:
            return _Stream(self._site, self._pace, self._breaker, self._context, connections, cap_bytes, self.no_tile)
        except (OSError, pycurl.error) as error:
            raise DownloadError(
                f"this machine can open no connections to {self._site.host}: {error}",
                hint="Close what holds many files open, or allow more of them (ulimit -n), and run the same command"
                " again.",
            ) from error


class _Stream:
    """The requests of one ``fetch`` or ``get``: those under way and those that wait for their next attempt."""

    def __init__(
        self,
        site: Site,
        pace: Pace,
        breaker: CircuitBreaker,
        context: RunContext,
        connections: int,
        cap_bytes: int,
        no_tile: NoTile,
    ) -> None:
        import pycurl

        self._pycurl = pycurl
        self._site = site
        self._pace = pace
        self._breaker = breaker
        self._context = context
        self._cap_bytes = cap_bytes
        self._keep = frozenset(name for name, _ in no_tile.headers)
        self._absent_status = no_tile.status
        self._concurrency = Concurrency(connections)
        self._transfers = Transfers(pycurl, connections=connections)
        self._job_of: dict[Handle, _Job] = {}
        self._idle: list[Handle] = []
        self._waiting: list[tuple[float, int, _Job]] = []
        self._order = count()
        self._back_s = float("-inf")
        """When whoever pulls the results last came back from something long: nothing was read meanwhile."""

    def run(self, jobs: Iterator[_Job], taker: _Taker) -> Generator[Any]:
        """Work until every job has its result; see ``HttpEngine._run``."""
        exhausted = False
        while True:
            if self._context.cancelled.is_set():
                return
            if self._context.deadline.passed:
                raise DownloadError("the run's deadline passed while tiles were downloaded")
            exhausted = self._start_what_may(jobs, exhausted)
            if exhausted and not self._transfers and not self._waiting:
                return
            self._transfers.wait(self._idle_s(exhausted))
            results, error = self._collect(taker)
            if error is None:
                # The server works on these while whoever pulls the results works on those.
                exhausted = self._start_what_may(jobs, exhausted)
                self._transfers.send()
            given_s = time.monotonic()
            yield from results
            if time.monotonic() - given_s > _ABSENCE_S:
                self._back_s = time.monotonic()
            if error is not None:
                raise error

    def close(self) -> None:
        """Break off what is under way."""
        self._transfers.close()
        while self._idle:
            self._idle.pop().close()

    def _start_what_may(self, jobs: Iterator[_Job], exhausted: bool) -> bool:
        """Start requests while pace and concurrency allow; say whether no new job is left."""
        while len(self._transfers) < self._concurrency.limit:
            now_s = time.monotonic()
            if self._pace.start_s() > now_s:
                break
            if self._waiting and self._waiting[0][0] <= now_s:
                job = heapq.heappop(self._waiting)[2]
            elif exhausted:
                break
            else:
                following = next(jobs, None)
                if following is None:
                    return True
                job = following
                now_s = time.monotonic()  # whoever names the tiles may have taken a while
            self._start(job, now_s)
        return exhausted

    def _start(self, job: _Job, now_s: float) -> None:
        handle = self._idle.pop() if self._idle else self._new_handle()
        headers = (*self._site.headers_for(job.request.url), *job.request.headers)
        if job.tile is not None and job.tile.etag is not None:
            headers = (*headers, b"If-None-Match: " + job.tile.etag.encode("latin-1"))
        timeout_s = self._context.deadline.remaining_s(WHOLE_TIMEOUT_S)
        handle.prepare(job.request, headers, cap_bytes=self._cap_bytes, timeout_s=timeout_s)
        self._job_of[handle] = job
        self._pace.started(now_s)
        self._transfers.start(handle)

    def _new_handle(self) -> Handle:
        return Handle(self._pycurl, self._site, user_agent=self._context.user_agent, keep=self._keep)

    def _idle_s(self, exhausted: bool) -> float:
        """Return how long there is nothing to start."""
        if len(self._transfers) >= self._concurrency.limit:
            return 1.0
        at_s = self._pace.start_s()
        if exhausted:
            at_s = max(at_s, self._waiting[0][0]) if self._waiting else float("inf")
        return max(0.0, at_s - time.monotonic())

    def _collect(self, taker: _Taker) -> tuple[list[Any], DownloadError | None]:
        """Return what the finished requests gave, and what ends the stream after them."""
        results: list[Any] = []
        ending: DownloadError | None = None
        for handle, code, text in self._transfers.finished():
            job = self._job_of.pop(handle)
            self._idle.append(handle)
            try:
                problem = handle.failure(code, text) if code else None
                if problem is not None:
                    raise problem
                reply = handle.reply()
                if reply.status in _REDIRECT_STATUS and (job.tile is None or reply.status not in self._absent_status):
                    settled = self._redirect(job, reply, taker)
                else:
                    settled = taker.reply(job, reply)
                now_s = time.monotonic()
                self._breaker.answered()
                self._pace.answered(now_s)
                self._concurrency.finished(handle.began_s, now_s)
                results += settled
            except (TransferError, TryAgainError) as passing:
                try:
                    given_up = self._again(job, passing, handle.began_s)
                except DownloadError as error:
                    ending = ending or error
                else:
                    results += given_up
            except DownloadError as error:
                ending = ending or error
        return results, ending

    def _redirect(self, job: _Job, reply: Reply, taker: _Taker) -> Sequence[Any]:
        """Have a job ask where a server sends it; return what is settled where it may not."""
        site = self._site
        target = joined(job.request.url, reply.headers.get("location", ""))
        if target is None or not site.allows(target):
            return taker.refusal(
                self._astray(
                    job,
                    f"{site.host} redirects (HTTP {reply.status}) to another host or to nowhere: not followed",
                    hint=f"Set {site.name}.url to where the tiles are, or list that host in {site.name}.redirect_hosts."
                    f" Where that means that there is no such tile, set {site.name}.absent_status={reply.status}.",
                )
            )
        if job.redirects >= _REDIRECTS:
            return taker.refusal(
                self._astray(job, f"{site.host} redirects more than {_REDIRECTS} times for one tile", hint="")
            )
        request = Request(target, job.request.headers, None if reply.status == 303 else job.request.body)
        following = _Job(job.tile, request, job.attempts, job.redirects + 1)
        heapq.heappush(self._waiting, (0.0, next(self._order), following))
        return ()

    def _astray(self, job: _Job, problem: str, *, hint: str) -> RefusalError:
        """Return the error for a redirect that is not followed; servers send what they lack to a page that says so."""
        of_tile = Refused(job.tile.id, problem) if job.tile is not None else None
        return RefusalError(problem, of_tile=of_tile, hint=hint)

    def _again(self, job: _Job, error: TransferError | TryAgainError, began_s: float) -> list[Any]:
        """Have a job tried again; return what is said of it when it was tried often enough."""
        now_s = time.monotonic()
        if isinstance(error, BusyError) and self._pace.busy():
            error = ThrottledError(error.message)
        throttled = isinstance(error, ThrottledError)
        if isinstance(error, TransferError) and began_s < self._back_s:
            heapq.heappush(self._waiting, (now_s, next(self._order), job))
            return []
        if throttled or (isinstance(error, TransferError) and error.overloaded):
            self._concurrency.overloaded(began_s, now_s)
        job.attempts += 1 if self._is_the_tiles(error, began_s, now_s) else 0
        if job.attempts >= (_THROTTLED_ATTEMPTS if throttled else _ATTEMPTS):
            problem = f"{error.message}; tried {job.attempts} times"
            return [Unreachable(job.tile.id, problem) if job.tile is not None else problem]
        longest_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0**job.attempts)
        wait_s = 0.0 if throttled else random.uniform(0.0, longest_s)  # noqa: S311 - spreads load, guards nothing
        heapq.heappush(self._waiting, (now_s + wait_s, next(self._order), job))
        return []

    def _is_the_tiles(self, error: TransferError | TryAgainError, began_s: float, now_s: float) -> bool:
        """Say whether a failure counts against its tile; what is the whole provider's makes all requests pause."""
        if isinstance(error, ThrottledError):
            self._pause(error.message, error.pause_s, began_s, now_s)
            return not error.pause_s  # a wait that is asked for is paid from the budget of the pauses
        if isinstance(error, StarvedError) and self._concurrency.limit > 1:
            return False
        if self._breaker.failed(error.message, silent=isinstance(error, TransferError | GatewayError)):
            self._pause(error.message, None, began_s, now_s)
            return False
        return True

    def _pause(self, problem: str, asked_s: float | None, began_s: float, now_s: float) -> None:
        if self._pace.throttled(began_s, now_s, asked_s):
            return
        asked = "longer than is left of" if asked_s is None else f"{asked_s:,.0f} s, beyond"
        raise DownloadError(
            f"{problem}; to go on would mean to wait {asked} what {self._site.name}.max_pause_s allows",
            hint="Run the same command again after that: the tiles that were stored are kept.",
        )


class _Document:
    """Takes the reply to the request for one document."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.taken: Reply | None = None

    def reply(self, job: _Job, reply: Reply) -> Sequence[Any]:
        raise_for_server(reply, host=self._site.host, name=self._site.name)
        self.taken = msgspec.structs.replace(reply, url=job.request.url)
        return ()

    def refusal(self, refusal: RefusalError) -> Sequence[Any]:
        raise refusal


class _Tiles:
    """Takes the replies to requests for tiles."""

    def __init__(self, judge: Judge, doubts: Doubts, breaker: CircuitBreaker) -> None:
        self._judge = judge
        self._doubts = doubts
        self._breaker = breaker

    def reply(self, job: _Job, reply: Reply) -> Sequence[TileResult]:
        assert job.tile is not None
        try:
            answer = self._judge(job.tile, reply)
        except RefusalError as refusal:
            return self.refusal(refusal)
        self._breaker.saw_html(isinstance(answer, Corrupt) and looks_like_html(reply))
        return self._doubts.answered(answer)

    def refusal(self, refusal: RefusalError) -> Sequence[TileResult]:
        return self._doubts.refused(refusal)
