"""Whether an encoded form of a secret hides in a text, found by undoing the encodings."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from .terminal import drop_controls

MAX_DEPTH = 4
"""How many encodings may lie one in the other: base64 of base64 of JSON in JSON is four."""

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{11,}")
_HEX_RUN = re.compile(r"[0-9A-Fa-f]{16,}")
_SPACED_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :,-]){7,}[0-9A-Fa-f]{2}")
_TEXT_RUN = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{11,}")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_BACKSLASH = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(0?[0-3][0-7]{2})|([^ux]))", re.DOTALL)
_OCTAL = re.compile(r"\\0?[0-3][0-7]{2}")
_BACKSLASH_NAMES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def hides_one(text: str, needles: tuple[str, ...]) -> bool:
    """Return whether a needle is in what the text decodes to, through up to :data:`MAX_DEPTH` encodings.

    The needles are case-folded. A text that is so knotted that looking would cost far more than its length counts as
    hiding one.
    """
    budget = 20_000 + 60 * len(text)
    seen = {text}
    level = [text]
    if not text.isprintable():
        level.append(drop_controls(text))
        if _has_one(level[1], needles):
            return True
    for _ in range(MAX_DEPTH):
        inner: list[str] = []
        for outer in level:
            for decoded in _decodings(outer, seen):
                if decoded in seen:
                    continue
                seen.add(decoded)
                budget -= len(decoded)
                if budget < 0:
                    return True
                cleaned = decoded if decoded.isprintable() else drop_controls(decoded)
                if _has_one(decoded, needles) or (cleaned is not decoded and _has_one(cleaned, needles)):
                    return True
                inner += _worth_decoding(decoded, cleaned)
        level = inner
    return False


def _has_one(text: str, needles: tuple[str, ...]) -> bool:
    folded = text.casefold()
    for needle in needles:  # noqa: SIM110 - a generator would cost more than the search
        if needle in folded:
            return True
    return False


def _worth_decoding(decoded: str, cleaned: str) -> Iterator[str]:
    """Pass over the noise that any word gives when it is taken for base64."""
    if 4 * len(cleaned) >= 3 * len(decoded):
        yield cleaned
    else:
        yield from (part for part in _TEXT_RUN.findall(decoded) if part.isprintable())


def _decodings(text: str, seen_runs: set[str]) -> Iterator[str]:
    if "%" in text:
        yield _percent_decoded(text)
    if "+" in text:
        yield text.replace("+", " ")
    if "\\" in text:
        decoded = _backslash_decoded(text)
        yield decoded
        if _OCTAL.search(text) and not decoded.isascii():
            yield _as_text(decoded.encode("latin-1", "ignore"))
    if "&" in text:
        from html import unescape

        yield unescape(text)
    for run in _BASE64_RUN.findall(text):
        if run in seen_runs and run != text:
            continue
        seen_runs.add(run)
        standard = run.translate(_STANDARD_ALPHABET)
        for start in range(4):
            group = standard[start:]
            group += "A" * (-len(group) % 4)
            yield _as_text(binascii.a2b_base64(group))
    for run in _HEX_RUN.findall(text):
        yield from _hex_decoded(run)
    for run in _SPACED_HEX.findall(text):
        yield from _hex_decoded(re.sub("[ :,-]", "", run))


def _hex_decoded(run: str) -> Iterator[str]:
    yield _as_text(bytes.fromhex(run[: len(run) & ~1]))
    yield _as_text(bytes.fromhex(run[1 : 1 + ((len(run) - 1) & ~1)]))


def _as_text(raw: bytes) -> str:
    # "surrogateescape" keeps a secret that is not UTF-8 itself recognisable, and never eats a neighbouring character.
    return raw.decode("utf-8", "surrogateescape")


def _percent_decoded(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return _as_text(_PERCENT.sub(lambda found: bytes((int(found[1], 16),)), raw))


def _backslash_decoded(text: str) -> str:
    decoded = _BACKSLASH.sub(_backslash_meaning, text)
    if any("\ud800" <= character <= "\udbff" for character in decoded):
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return decoded


def _backslash_meaning(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    return chr(int(found[3], 8)) if found[3] else _BACKSLASH_NAMES.get(found[4], found[4])
