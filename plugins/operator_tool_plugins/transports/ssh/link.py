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
from collections.abc import Iterator

from paramiko import SSHException, Transport  # type: ignore[import-untyped]

from operator_tool.api import CompanionIdentity, LinkError

log = logging.getLogger(__name__)

_LOOK_S = 0.1

BROKEN = (SSHException, EOFError, OSError)
"""What paramiko raises when a connection breaks."""


class Link:
    """A connection that is logged in."""

    def __init__(self, transport: Transport, identity: CompanionIdentity) -> None:
        self.transport = transport
        self.identity = identity
        self._lock = threading.Lock()
        self._calls: dict[object, float] = {}
        self._closed = threading.Event()
        self._why = f"the link to {identity.address} was lost"
        self._watchdog = threading.Thread(target=self._watch, name="ssh-watchdog", daemon=True)
        self._watchdog.start()

    @contextlib.contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Close the link when the block takes longer. Raises ``LinkError`` for what a broken connection raises."""
        call = object()
        with self._lock:
            self._calls[call] = time.monotonic() + seconds
        try:
            yield
        except TimeoutError:
            raise
        except BROKEN as error:
            raise self.lost(error) from error
        finally:
            with self._lock:
                del self._calls[call]

    @property
    def alive(self) -> bool:
        """Whether the connection is still there, as far as is known."""
        return bool(self.transport.is_active())

    def lost(self, cause: BaseException | None = None) -> LinkError:
        """Return the error that says why this link is no more, or why it could not be used."""
        if cause is not None and self.alive:
            return LinkError(f"{self.identity.address} would not do what was asked of it: {cause}")
        return LinkError(self._why)

    def close(self, why: str | None = None) -> None:
        """Close the connection; from any thread, again is harmless."""
        with self._lock:
            if self._closed.is_set():
                return
            self._why = why or f"the session with {self.identity.address} was closed while it was used"
            self._closed.set()
        self.transport.close()
        if threading.current_thread() is not self._watchdog:
            self._watchdog.join(1.0)
        self.transport.join(1.0)

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_S):
            with self._lock:
                stalled = bool(self._calls) and min(self._calls.values()) < time.monotonic()
            if stalled:
                log.debug("%s takes nothing more; the connection is closed", self.identity.address)
                self.close(f"the link to {self.identity.address} stalled: the companion takes nothing more")
