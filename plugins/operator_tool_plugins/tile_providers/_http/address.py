"""Addresses of servers: checked once, before anything is sent to them."""

from __future__ import annotations

import functools
import ipaddress
import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import msgspec

from operator_tool.api import ConfigError, credential_in_url

_NOT_ON_THE_WIRE = re.compile(r"[^\x21-\x7e]+")
_URL_WITH_QUERY = re.compile(r"(https?://[^\s?#\"'<>]+)[?#][^\s\"'<>]*", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port: whom a credential may be sent to."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True for this machine itself."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def origin_of(url: str) -> Origin | None:
    """Return the origin of an http or https URL, None where it is none or names a user."""
    path = url.find("/", len("https://"))
    return _origin_of(url if path < 0 else url[:path])


@functools.lru_cache(maxsize=64)
def _origin_of(url: str) -> Origin | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def joined(url: str, reference: str) -> str | None:
    """Return the address that a server means by a reference in a document or a redirect; None where it is none."""
    try:
        return urljoin(url, reference) if reference else None
    except ValueError:
        return None


def on_the_wire(url: str) -> str:
    """Return an address as it may go out: other scripts, spaces and control characters quoted."""
    return _NOT_ON_THE_WIRE.sub(lambda match: quote(match[0]), url)


def check_address(text: str, *, setting: str, from_server: bool = False) -> SplitResult:
    """Return the parts of an address that an operator set; ``from_server`` says that a server gave it.

    Raises ``ConfigError`` by the setting's name, and never repeats what may be secret.
    """
    if not text.isprintable() or any(character.isspace() for character in text):
        raise ConfigError(f"{setting} has a space or a control character in it")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{setting} is not a URL") from None
    if parts.scheme not in _PORTS:
        raise ConfigError(f"{setting} has the scheme {parts.scheme!r}; only http and https are asked for tiles")
    if not host:
        raise ConfigError(f"{setting} names no host")
    if "@" in parts.netloc:
        raise ConfigError(
            f"{setting} has a user or a password in it",
            hint="Set the api_key of this provider instead: the URL is part of logs and of the cache's key.",
        )
    if _is_link_local(host):
        raise ConfigError(f"{setting} names the link-local address {host}, where no tile server is")
    if parts.fragment:
        raise ConfigError(f"{setting} has a #fragment, which no server ever sees")
    if not from_server:
        check_for_credentials(text, setting=setting)
    return parts


def check_for_credentials(text: str, *, setting: str, public: bool = True) -> None:
    """Raise ``ConfigError`` for an address with a credential in it, which it does not repeat.

    With ``public`` only what has a credential's name is one; else what looks like a token, too.
    """
    found = credential_in_url(text, by_shape=not public)
    if found is None:
        return
    name = setting.partition(".")[0]
    by_name = credential_in_url(text, by_shape=False) is not None
    way_round = "" if by_name else f" Where it is no secret, set {name}.public_url=true."
    raise ConfigError(
        f"{setting} has {found} in it: a credential, by the look of it",
        hint=f"Write {{api_key}} in its place and set {name}.api_key_file (or another of its ways): the URL is part of"
        f" logs, of reports and of the store's key.{way_round}",
    )


def without_queries(text: str) -> str:
    """Return a text with the queries and fragments of the URLs in it left out: a server's own may hold its tokens."""
    return _URL_WITH_QUERY.sub(r"\1?...", text)


def _is_link_local(host: str) -> bool:
    """Link-local addresses are where clouds keep their machines' credentials."""
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False
