"""Many transfers at once in one thread: libcurl's multi interface over epoll."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import Any

from .handle import Handle

_LONGEST_WAIT_S = 0.2


class Transfers:
    """The transfers of one stream of requests. ``start`` some, ``wait`` for news, take what is ``finished``."""

    def __init__(self, pycurl: Any, *, connections: int) -> None:
        self._pycurl = pycurl
        self._selector = select.epoll()
        self._watched: set[int] = set()
        self._timer_s: float | None = None
        self._running: dict[Any, Handle] = {}
        self._multi = multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)
        multi.setopt(pycurl.M_MAXCONNECTS, connections)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def __len__(self) -> int:
        return len(self._running)

    def start(self, handle: Handle) -> None:
        """Start the transfer that the handle was prepared for."""
        self._running[handle.curl] = handle
        handle.began_s = time.monotonic()
        self._multi.add_handle(handle.curl)

    def wait(self, at_most_s: float) -> None:
        """Let the transfers go on: until there is news of one, or the time is over."""
        wait_s = min(at_most_s, _LONGEST_WAIT_S)
        if self._timer_s is not None:
            wait_s = min(wait_s, self._timer_s - time.monotonic())
        if not self._watched:
            # Names are looked up in threads of libcurl's own, which its timer asks about.
            if wait_s > 0:
                time.sleep(wait_s)
            events = []
        else:
            events = self._selector.poll(max(0.0, wait_s))
        for fd, mask in events:
            # Errors and ends count as both: libcurl finds out which.
            ready = 0
            if mask & ~select.EPOLLOUT:
                ready |= self._pycurl.CSELECT_IN
            if mask & ~select.EPOLLIN:
                ready |= self._pycurl.CSELECT_OUT
            self._multi.socket_action(fd, ready)
        self.send()

    def send(self) -> None:
        """Let what was started go out, and what timed out end."""
        if self._timer_s is not None and self._timer_s <= time.monotonic():
            self._timer_s = None
            self._multi.socket_action(self._pycurl.SOCKET_TIMEOUT, 0)

    def finished(self) -> Iterator[tuple[Handle, int, str]]:
        """Yield each transfer that has ended: its handle, libcurl's code (0: well) and its text."""
        while True:
            more, well, failed = self._multi.info_read()
            for curl in well:
                yield self._take(curl), 0, ""
            for curl, code, text in failed:
                yield self._take(curl), code, text
            if not more:
                return

    def close(self) -> None:
        """Break off what still runs, and close the connections."""
        while self._running:
            curl, handle = self._running.popitem()
            self._multi.remove_handle(curl)
            handle.close()
        self._multi.close()
        self._selector.close()

    def _take(self, curl: Any) -> Handle:
        self._multi.remove_handle(curl)
        return self._running.pop(curl)

    def _watch(self, what: int, fd: int, _multi: Any, _data: Any) -> None:
        pycurl = self._pycurl
        if what == pycurl.POLL_REMOVE:
            if fd in self._watched:
                self._watched.remove(fd)
                self._selector.unregister(fd)
            return
        events = 0
        if what in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            events |= select.EPOLLIN
        if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            events |= select.EPOLLOUT
        if fd in self._watched:
            self._selector.modify(fd, events)
        else:
            self._watched.add(fd)
            self._selector.register(fd, events)

    def _set_timer(self, timeout_ms: int) -> None:
        self._timer_s = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000.0
