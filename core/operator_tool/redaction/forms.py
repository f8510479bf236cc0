"""The forms in which a secret is met in text, known beforehand so that exactly they can be covered."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

MIN_SECRET_LENGTH = 8
"""A shorter secret can't be told from ordinary text: covering ``ok`` turns ``token`` into ``t***en``."""


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


def _lower_hex(percent_encoded: str) -> str:
    head, *rest = percent_encoded.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])
