"""The addresses that are asked, checked before anything is sent to them."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, quote, urlsplit

from operator_tool.api import ConfigError, FlightNotFoundError, Secret, credential_in_url

from .._escaping import escaped

_MAX_ID_CHARACTERS = 200


def check_base_url(base_url: str, *, with_token: bool) -> SplitResult:
    """Return the service's address in its parts. Raises ``ConfigError``, which never shows a user part's content."""
    if not _plain(base_url):
        raise ConfigError("api.base_url holds blanks or characters that don't belong into an address")
    try:
        parts = urlsplit(base_url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"api.base_url is no address: {error}") from None
    if "@" in parts.netloc:
        raise ConfigError(
            "api.base_url holds a user or password",
            hint="Take it out of the address; give the token as api.api_key.",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            f"api.base_url has the scheme '{escaped(parts.scheme, 20)}' or no host, expected https://HOST or http://HOST"
        )
    _check_for_credentials("base_url", base_url)
    if parts.query or parts.fragment:
        raise ConfigError("api.base_url holds '?' or '#', expected an address that a path can follow")
    if with_token and parts.scheme == "http" and not _is_loopback(host):
        raise ConfigError(
            f"api.base_url is {origin(parts)}: a token is not sent over plain http to another machine",
            hint="Use https, or take the token away when the service needs none.",
        )
    return parts


def check_path(key: str, path: str) -> None:
    """Return when ``path`` can follow the address and names the flight. Raises ``ConfigError`` naming ``api.key``."""
    _check_for_credentials(key, f"https://host{path}")
    if not path.startswith("/") or "{id}" not in path or "#" in path or not _plain(path):
        raise ConfigError(f"api.{key} is '{escaped(path)}', expected a path such as /flights/{{id}}")


def _check_for_credentials(key: str, url: str) -> None:
    found = credential_in_url(url, path_by_shape=False)
    if found is not None:
        raise ConfigError(
            f"api.{key} has {found} in it: a credential, by the look of it",
            hint="Take it out of the address, which messages show; the token goes into a header: api.api_key_file.",
        )


def check_token(token: Secret | None) -> None:
    """Return when the token fits into a header. Raises ``ConfigError``, which doesn't show it."""
    if token is not None and not _plain(token.reveal()):
        raise ConfigError("api.api_key holds blanks or characters that a header can't carry, or nothing at all")


def origin(parts: SplitResult) -> str:
    """Return scheme, host and port, which is how messages name the service."""
    return f"{parts.scheme}://{parts.netloc}"


def flight_url(base: SplitResult, path: str, flight_id: str) -> str:
    """Return the address of one flight; the id is one quoted step of it, whatever it holds.

    Raises ``FlightNotFoundError`` for what can't be an id: a step of dots would lead out of the path.
    """
    if not flight_id.strip(".") or not flight_id.isprintable() or len(flight_id) > _MAX_ID_CHARACTERS:
        raise FlightNotFoundError(f"'{escaped(flight_id)}' can't be a flight's id")
    return origin(base) + base.path.rstrip("/") + path.replace("{id}", quote(flight_id, safe=""))


def _plain(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
