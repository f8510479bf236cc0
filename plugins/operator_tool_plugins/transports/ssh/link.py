"""An SSH connection on which no call waits for ever.

Most calls into paramiko write to the connection, and such a write waits without a limit once the other side takes
nothing more. Each is therefore made under :meth:`Link.at_most`: when one takes too long the whole connection is
closed, which makes every call on it return. A link that stalled so long is not trusted again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence

from paramiko import Channel, ChannelException, SSHException  # type: ignore[import-untyped]

from operator_tool.api import CompanionIdentity, LinkError, LinkStalledError, escape_controls

from .._secure_shell.words import NO_SESSION_HINT
from .bounded import Background
from .client import ClientTransport, hang_up

log = logging.getLogger(__name__)

_LOOK_S = 0.1
_REFUSED_S = 1.0
_LOOK_AGAIN_S = 0.02
_OPEN_S = 15.0
_FOR_EVER_S = 24 * 3600.0

BROKEN = (SSHException, EOFError, OSError)
"""What paramiko raises when a connection breaks."""


class Link:
    """A connection that is logged in, the jump hosts' connections that carry it first among its transports."""

    def __init__(self, transports: Sequence[ClientTransport], identity: CompanionIdentity) -> None:
        self.transport = transports[-1]
        self.identity = identity
        self._transports = tuple(transports)
        self._lock = threading.Lock()
        self._calls: dict[object, float] = {}
        self._closed = threading.Event()
        self._lost: type[LinkError] = LinkError
        self._why = f"the link to {identity.address} was lost"
        self._watchdog = threading.Thread(target=self._watch, name="ssh-watchdog", daemon=True)
        self._watchdog.start()
        # The first program's channel is opened at once: that is one round trip less when it starts.
        self._ahead = Background("ssh-open", self._open)
        self._first_is_taken = False

    def open_channel(self) -> Channel:
        """Return a new channel for a program. Raises ``LinkError``."""
        with self._lock:
            first, self._first_is_taken = not self._first_is_taken, True
        with self.at_most(_OPEN_S):
            try:
                return self._ahead.result() if first else self._open()
            except ChannelException as error:
                if not self.alive:
                    raise
                raise LinkError(
                    f"{self.identity.address} would not do what was asked of it, and opens no session: "
                    f"{escape_controls(str(error.text), limit=200)}",
                    hint=NO_SESSION_HINT,
                    retryable=False,
                ) from error

    @contextlib.contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Close the link when the block takes longer. Raises ``LinkError`` for what a broken connection raises."""
        call = object()
        # Each of these is one operation of a dict, which threads may do at once.
        self._calls[call] = time.monotonic() + seconds
        try:
            yield
        except TimeoutError:
            raise
        except BROKEN as error:
            raise self.lost(error) from error
        finally:
            del self._calls[call]

    @property
    def alive(self) -> bool:
        """Whether the connection is still there, as far as is known."""
        return bool(self.transport.is_active())

    def lost(self, cause: BaseException | None = None) -> LinkError:
        """Return the error that says why this link is no more, or why it could not be used."""
        if cause is not None and self.alive:
            return LinkError(f"{self.identity.address} would not do what was asked of it: {cause}")
        said = self.transport.last_words
        return self._lost(f"{self._why}: {said}" if said and not self._closed.is_set() else self._why)

    def close(self, why: str | None = None, kind: type[LinkError] = LinkError) -> None:
        """Close the connection; from any thread, again is harmless."""
        with self._lock:
            if self._closed.is_set():
                return
            self._lost = kind
            self._why = why or f"the session with {self.identity.address} was closed while it was used"
            self._closed.set()
        hang_up(*self._transports)
        for event in list(self.transport.channel_events.values()):
            event.set()  # else paramiko looks again a tenth of a second later whether a channel was opened
        self._ahead.wait(1.0)
        if threading.current_thread() is not self._watchdog:
            self._watchdog.join(1.0)

    def _open(self) -> Channel:
        until_s = time.monotonic() + _REFUSED_S
        while True:
            try:
                # The limit is that of at_most: paramiko's own would leave a link that is not to be trusted any more.
                return self.transport.open_session(timeout=_FOR_EVER_S)
            except ChannelException:
                # A server of few sessions may not have done with the one before.
                if time.monotonic() > until_s:
                    raise
                time.sleep(_LOOK_AGAIN_S)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_S):
            now = time.monotonic()
            if any(until < now for until in list(self._calls.values())):
                log.debug("%s takes nothing more; the connection is closed", self.identity.address)
                why = f"the link to {self.identity.address} stalled: the companion takes nothing more"
                self.close(why, LinkStalledError)
