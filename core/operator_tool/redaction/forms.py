"""The forms in which a secret is met in text, known beforehand so that exactly they can be covered."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_plus

MIN_SECRET_LENGTH = 8
"""A shorter secret can't be told from ordinary text: covering ``ok`` turns ``token`` into ``t***en``."""

_LEAST_85 = 10
"""A shorter part in base 85 can't be told from ordinary text."""
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_=-]*")
_REST_OF_GROUP = re.compile(r"[!-~]{0,4}")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class Form(NamedTuple):
    """One form to look for, in a text that went through :func:`lowered`."""

    text: str
    edge: re.Pattern[str] | None
    """What on either side of it holds bits of the secret's first and last bytes."""
    cut: int
    """So many of its first characters, at the end of a line, are a secret that was cut short."""


def lowered(text: str) -> str:
    """Return the text with small letters in place of A to Z: as long as before, whatever else is in it."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def forms_of(piece: str) -> Iterator[Form]:
    """Yield every form of a piece that is known beforehand."""
    for text in map(lowered, plain_forms(piece)):
        # As many as it takes to hold eight characters of the piece.
        yield Form(text, None, max(MIN_SECRET_LENGTH, -(-MIN_SECRET_LENGTH * len(text) // len(piece))))
    for text in map(lowered, base64_forms(piece)):
        yield Form(text, _BASE64_RUN, -(-MIN_SECRET_LENGTH * 8 // 6))
    for text in map(lowered, base32_forms(piece)):
        yield Form(text, _BASE64_RUN, -(-MIN_SECRET_LENGTH * 8 // 5))
    for text in map(lowered, base85_forms(piece)):
        yield Form(text, _REST_OF_GROUP, _LEAST_85)


def pieces_of(secret: str) -> tuple[str, ...]:
    """Return the texts that must not be seen: the secret, and each long line of one that has several."""
    lines = secret.splitlines()
    if len(lines) < 2:
        return (secret,)
    return (secret, *(line for line in lines if len(line) >= MIN_SECRET_LENGTH))


def plain_forms(piece: str) -> frozenset[str]:
    """Return the text and what comes of it by escaping for URL, JSON, Python, HTML or by hex, each also reversed."""
    import html

    raw = piece.encode("utf-8", "surrogateescape")
    json_once = {json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1]}
    json_twice = {json.dumps(form)[1:-1] for form in json_once}
    url_once = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    url_twice = {quote(form, safe="") for form in url_once}
    forms = {piece, *json_once, *json_twice, *url_once, *url_twice}
    forms |= {_lower_hex(form) for form in url_once | url_twice}
    forms |= {repr(piece)[1:-1], repr(repr(piece))[2:-2], repr(raw)[2:-1]}
    forms |= {html.escape(piece), html.escape(piece, quote=False), html.escape(piece).replace("&#x27;", "&#39;")}
    forms |= {raw.hex(), raw.hex().upper()}
    return frozenset(forms | {form[::-1] for form in forms})


def base64_forms(piece: str) -> frozenset[str]:
    """Return the base64 characters that the text decides, wherever it begins in a group of three bytes.

    In both alphabets, also reversed. The characters at either end that it shares with its neighbours are not in it.
    """
    raw = piece.encode("utf-8", "surrogateescape")
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode("ascii")
        first, end = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        standard = encoded[first:end]
        forms |= {standard, standard.replace("+", "-").replace("/", "_")}
    return frozenset(forms | {form[::-1] for form in forms})


def base32_forms(piece: str) -> frozenset[str]:
    """Return the base32 characters that the text decides, wherever it begins in a group of five bytes."""
    raw = piece.encode("utf-8", "surrogateescape")
    forms = set()
    for before in range(5):
        encoded = base64.b32encode(bytes(before) + raw).decode("ascii")
        forms.add(encoded[-(-8 * before // 5) : 8 * (before + len(raw)) // 5])
    return frozenset(forms)


def base85_forms(piece: str) -> frozenset[str]:
    """Return the text in base 85, as Python and git write it and as Adobe does.

    Alone, and the whole groups of four bytes in it wherever it begins, where these are long enough to be told.
    """
    raw = piece.encode("utf-8", "surrogateescape")
    forms = set()
    for encode in (base64.b85encode, base64.a85encode):
        forms.add(encode(raw))
        for begin in range(4):
            whole = raw[begin : begin + (len(raw) - begin) // 4 * 4]
            forms.add(encode(whole))
    return frozenset(form.decode("ascii") for form in forms if len(form) >= _LEAST_85)


def _lower_hex(percent_encoded: str) -> str:
    head, *rest = percent_encoded.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])
