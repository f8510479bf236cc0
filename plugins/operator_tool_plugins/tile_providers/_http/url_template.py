"""The URL of a tile, from a template with placeholders."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from operator_tool.api import ConfigError, TileId

from .address import check_address, check_for_credentials
from .foreign_spellings import explain, other_brackets, translated

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SUBDOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")
_LONGEST_SHOWN = 40
_WHAT_THERE_IS = "A template may use {z} {x} {y} {-y} (rows counted from the south) {q} (quadkey) {s} {api_key}."
_KNOWN = frozenset({"z", "x", "y", "-y", "q", "s", "api_key"})


class UrlTemplate(msgspec.Struct, frozen=True):
    """A checked template: http or https, names each tile, holds no secret. Safe to log and to be part of a key."""

    text: str
    subdomains: tuple[str, ...] = ()

    @property
    def wants_key(self) -> bool:
        """True when the key goes into the URL."""
        return "{api_key}" in self.text

    def samples(self) -> tuple[str, ...]:
        """Return one address for each subdomain, to judge whom the template talks to."""
        return tuple(_sample(self.text, subdomain) for subdomain in self.subdomains or ("",))

    def url(self, tile: TileId, quoted_key: str = "") -> str:
        """Return the URL of a tile. With ``{api_key}`` in the template it holds the key: it goes to the wire alone."""
        values = {
            "z": tile.z,
            "x": tile.x,
            "y": tile.y,
            "-y": (1 << tile.z) - 1 - tile.y,
            "q": quadkey(tile) if "{q}" in self.text else "",
            "s": self.subdomains[(tile.x + tile.y) % len(self.subdomains)] if self.subdomains else "",
            "api_key": quoted_key,
        }
        return self.text.format_map(values)


def quadkey(tile: TileId) -> str:
    """Return a tile's quadkey: one digit a zoom, west to east and north to south (Bing Maps Tile System)."""
    return "".join(str((tile.x >> bit & 1) | (tile.y >> bit & 1) << 1) for bit in range(tile.z - 1, -1, -1))


def parse_url_template(
    text: str, *, setting: str, subdomains: tuple[str, ...] = (), from_server: bool = False
) -> UrlTemplate:
    """Check a template; ``setting`` is the name to use in a ``ConfigError``, which never repeats what may be secret.

    A template that came ``from_server`` may hold a token of the server's own: it is neither logged nor part of a key.
    """
    if from_server:
        text = translated(text)
    names = {match[1] for match in _PLACEHOLDER.finditer(text)}
    if not text.isprintable() or any(character.isspace() for character in text):
        raise ConfigError(f"{setting} has a space or a control character in it")
    if hint := other_brackets(text):
        raise ConfigError(f"{setting} is written as another program writes it", hint=hint)
    if unknown := sorted(names - _KNOWN):
        shown = unknown[0] if len(unknown[0]) <= _LONGEST_SHOWN else "..."
        raise ConfigError(
            f"{setting} has the unknown placeholder {{{shown}}}", hint=f"{explain(unknown)} {_WHAT_THERE_IS}".strip()
        )
    if found := re.search(r"[$#%@]\{", text):
        raise ConfigError(
            f"{setting} has {found[0][0]!r} before a placeholder, which would stay in the address",
            hint="Write it without, as {z}/{x}/{y}.",
        )
    if set(_PLACEHOLDER.sub("", text)) & {"{", "}"}:
        raise ConfigError(f"{setting} has a brace that belongs to no placeholder")
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
    check_address(_sample(text, next(iter(subdomains), "")), setting=setting, from_server=from_server)
    if not from_server:
        check_for_credentials(text, setting=setting)
    host = urlsplit(text).netloc
    if {match[1] for match in _PLACEHOLDER.finditer(host)} - {"s"}:
        raise ConfigError(f"{setting} has a placeholder other than {{s}} in its host")
    return UrlTemplate(text, subdomains)


def _sample(text: str, subdomain: str) -> str:
    known = {"s": subdomain, "api_key": "{api_key}"}
    return _PLACEHOLDER.sub(lambda match: known.get(match[1], "0"), text)
