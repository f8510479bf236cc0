"""One request and its reply, as the providers that ask over http speak of them."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True, gc=False):
    """What is asked for. Its URL may hold a key: it goes to the wire alone, never into a text for people."""

    url: str
    headers: tuple[bytes, ...] = ()
    """Complete header lines beyond those of the site, such as ``b"Range: bytes=0-9"``."""
    body: bytes | None = None
    """Sent with POST where there is one."""


class Reply(msgspec.Struct, frozen=True):
    """What a server answered, whatever its status."""

    status: int
    headers: dict[str, str]
    """Those that are kept, by names in lower case, values as they came (Latin-1)."""
    body: bytes | None
    """None when it was longer than the cap."""
    url: str = ""
    """Where it came from in the end. It may hold a key, as a request's does."""
