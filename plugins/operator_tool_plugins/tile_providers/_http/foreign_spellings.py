"""Templates as other programs write them: what their placeholders are called here."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    "{z}": "z zoom zoomlevel level lod tilematrix matrix",
    "{x}": "x col column tilecol",
    "{y}": "y row tilerow",
    "{-y}": "-y !y yinv invy yinverse inversey yreverse reversey ytms tmsy yflip flipy y_tms",
    "{q}": "q quadkey quad qk quadkeys",
    "{s}": "s sub subdomain subdomains server serverpart serverid host switch mirror",
    "{api_key}": "apikey key token accesstoken access authkey appid tk ak apitoken subscriptionkey api_key mapkey",
}
_SPELLINGS = {word: ours for ours, words in _WORDS.items() for word in words.split()}
_RETINA = frozenset(
    [
        "r",
        "ratio",
        "scale",
        "hidpi",
        "retina",
        "pixelratio",
        "dpr",
        "2x",
    ]
)
_OF_A_MAP = frozenset(
    [
        "bbox",
        "bboxepsg3857",
        "bboxepsg4326",
        "width",
        "height",
        "proj",
        "projection",
        "crs",
        "srs",
        "wkid",
        "west",
        "south",
        "east",
        "north",
    ]
)
_HOST_RANGE = re.compile(r"(\w)-(\w)|switch:.*|\w(?:,\w)+")
_OTHER_BRACKETS = re.compile(
    r"(?:%7b|\[|<|&#123;|%\(|%\{|!|:|\$|#)-?(?:z|zoom|level)(?:%7d|\]|>|&#125;|\)[sdi]?|\}|!|(?=[/.&]))", re.IGNORECASE
)
_PREFIX = re.compile(
    r"(?:tms|xyz|wmts?|wms_endpoint|scanex|bing)(?:\[[^\]]*\])?:(?=https?:)|type=\w+&|url=", re.IGNORECASE
)
_LONGEST_SHOWN = 24


def ours_for(name: str) -> str | None:
    """Return what a placeholder of this name is here, ``{z}`` for ``zoom``; empty for what stands for nothing.

    None where it has no counterpart.
    """
    if _HOST_RANGE.fullmatch(name):
        return "{s}"
    word = name.lower().lstrip("$").strip()
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    letters = "".join(character for character in word if character.isalnum())
    if letters in _RETINA:
        return ""
    return _SPELLINGS.get(letters) if word[:1] not in "-!" else None


def translated(text: str) -> str:
    """Return a template that a server gave with the placeholders that can only mean one thing written as here."""

    def ours(match: re.Match[str]) -> str:
        found = ours_for(match[1])
        return match[0] if found is None or found in ("{s}", "{api_key}") else found

    return re.sub(r"\$?\{([^{}]*)\}", ours, text)


def explain(names: Iterable[str]) -> str:
    """Return what to write for placeholders of other programs, one sentence each; empty where none is known."""
    said = []
    for name in sorted(names):
        shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
        letters = "".join(character for character in name.lower() if character.isalnum())
        ours = ours_for(name)
        if ours == "{s}":
            said.append(f"Write {{s}} for {{{shown}}}, and name the servers in subdomains, such as subdomains=a,b,c.")
        elif ours == "{api_key}":
            said.append(f"Write {{api_key}} for {{{shown}}}, and set api_key_file.")
        elif ours:
            said.append(f"Write {ours} for {{{shown}}}.")
        elif ours == "":
            said.append(
                f"{{{shown}}} stands for @2x or nothing: write the one or the other, and set tile_size=512 for @2x."
            )
        elif letters in _OF_A_MAP:
            said.append(f"{{{shown}}} is of a WMS, which draws maps and has no tiles: ask for its WMTS with wmts.")
    return " ".join(said)


def other_brackets(text: str) -> str:
    """Return what to do where an address marks its placeholders in another way than with braces; empty where not."""
    if _PREFIX.match(text):
        return "Leave out what stands before https://, and write the placeholders as {z}, {x} and {y}."
    if "{" not in text and _OTHER_BRACKETS.search(text):
        return "Write the placeholders in braces: {z}, {x} and {y}."
    return ""
