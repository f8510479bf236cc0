"""The URL of a tile, from a template with placeholders."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from operator_tool.api import ConfigError, TileId

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SUBDOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_KNOWN = frozenset({"z", "x", "y", "-y", "q", "s", "api_key"})
_CREDENTIAL_NAMES = frozenset(
    {"access_token", "api-key", "api_key", "apikey", "auth", "key", "password", "secret", "sig", "signature"}
    | {"subscription-key", "token"}
)


class UrlTemplate(msgspec.Struct, frozen=True):
    """A checked template: http or https, names each tile, holds no secret. Safe to log and to be part of a key."""

    text: str
    subdomains: tuple[str, ...] = ()
    host: str = ""
    """The host to name in messages; ``{s}`` stands in it as it is."""
    is_plain_http: bool = False
    is_loopback: bool = False

    @property
    def wants_key(self) -> bool:
        """True when the key goes into the URL."""
        return "{api_key}" in self.text

    def url(self, tile: TileId, api_key: str = "") -> str:
        """Return the URL of a tile. With ``{api_key}`` in the template it holds the key: it goes to the wire alone."""
        values = {
            "z": str(tile.z),
            "x": str(tile.x),
            "y": str(tile.y),
            "-y": str((1 << tile.z) - 1 - tile.y),
            "q": quadkey(tile),
            "s": self.subdomains[(tile.x + tile.y) % len(self.subdomains)] if self.subdomains else "",
            "api_key": quote(api_key, safe=""),
        }
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.text)


def quadkey(tile: TileId) -> str:
    """Return a tile's quadkey: one digit a zoom, west to east and north to south (Bing Maps Tile System)."""
    return "".join(str((tile.x >> bit & 1) | (tile.y >> bit & 1) << 1) for bit in range(tile.z - 1, -1, -1))


def parse_url_template(text: str, *, setting: str, subdomains: tuple[str, ...] = ()) -> UrlTemplate:
    """Check a template; ``setting`` is the name to use in a ``ConfigError``, which never repeats what may be secret."""
    names = {match[1] for match in _PLACEHOLDER.finditer(text)}
    if not text.isprintable() or any(character.isspace() for character in text):
        raise ConfigError(f"{setting} has a space or a control character in it")
    if unknown := sorted(names - _KNOWN):
        raise ConfigError(
            f"{setting} has the unknown placeholder {{{unknown[0]}}}",
            hint="A template may use {z} {x} {y} {-y} (rows counted from the south) {q} (quadkey) {s} {api_key}.",
        )
    if not ("q" in names or ({"z", "x"} <= names and names & {"y", "-y"})):
        raise ConfigError(
            f"{setting} does not name a tile: it needs {{z}}, {{x}} and {{y}} (or {{-y}}), or {{q}}",
            hint="Write it like https://tiles.example.com/{z}/{x}/{y}.jpg",
        )
    if "s" in names and not subdomains:
        raise ConfigError(f"{setting} has {{s}}, and no subdomains are set")
    for subdomain in subdomains:
        if not _SUBDOMAIN.fullmatch(subdomain):
            raise ConfigError(f"the subdomain {subdomain!r} for {setting} can't be part of a host's name")
    sample = _PLACEHOLDER.sub(lambda match: subdomains[0] if match[1] == "s" else "0", text)
    try:
        parts, raw = urlsplit(sample), urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{setting} is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ConfigError(f"{setting} has the scheme {parts.scheme!r}; only http and https are asked for tiles")
    if not host:
        raise ConfigError(f"{setting} names no host")
    if "@" in parts.netloc:
        raise ConfigError(
            f"{setting} has a user or a password in it",
            hint="Set the api_key of this provider instead: the URL is part of logs and of the cache's key.",
        )
    if {match[1] for match in _PLACEHOLDER.finditer(raw.netloc)} - {"s"}:
        raise ConfigError(f"{setting} has a placeholder other than {{s}} in its host")
    if parts.fragment:
        raise ConfigError(f"{setting} has a #fragment, which no server ever sees")
    for name, value in parse_qsl(raw.query, keep_blank_values=True):
        if name.lower() in _CREDENTIAL_NAMES and value and value != "{api_key}":
            raise ConfigError(
                f"{setting} has the value of {name!r} in it, which looks like a credential",
                hint=f"Write {name}={{api_key}} and set the api_key of this provider: the URL is part of logs"
                " and of the cache's key.",
            )
    # With {s} one subdomain may be this machine and the next one not.
    is_loopback = "{s}" not in raw.netloc and _is_loopback(host)
    return UrlTemplate(text, subdomains, raw.netloc, parts.scheme == "http", is_loopback)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
