"""A judge of redaction that shares no code with it: it decodes what was shown by its own means."""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import html
import re
import urllib.parse
from collections.abc import Iterator


def leaks(shown: str, secret: str) -> bool:
    """Tell whether half of the secret, or more, can be read from what was shown."""
    secret = secret.casefold()
    length = max(6, (len(secret) + 1) // 2)
    parts = {secret[at : at + length] for at in range(len(secret) - length + 1)}
    wanted = parts | {part[::-1] for part in parts}
    lines = shown.split("\n")
    texts = [*lines, *(line[::-1] for line in lines)]
    texts += ["".join(lines), "".join(line.strip() for line in lines), " ".join(line.strip() for line in lines)]
    return any(part in reading.casefold() for text in texts for reading in _readings(text, 4) for part in wanted)


def _readings(text: str, depth: int) -> Iterator[str]:
    yield text
    if depth == 0 or len(text) < 8:
        return
    for reading in set(_once(text)) - {text}:
        yield from _readings(reading, depth - 1)


def _once(text: str) -> Iterator[str]:
    yield "".join(re.split(r"\x1b\[[\d;]*m|[\x00-\x1f\u200b]", text))
    if "%" in text:
        yield urllib.parse.unquote(text)
    if "+" in text:
        yield urllib.parse.unquote_plus(text)
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        unescaped = re.sub(r"\\(u[0-9a-f]{4}|x[0-9a-f]{2}|[0-3][0-7]{2}|[^ux])", _unescaped, text)
        yield unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        yield unescaped.encode("latin-1", "replace").decode("utf-8", "replace")
    for word in re.split(r"[^A-Za-z0-9+/_-]", text):
        if len(word) >= 10:
            yield from _from_base64(word)
    for word in [*re.split(r"[^0-9a-fA-F]", text), *re.sub(r"\b([0-9a-f]{2}) (?=[0-9a-f])", r"\1", text).split(" ")]:
        if not re.fullmatch("[0-9a-fA-F]+", word):
            continue
        for cut in (word[: len(word) // 2 * 2], word[1:][: (len(word) - 1) // 2 * 2]):
            if len(cut) >= 12:
                yield _legible(binascii.unhexlify(cut))


def from_base32_or_85(text: str) -> Iterator[str]:
    """Yield what the words of a text say in base32, base 85 and ascii85, each read from every place of a group."""
    for word in text.split():
        run = re.sub("[^A-Z2-7]", "", word.upper())
        for start in range(8):
            group = run[start:][: len(run[start:]) // 8 * 8]
            yield base64.b32decode(group).decode("utf-8", "replace")
        for start in range(5):
            group = word[start:][: len(word[start:]) // 5 * 5]
            for decode in (base64.b85decode, base64.a85decode):
                with contextlib.suppress(ValueError):
                    yield decode(group).decode("utf-8", "replace")


def _unescaped(found: re.Match[str]) -> str:
    if found[1] in "nrtabfv":
        return ""
    return codecs.decode(found[0], "unicode_escape") if len(found[1]) > 1 else found[1]


def _from_base64(word: str) -> Iterator[str]:
    for start in range(4):
        group = word[start:]
        group = group[: len(group) // 4 * 4]
        yield _legible(base64.urlsafe_b64decode(group.replace("+", "-").replace("/", "_")))


def _legible(raw: bytes) -> str:
    """Keep only what reads as text, so that noise is not decoded again and again."""
    return " ".join(re.findall(r"[^\x00-\x1f\x7f\ufffd]{6,}", raw.decode("utf-8", "replace")))
