"""The addresses of a service: of its capabilities, and of each tile by what it announces in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from operator_tool.api import ConfigError

from .._http.address import joined, on_the_wire, origin_of
from .._http.site import Site
from .._projection import said_of_address
from .._projection_words import Projection
from .capabilities import Capabilities
from .choice import Choice, media_key
from .server_words import ServerWords

API_KEY = "{api_key}"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_OF_A_TILE = frozenset({"tilematrix", "tilerow", "tilecol"})
_ENDS_OF_A_DOCUMENT = (".xml", "wmtscapabilities")


class TileAddress(msgspec.Struct, frozen=True):
    """The address of every tile of one layer; the operator's key is not in it before a request is made of it."""

    template: str
    is_own: bool
    """Whether it is of the operator's own site, which alone gets the key."""

    def url(self, matrix: str, column: int, row: int, quoted_key: str) -> str:
        """Return a tile's URL. It may hold the key: it goes to the wire alone."""
        values = {
            "tilematrix": _quoted(matrix),
            "tilecol": str(column),
            "tilerow": str(row),
            "api_key": quoted_key if self.is_own else "",
        }
        return _PLACEHOLDER.sub(lambda match: values[match[1].lower()], self.template)


def capabilities_url(url: str) -> str:
    """Return the address to ask for capabilities: a document's as it is, a service's with the query that it needs."""
    if _is_document(url):
        return on_the_wire(url)
    query = urlsplit(url).query
    wanted = {"SERVICE": "WMTS", "REQUEST": "GetCapabilities", "VERSION": "1.0.0"}
    missing = [f"{name}={value}" for name, value in wanted.items() if name.lower() not in _names(query)]
    return on_the_wire(_with_query(url, [*_pieces(query), *missing]))


def tile_address(
    choice: Choice, capabilities: Capabilities, *, url: str, site: Site, words: ServerWords
) -> TileAddress:
    """Return the first address of the chosen tiles whose host may be asked: by template, else by query.

    Raises ``ConfigError`` when the service announces none that can be used, or only such of other hosts.
    """
    foreign: dict[str, None] = {}
    for announced in _announced(choice, capabilities, url):
        address = _as_safe_as(announced, url)
        sample = _PLACEHOLDER.sub("0", address)
        if site.allows(sample):
            own = site.is_own(sample)
            return TileAddress(_with_key(address, url) if own else address, own)
        origin = origin_of(sample)
        foreign[words.safe(f"{origin.scheme}://{origin.host}:{origin.port}") if origin else "no http address"] = None
    layer = words.quoted(choice.layer.name)
    if foreign:
        raise ConfigError(
            f"the tiles of the layer {layer} of {site.host} are on another host: {words.listed(foreign)}",
            hint="List that host in wmts.redirect_hosts, if it is to be trusted with the requests; it gets no key, and"
            " plain http only from a service that is plain http itself.",
        )
    raise ConfigError(
        f"{site.host} announces no address for tiles of the layer {layer} in the format"
        f" {words.quoted(choice.media_type)}",
        hint="Choose another wmts.format, or give the address of the service itself as wmts.url.",
    )


def _announced(choice: Choice, capabilities: Capabilities, url: str) -> Iterator[str]:
    """Yield whole addresses that have the placeholders of a tile and no others but the key's."""
    layer = choice.layer
    constants = {
        "layer": layer.name,
        "style": choice.style,
        "tilematrixset": choice.grid.name,
        **{name.lower(): value for name, value in choice.dimensions.items()},
    }
    templates = _templates(choice)
    # A service that announces nothing is asked where it gave its capabilities.
    at_hand = () if layer.resources or _is_document(url) else (url,)
    by_template = [_filled(address, constants) for address in _absolute(templates, url)]
    by_query = [_by_query(address, choice) for address in _absolute(capabilities.kvp_addresses or at_hand, url)]
    for template in [*by_template, *by_query]:
        names = {match[1].lower() for match in _PLACEHOLDER.finditer(template)}
        if _OF_A_TILE <= names <= _OF_A_TILE | {"api_key"}:
            yield template


def _templates(choice: Choice) -> list[str]:
    """Return the templates for the chosen format: by its name, else by one that stands for the same kind of pictures.

    A template that names another projection is none of the chosen set.
    """
    wanted = media_key(choice.media_type)
    resources = [
        one
        for one in choice.layer.resources
        if said_of_address(one.template).projection is not Projection.OTHER or choice.grid.name in one.template
    ]
    same = [one.template for one in resources if media_key(one.media_type) == wanted]
    return same or [
        one.template
        for one in resources
        if not one.media_type or media_key(one.media_type).partition(";")[0] == wanted.partition(";")[0]
    ]


def _absolute(announced: Iterable[str], url: str) -> Iterator[str]:
    """Yield whole addresses; one with a placeholder in its host, or a fragment, which no server sees, is none."""
    for text in announced:
        address = joined(url, on_the_wire(text))
        if address is not None and "{" not in urlsplit(address).netloc and "#" not in address:
            yield address


def _filled(template: str, constants: Mapping[str, str]) -> str:
    """Return a template with what all tiles have in common put in; what is empty is not: ``//`` is no place."""

    def fill(match: re.Match[str]) -> str:
        return _quoted(constants.get(match[1].lower(), "")) or match[0]

    return _PLACEHOLDER.sub(fill, template)


def _by_query(address: str, choice: Choice) -> str:
    """Return a template by key and value; those of an address stay where they are not a tile's."""
    values = {
        "SERVICE": "WMTS",
        "REQUEST": "GetTile",
        "VERSION": "1.0.0",
        "LAYER": choice.layer.name,
        "STYLE": choice.style,
        "FORMAT": choice.media_type,
        "TILEMATRIXSET": choice.grid.name,
        **choice.dimensions,
    }
    ours = {name.lower() for name in values} | _OF_A_TILE
    kept = [piece for piece in _pieces(urlsplit(address).query) if _name(piece) not in ours]
    constant = [f"{_quoted(name)}={_quoted(value)}" for name, value in values.items()]
    of_a_tile = ["TILEMATRIX={TileMatrix}", "TILEROW={TileRow}", "TILECOL={TileCol}"]
    return _with_query(address, [*kept, *constant, *of_a_tile])


def _as_safe_as(address: str, url: str) -> str:
    """Return an address by https where an https service announces itself as plain http, as it does behind a proxy."""
    there, own = origin_of(address), origin_of(url)
    if there is None or own is None or (there.scheme, own.scheme, there.host) != ("http", "https", own.host):
        return address
    if there.port not in (80, own.port):
        return address
    return urlunsplit(("https", urlsplit(url).netloc, *urlsplit(address)[2:]))


def _with_key(address: str, url: str) -> str:
    """Return an address with the key where the operator's own has it in its query, unless it is there already."""
    query = urlsplit(address).query
    missing = [
        piece for piece in _pieces(urlsplit(url).query) if API_KEY in piece and _name(piece) not in _names(query)
    ]
    return _with_query(address, [*_pieces(query), *missing]) if missing else address


def _with_query(url: str, pieces: list[str]) -> str:
    return urlunsplit(urlsplit(url)._replace(query="&".join(pieces)))


def _pieces(query: str) -> list[str]:
    return [piece for piece in query.split("&") if piece]


def _names(query: str) -> set[str]:
    return set(map(_name, _pieces(query)))


def _name(piece: str) -> str:
    return piece.partition("=")[0].lower()


def _is_document(url: str) -> bool:
    return urlsplit(url).path.lower().endswith(_ENDS_OF_A_DOCUMENT)


def _quoted(value: str) -> str:
    return quote(value, safe=":")
