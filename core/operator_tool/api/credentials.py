"""Find what looks like a credential in a URL, by its name and by its shape.

A URL is part of logs, reports and keys of the store: what is secret has settings that are never shown.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_QUOTED_AT_MOST = 3
_NESTED_AT_MOST = 3
_SHORTEST = 16
_SHORTEST_IN_PATH = 20
_LONGEST_NAME = 40
_NAMES = frozenset(
    [
        "accessid",
        "accesskey",
        "accesskeyid",
        "accesstoken",
        "ak",
        "apikey",
        "apitoken",
        "appcode",
        "appid",
        "appkey",
        "auth",
        "authkey",
        "authorization",
        "awsaccesskeyid",
        "bearer",
        "clientid",
        "clientsecret",
        "connectid",
        "credential",
        "credentials",
        "googleaccessid",
        "hdnea",
        "hdntl",
        "hdnts",
        "hmac",
        "idtoken",
        "jsessionid",
        "jwt",
        "key",
        "keypairid",
        "license",
        "licensekey",
        "mapkey",
        "oauthtoken",
        "passphrase",
        "passwd",
        "password",
        "passwort",
        "phpsessid",
        "pwd",
        "rapidapikey",
        "refreshtoken",
        "sas",
        "secret",
        "session",
        "sessionid",
        "sid",
        "sig",
        "sign",
        "signature",
        "sk",
        "subscriptionkey",
        "ticket",
        "tk",
        "token",
        "userkey",
        "xapikey",
    ]
)
"""Names as their letters alone are: ``access-token``, ``access_token`` and ``accessToken`` are one."""
_ENDS = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "signature",
    "apikey",
    "accesskey",
    "authkey",
    "appkey",
    "subscriptionkey",
    "licensekey",
    "licencekey",
    "secretkey",
    "credential",
    "credentials",
    "sessionid",
)
_BEGINS = ("x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-bce-", "x-ms-")
"""Of addresses that object storage signed."""
_NAMES_IN_PATH = frozenset(
    ["accesstoken", "apikey", "apitoken", "auth", "key", "secret", "sessionid", "sid", "sig", "signature", "token"]
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]+", re.IGNORECASE)
_KNOWN_FORM = re.compile(r"(?:[pst]k\.)?eyJ[\w-]{12,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|gh[pousr]_\w{20,}")
_MOMENT = re.compile(r"\d{4}-?\d\d-?\d\d(?:T?\d\d:?\d\d(?::?\d\d)?(?:\.\d+)?Z?)?(?:[/_.-].*)?", re.IGNORECASE)
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_MANY_RUNS, _SHORT_RUN, _MEAN_RUN = 3, 3, 4.0
_LONG_OF_LETTERS, _LONG_ACROSS, _MANY_RUNS_ACROSS, _MEAN_ACROSS = 24, 32, 10, 2.5


def credential_in_url(url: str, *, by_shape: bool = True, path_by_shape: bool = True) -> str | None:
    """Return where a URL holds what looks like a credential, in words that don't repeat it; None where it holds none.

    ``{api_key}`` as a whole value is none. ``by_shape`` also finds long values that look made by chance, under any
    name, and with ``path_by_shape`` such steps of the path.
    """
    return _in_url(url, by_shape, by_shape and path_by_shape, _NESTED_AT_MOST)


def is_credential_name(name: str) -> bool:
    """Say whether a parameter or a header of this name carries a credential."""
    lower = name.strip().lower()
    letters = "".join(character for character in lower if character.isalnum())
    return letters in _NAMES or letters.endswith(_ENDS) or lower.startswith(_BEGINS)


def looks_made_by_chance(text: str, *, shortest: int = _SHORTEST) -> bool:
    """Say whether a text looks like a token: hexadecimal, a UUID, or letters and digits that make no words."""
    text = _PLACEHOLDER.sub(" ", text)
    if _KNOWN_FORM.search(text) or _UUID.search(text):
        return True
    if _MOMENT.fullmatch(text.strip()):
        return False
    if any(len(piece) >= shortest and _is_chance(piece) for piece in re.split(r"[^A-Za-z0-9]+", text)):
        return True
    return any(map(_is_chance_across, re.split(r"[^A-Za-z0-9_+/=~-]+", text)))


def _in_url(url: str, by_shape: bool, path_by_shape: bool, deeper: int) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if "@" in parts.netloc:
        return "a user or a password"
    found = _in_query(parts.query, by_shape, deeper) or _in_query(parts.fragment, by_shape, deeper)
    return found or _in_path(parts.path, path_by_shape)


def _in_query(query: str, by_shape: bool, deeper: int) -> str | None:
    for piece in re.split("[&;]", query):
        written, _, raw = piece.partition("=")
        name, value = _unquoted(written), _unquoted(raw)
        if value in ("", "{api_key}"):
            if by_shape and not value and looks_made_by_chance(name):
                return "a part of the query that looks like a token"
            continue
        shown = f"the value of {name!r}" if len(name) <= _LONGEST_NAME and name.isprintable() else "a value"
        if is_credential_name(name):
            return shown
        if "://" in value and deeper:
            inside = _in_url(value, by_shape, False, deeper - 1)
            if inside is not None:
                return f"{inside} in {shown}"
        elif by_shape and looks_made_by_chance(value):
            return f"{shown}, which looks like a token"
    return None


def _in_path(path: str, by_shape: bool) -> str | None:
    before = ""
    for step in re.split("[/;,]", path):
        text = _unquoted(step)
        name, equals, value = text.partition("=")
        if equals and value not in ("", "{api_key}") and is_credential_name(name):
            return "a part of the path with a credential's name"
        bare = _PLACEHOLDER.sub("", text)
        mixed = any(c.isdigit() for c in bare) and any(c.isalpha() for c in bare)
        if before in _NAMES_IN_PATH and len(bare) >= 8 and mixed:
            return "a step of the path behind a credential's name"
        if by_shape and looks_made_by_chance(_ENDING.sub("", text), shortest=_SHORTEST_IN_PATH):
            return "a step of the path that looks like a token"
        before = "".join(character for character in text.lower() if character.isalnum())
    return None


def _unquoted(text: str) -> str:
    """Return a text with its quoting undone, also where it is quoted more than once."""
    text = text.replace("+", " ")
    for _ in range(_QUOTED_AT_MOST):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text


def _is_chance(piece: str) -> bool:
    """Say whether letters and digits without anything between make no words: runs of one or two letters."""
    if _HEX.fullmatch(piece):
        return True
    runs = _RUN.findall(piece)
    letters = [run for run in runs if not run.isdigit()]
    mean = len(piece) / len(runs)
    if not letters:
        return False
    if len(letters) == len(runs):
        return len(piece) >= _LONG_OF_LETTERS and mean < _MEAN_ACROSS
    return len(runs) >= _MANY_RUNS and (mean < _MEAN_RUN or any(len(run) < _SHORT_RUN for run in letters))


def _is_chance_across(text: str) -> bool:
    """Say whether a long text with the signs of base64 between makes no words."""
    runs = _RUN.findall(text)
    bare = sum(map(len, runs))
    kinds = (any(run.isdigit() for run in runs), any(c.isupper() for c in text), any(c.islower() for c in text))
    return bare >= _LONG_ACROSS and all(kinds) and len(runs) >= _MANY_RUNS_ACROSS and bare / len(runs) < _MEAN_ACROSS
