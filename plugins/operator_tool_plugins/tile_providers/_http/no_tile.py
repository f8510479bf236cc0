"""How a server says that it has no picture: by a status, "no imagery here" in a header, or well-known bytes."""

from __future__ import annotations

import hashlib

import msgspec

from .exchange import Reply
from .settings import TileServerSettings, WebSettings


class NoTile(msgspec.Struct, frozen=True):
    """What marks a missing tile of one server, or a placeholder."""

    headers: tuple[tuple[str, str], ...] = ()
    """Names and values in lower case."""
    sha256: frozenset[str] = frozenset()
    status: frozenset[int] = frozenset()
    """Those that say that there is no such tile, besides those that always do."""

    @classmethod
    def of(cls, settings: WebSettings) -> NoTile:
        """Return what the settings say."""
        headers = tuple((name.lower(), value.lower()) for name, value in settings.no_tile_headers.items())
        status = settings.absent_status if isinstance(settings, TileServerSettings) else ()
        return cls(headers, frozenset(settings.no_tile_sha256), frozenset(status))

    def reason(self, reply: Reply) -> str | None:
        """Return why a reply is a placeholder, None where it isn't."""
        for name, value in self.headers:
            if reply.headers.get(name, "").strip().lower() == value:
                return f"the server says {name}: {value}"
        if self.sha256 and reply.body is not None and hashlib.sha256(reply.body).hexdigest() in self.sha256:
            return "the bytes of a known placeholder"
        return None
