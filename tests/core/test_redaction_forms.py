"""Case 112: no form of a secret gets out, and ordinary lines stay as they are."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import string
import urllib.parse
import uuid
from collections.abc import Callable

import pytest

from operator_tool.api import Secret
from operator_tool.redaction import LINE_WITHHELD, Redactor
from tests.core.redaction_oracle import from_base32_or_85, leaks

Form = Callable[[str, random.Random], str]


def _quote_lower(text: str) -> str:
    quoted = urllib.parse.quote(text, safe="")
    return "".join(part.lower() if part.startswith("%") else part for part in _percent_parts(quoted))


def _percent_parts(quoted: str) -> list[str]:
    parts, at = [], 0
    while at < len(quoted):
        size = 3 if quoted[at] == "%" else 1
        parts.append(quoted[at : at + size])
        at += size
    return parts


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _with_ascii_case(text: str, change: Callable[[str], str]) -> str:
    return "".join(change(c) if c.isascii() else c for c in text)


def _ansi_inside(secret: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(secret))
    return f"{secret[:at]}\x1b[1;31m{secret[at:]}\x1b[0m"


def _split(secret: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(secret))
    return f"{secret[:at]}\n{secret[at:]}"


def _folded(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


FORMS: dict[str, Form] = {
    "raw": lambda s, _: f"GET /tiles?key={s} 200",
    "bearer": lambda s, _: f"Authorization: Bearer {s}",
    "url": lambda s, _: f"GET /tiles?key={urllib.parse.quote(s, safe='')}&z=1",
    "url_lower_hex": lambda s, _: f"GET /tiles?key={_quote_lower(s)}&z=1",
    "url_twice": lambda s, _: f"next={urllib.parse.quote(urllib.parse.quote(s, safe=''), safe='')}",
    "url_twice_lower_hex": lambda s, _: f"next={_quote_lower(_quote_lower(s))}",
    "url_every_byte": lambda s, _: "key=" + "".join(f"%{byte:02x}" for byte in s.encode()),
    "plus": lambda s, _: f"key={urllib.parse.quote_plus(s)}&z=1",
    "json": lambda s, _: json.dumps({"api_key": s}),
    "json_every_character": lambda s, _: "\\u" + s.encode("utf-16-be").hex("!", 2).replace("!", "\\u"),
    "json_in_json": lambda s, _: json.dumps({"body": json.dumps({"api_key": s})}),
    "repr": lambda s, _: f"settings {{'api_key': {s!r}}}",
    "repr_of_bytes": lambda s, _: f"body {s.encode()!r}",
    "html": lambda s, _: f"<p>bad key {html.escape(s)}</p>",
    "html_every_character": lambda s, _: "".join(f"&#x{ord(c):x};" for c in s),
    "hex": lambda s, _: f"0x{s.encode().hex()}",
    "hex_upper": lambda s, _: s.encode().hex().upper(),
    "hex_spaced": lambda s, _: s.encode().hex(" "),
    "base64_at_0": lambda s, _: f"body {_b64(s)}",
    "base64_at_1": lambda s, _: f"body {_b64('x' + s)}",
    "base64_at_2": lambda s, _: f"Authorization: Basic {_b64('me' + s + 'yy')}",
    "basic": lambda s, _: f"Authorization: Basic {_b64('user:' + s)}",
    "base64url_in_json": lambda s, _: json.dumps(
        {"token": base64.urlsafe_b64encode(json.dumps({"sub": "u", "key": s}).encode()).decode().rstrip("=")}
    ),
    "base64_in_a_path": lambda s, _: f"GET /v1/{_b64(s)}/tiles",
    "base64_of_base64": lambda s, _: f"body {_b64(_b64(s))}",
    "base64_of_base64_in_a_path": lambda s, rng: f"GET /v1/{'abcd'[: rng.randrange(4)]}/{_b64(_b64(s))}/tiles",
    "base64_of_hex": lambda s, _: _b64(s.encode().hex()),
    "base64_in_url": lambda s, _: f"key={urllib.parse.quote(_b64(s), safe='')}",
    "reversed": lambda s, _: f"odd {s[::-1]} end",
    "reversed_base64": lambda s, _: f"odd {_b64(s)[::-1]} end",
    "capitals": lambda s, _: f"KEY={_with_ascii_case(s, str.upper)}",
    "small_letters": lambda s, _: f"key={_with_ascii_case(s, str.lower)}",
    "capitals_in_base64": lambda s, _: _b64(f"user:{_with_ascii_case(s, str.upper)}"),
    "octal_every_byte": lambda s, _: "".join(f"\\{byte:03o}" for byte in s.encode()),
    "octal_of_what_is_no_letter": lambda s, _: "".join(
        chr(b) if chr(b).isalpha() and b < 128 else f"\\{b:03o}" for b in s.encode()
    ),
    "ansi_inside": _ansi_inside,
    "zero_width_inside": lambda s, rng: "\u200b".join(s),
    "split_over_two_lines": _split,
    "base64_folded": lambda s, _: _folded(_b64(f"user:{s}"), 9),
    "indented": lambda s, _: f"key: {s[: len(s) // 2]}\n     {s[len(s) // 2 :]}",
}


def _random_key(rng: random.Random) -> str:
    letters = string.ascii_letters + string.digits
    kinds: list[Callable[[], str]] = [
        lambda: "".join(rng.choices("0123456789abcdef", k=32)),
        lambda: "".join(rng.choices(letters, k=rng.randint(16, 44))),
        lambda: base64.b64encode(rng.randbytes(rng.randint(16, 40))).decode(),
        lambda: base64.urlsafe_b64encode(rng.randbytes(30)).decode(),
        lambda: "sk_live_" + "".join(rng.choices(letters, k=24)),
        lambda: ".".join(base64.urlsafe_b64encode(rng.randbytes(n)).decode().rstrip("=") for n in (20, 60, 32)),
        lambda: str(uuid.UUID(bytes=rng.randbytes(16))),
        lambda: "".join(rng.choices(letters + string.punctuation, k=rng.randint(12, 32))),
        lambda: "".join(rng.choices(string.punctuation, k=14)),
        lambda: "".join(rng.choices(letters + "äöüßéñ€漢字🙂", k=16)),
        lambda: f"{rng.choice(['Correct', 'Blue'])} horse & battery+{rng.randrange(1000)} staple",
    ]
    return rng.choice(kinds)()


KEYS = [_random_key(random.Random(number)) for number in range(200)]


@pytest.mark.parametrize("form", FORMS)
def test_case_112_no_form_of_200_keys_gets_out(form: str) -> None:
    """Of 200 random keys in this form, the judge can read none from what is shown, though it can from the line."""
    rng = random.Random(form)
    unseen = []
    for key in KEYS:
        redactor = Redactor()
        redactor.add(Secret(key))
        line = FORMS[form](key, rng)
        assert not leaks(redactor.text(line), key), (key, line, redactor.text(line))
        if not leaks(line, key):
            unseen.append(key)
    assert len(unseen) <= 20, "the judge must be able to see this form"


RARE = {
    "base32": lambda raw: base64.b32encode(raw).decode(),
    "base32_small": lambda raw: base64.b32encode(raw).decode().lower(),
    "base85": lambda raw: base64.b85encode(raw).decode(),
    "ascii85": lambda raw: base64.a85encode(raw).decode(),
}


@pytest.mark.parametrize("form", RARE)
@pytest.mark.parametrize("before", range(5))
def test_no_rare_base_of_a_key_gets_out(form: str, before: int) -> None:
    """In base32, base 85 and ascii85, wherever in a group the key begins, none of 60 keys can be read."""
    for key in KEYS[:60]:
        redactor = Redactor()
        redactor.add(Secret(key))
        for after in ("", "xy"):
            word = RARE[form](b"u" * before + key.encode() + after.encode())
            half = key.casefold()[: (len(key) + 1) // 2]
            assert any(half in said.casefold() for said in from_base32_or_85(word)), "the judge must see this form"
            shown = redactor.text(f"body {word}")
            assert not any(half in said.casefold() for said in from_base32_or_85(shown)), (key, word, shown)


CUT_ENDS = ["", "…", "...", " …", "\\u2026", '"', "')", '..."}', "… (40 more)"]


@pytest.mark.parametrize("end", CUT_ENDS)
def test_a_key_that_is_cut_short_at_a_lines_end_is_covered(end: str) -> None:
    """From its first eight characters on, with an ellipsis, closed or neither; in a line, in a text, in a stream."""
    for key in KEYS[:60]:
        redactor = Redactor()
        redactor.add(Secret(key))
        for length in {8, len(key) // 2 + 4, len(key) - 1}:
            line = f"GET /tiles?key={key[:length]}{end}"
            stream = redactor.stream()
            shown = {redactor.line(line), redactor.text(f"{line}\nnext line").split("\n")[0]}
            shown.add([*stream.feed(line), *stream.feed("next line"), *stream.close()][0])
            assert not any(key[:8] in one for one in shown), (line, shown)


def test_an_encoded_key_that_is_cut_short_is_covered() -> None:
    """In the forms that are known beforehand: base64, base32, percents, hex."""
    key = "Zq7/w+Ux-9f8E7d6C5b4A"
    redactor = Redactor()
    redactor.add(Secret(key))
    for encoded in (
        _b64(key),
        base64.b32encode(key.encode()).decode(),
        urllib.parse.quote(key, safe=""),
        key.encode().hex(),
    ):
        assert redactor.line(f"body {encoded[: len(encoded) * 3 // 4]}") == "body ***"


def test_what_is_too_short_to_be_a_cut_key_is_shown() -> None:
    """Seven characters may be any word, and a key's first characters within a line may be one too."""
    redactor = Redactor()
    redactor.add(Secret("provider-9f31-key"))
    for line in ("no such provide", "provider-9 gave it up at once"):
        assert redactor.line(line) == line


def test_case_112_the_plain_forms_leave_the_rest_of_the_line() -> None:
    """Where a form is known beforehand only the secret is covered, so that the line still helps."""
    key = 'p"ss/w&rd+1 ü'
    redactor = Redactor()
    redactor.add(Secret(key))
    for form in ("raw", "url", "url_lower_hex", "plus", "json", "json_in_json", "repr", "html", "hex", "basic"):
        line = FORMS[form](key, random.Random(0))
        assert "***" in redactor.line(line), form
    assert redactor.line(FORMS["url"](key, random.Random(0))) == "GET /tiles?key=***&z=1"
    assert redactor.line(FORMS["basic"](key, random.Random(0))) == "Authorization: Basic ***"


def _ordinary_lines(rng: random.Random) -> list[str]:
    lines = []
    for number in range(60):
        z = rng.randint(15, 19)
        x, y = rng.randrange(2**z), rng.randrange(2**z)
        digest = hashlib.sha256(rng.randbytes(8)).hexdigest()
        words = base64.b64encode(rng.randbytes(30)).decode()
        lines += [
            f"GET https://tiles.example.com/sat/{z}/{x}/{y}.jpg?v={number}&fmt=a%2Fb 200 {rng.randrange(40000)} bytes",
            f'stored {z}/{x}/{y} sha256={digest} etag="{digest[:16]}"',
            f"host key ssh-ed25519 SHA256:{words.rstrip('=')}",
            json.dumps({"z": z, "x": x, "y": y, "note": 'says "none"\n', "id": words}),
            f'  File "/usr/lib/python3/plugin_{number}/fetch.py", line {number}, in fetch_tile &amp; \\x1b',
        ]
    return lines


def test_case_112_no_ordinary_line_is_withheld_or_changed() -> None:
    """300 lines with tile URLs, hashes and base64 come through as they are, with 20 secrets known."""
    redactor = Redactor()
    for key in KEYS[:20]:
        redactor.add(Secret(key))
    lines = _ordinary_lines(random.Random(112))
    assert len(lines) == 300
    assert [redactor.line(line) for line in lines] == lines
    assert redactor.text("\n".join(lines)) == "\n".join(lines)


def test_a_line_that_is_knotted_on_purpose_is_withheld() -> None:
    """A text whose decodings would go on and on is withheld, rather than searched for ever."""
    redactor = Redactor()
    redactor.add(Secret("0123456789abcdef"))
    knot = "&amp;amp;%252541%2526amp;\\\\u0026amp;\\\\x2541+%2b&#37;41&#92;x2b"
    assert redactor.line(knot) == knot
    assert redactor.line(knot * 2000) == LINE_WITHHELD
