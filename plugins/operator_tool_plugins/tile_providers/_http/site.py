"""Whom one provider may talk to, and with which credentials."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from operator_tool.api import ConfigError, is_credential_name

from .address import Origin, check_address, check_for_credentials, origin_of
from .certificates import check_ca_file
from .settings import WebSettings

_CREDENTIAL_HEADERS = frozenset({"cookie", "proxy-authorization", "x-auth", "x-api-key"})
_QUOTED_AT_MOST = 4
_NO_BULK_HOSTS = frozenset({"tile.openstreetmap.org"})
"""Hosts whose published policy forbids to download areas (operations.osmfoundation.org/policies/tiles)."""


class Site:
    """One provider's server, or servers: who gets the key, who may be redirected to, and by which proxy."""

    def __init__(self, name: str, host: str, origins: frozenset[Origin], settings: WebSettings) -> None:
        self.name = name
        """The plugin's name, for messages."""
        self.host = host
        """The host's name, for messages."""
        self.proxy = settings.proxy
        self.ca_file = settings.ca_file
        """The authorities to trust; None for the system's."""
        self._origins = origins
        self._redirect_hosts = frozenset(host.lower() for host in settings.redirect_hosts)
        self._key = settings.api_key.reveal() if settings.api_key is not None else ""
        self._own: tuple[bytes, ...] = ()
        bulk = settings.bulk_download
        self.bulk_download = False if bulk is None and self._forbids_bulk() else bulk
        """Whether an area may be downloaded: as the settings say, or as a published policy does."""

    @classmethod
    def of(
        cls, name: str, url: str, settings: WebSettings, *, key_in_url: bool = False, also: Sequence[str] = ()
    ) -> Site:
        """Return the site of an address; ``also`` are other addresses of the same service.

        Raises ``ConfigError`` for an address that can't be asked, a key that would be sent in the open, a header that
        can't be sent, and a proxy that makes no sense.
        """
        urls = [url, *also]
        for one in urls:
            check_address(one, setting=f"{name}.url")
            check_for_credentials(one, setting=f"{name}.url", public=settings.public_url)
        origins = frozenset(origin for one in urls if (origin := origin_of(one)) is not None)
        site = cls(name, urlsplit(url).netloc, origins, settings)
        site._take_headers(settings, key_in_url=key_in_url)
        site._check_trust(settings)
        return site

    @property
    def quoted_key(self) -> str:
        """The key as it goes into a URL; empty where there is none."""
        return quote(self._key, safe="")

    def allows(self, url: str) -> bool:
        """Say whether an address that a server gave may be asked: the site's own, or that of a listed host."""
        origin = origin_of(url)
        if origin is None:
            return False
        if origin in self._origins:
            return True
        downgrade = origin.scheme == "http" and all(own.scheme == "https" for own in self._origins)
        return origin.host in self._redirect_hosts and not downgrade and not self._holds_key(url)

    def headers_for(self, url: str) -> tuple[bytes, ...]:
        """Return the header lines for a request: the site's own with its key, or none of either for another host."""
        return self._own if origin_of(url) in self._origins else ()

    def is_own(self, url: str) -> bool:
        """Say whether an address is the site's own."""
        return origin_of(url) in self._origins

    def _forbids_bulk(self) -> bool:
        return any(
            origin.host == host or origin.host.endswith(f".{host}")
            for origin in self._origins
            for host in _NO_BULK_HOSTS
        )

    def _holds_key(self, url: str) -> bool:
        """Say whether an address has the key in it, however it is quoted."""
        if not self._key:
            return False
        for _ in range(_QUOTED_AT_MOST):
            if self._key in url or self._key in unquote_plus(url):
                return True
            url = unquote(url)
        return False

    def _take_headers(self, settings: WebSettings, *, key_in_url: bool) -> None:
        headers = dict(settings.headers)
        for header in headers:
            if header.lower() in _CREDENTIAL_HEADERS or is_credential_name(header):
                raise ConfigError(
                    f"{self.name}.headers has {header!r}, which carries a credential",
                    hint=f"Set {self.name}.api_key and {self.name}.api_key_header.",
                )
        if self._key and not key_in_url:
            header, _, before = settings.api_key_header.partition(":")
            headers[header.strip()] = f"{before.strip()} {self._key}".strip()
        lines = []
        for header, value in headers.items():
            line = f"{header}: {value}"
            if not (line.isascii() and line.isprintable() and header):
                raise ConfigError(f"the header {header!r} of {self.name} can't be sent: only printable ASCII is")
            lines.append(line.encode("ascii"))
        self._own = tuple(lines)

    def _check_trust(self, settings: WebSettings) -> None:
        in_the_open = [origin for origin in self._origins if origin.scheme == "http"]
        if self._key and not all(origin.is_loopback for origin in in_the_open):
            raise ConfigError(
                f"{self.name}.url is plain http, and the key would be sent in the open",
                hint=f"Use https, or leave {self.name}.api_key out.",
            )
        if settings.ca_file is not None:
            check_ca_file(settings.ca_file, setting=f"{self.name}.ca_file")
        if not settings.proxy:
            return
        proxy = urlsplit(settings.proxy)
        if proxy.scheme not in ("http", "https", "socks5", "socks5h") or not proxy.hostname:
            raise ConfigError(f"{self.name}.proxy is not the address of a proxy, such as http://proxy:3128")
        if "@" in proxy.netloc:
            raise ConfigError(f"{self.name}.proxy has a user or a password in it, which would be sent in the open")
        if self._key and in_the_open:
            raise ConfigError(
                f"{self.name}.url is plain http and goes through a proxy: the key would be sent in the open",
                hint=f"Use https, or leave {self.name}.api_key or {self.name}.proxy out.",
            )
