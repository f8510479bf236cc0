"""The transport: it connects when it is told to, or begins to while the command still reads the flight."""

from __future__ import annotations

import contextlib
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from operator_tool.api import CompanionSession, HostKeyOffer, RunContext

from .._secure_shell.addresses import check_zone
from .bounded import Background
from .host_keys import place_to_pin
from .library import import_library
from .route import Endpoint, find_route
from .settings import SshSettings

if TYPE_CHECKING:
    from .connect import Connector
    from .link import Link


class SshTransport:
    """Reaches a companion over SSH. ``EagerTransport`` and ``EnrollableTransport``."""

    def __init__(self, settings: SshSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._lock = threading.Lock()
        self._begun: Background[Link] | None = None

    @property
    def address(self) -> str:
        """``ssh://user@host:port``, as the settings and the operator's ~/.ssh/config have it."""
        return self._route[-1].address

    def begin(self) -> None:
        """Start to connect in a thread. Nobody is asked for a passphrase by it: that is left to ``connect``."""
        # Imported here, for some hundredths of a second: by the thread, against this one's work, it saves nothing.
        with contextlib.suppress(ImportError):
            import_library()
        with self._lock:
            if self._begun is None:
                self._begun = Background("ssh-begin", lambda: self._connector.open_link(None))

    def connect(self) -> CompanionSession:
        """Connect, check the host key, log in; or take the connection that was begun."""
        import_library()
        from .session import SshSession

        with self._lock:
            begun, self._begun = self._begun, None
        link = self._taken(begun) if begun is not None else None
        return SshSession(link or self._connector.open_link(self._context.ask_secret), self._context)

    def close(self) -> None:
        """Let go of a connection that was begun and that nobody took."""
        with self._lock:
            begun, self._begun = self._begun, None
        if begun is not None:
            begun.forget(lambda link: link.close())

    def offered_key(self) -> HostKeyOffer:
        """Ask for the host key; only jump hosts are logged in to."""
        return self._connector.offered_key(self._context.ask_secret)

    def pin(self, offer: HostKeyOffer) -> str:
        """Write the key into the file of pinned keys, and return its path."""
        from .._host_keys.pins import pin_key

        path = place_to_pin(self._settings, self._context)
        pin_key(path, offer.label, offer.type, offer.blob)
        return str(path)

    def _taken(self, begun: Background[Link]) -> Link | None:
        """Return the link that was begun; None when it has to be made anew. Raises what stood in its way."""
        from .keys import PassphraseWantedError

        try:
            link = begun.result()
        except PassphraseWantedError:
            if self._context.ask_secret is None:
                raise
            return None
        if link.alive:
            return link
        link.close()
        return None

    @cached_property
    def _route(self) -> tuple[Endpoint, ...]:
        return find_route(self._settings)

    @property
    def _connector(self) -> Connector:
        for place, server in enumerate(self._route):
            check_zone(server.name, server.host, from_here=place == 0)
        import_library()
        from .connect import Connector

        return Connector(self._settings, self._route, self._context)
