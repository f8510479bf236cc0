"""The characters of an XML file, before they are parsed: its encoding, and tags that no parser should be shown."""

from __future__ import annotations

import re

from operator_tool.api import FlightFormatError

from .._escaping import escaped

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{1,60})[\"']")
_ENCODINGS = {
    # .NET declares UTF-16 in whatever it writes; a file that really is in UTF-16 was known before its declaration.
    "utf-16": "utf-8", "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii",
    "iso-8859-1": "latin-1", "latin1": "latin-1", "latin-1": "latin-1", "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252", "cp1252": "cp1252", "windows-1251": "cp1251", "cp1251": "cp1251",
}  # fmt: skip
_EXPECTED = "UTF-8, UTF-16, US-ASCII, ISO-8859-1, ISO-8859-15, windows-1252 or windows-1251"
_UTF_16 = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))

MAX_TAG_ATTRIBUTES = 1_000
_LONG_TAG = re.compile(rb"<[^<!?/\s>][^<]{10000,}")
_TAG_NAME = re.compile(rb"<[^\s<>/]+")
_ATTRIBUTE = re.compile(rb"\s+[^\s=<>]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")


def as_utf8(data: bytes) -> tuple[bytes, int]:
    """Return the document in UTF-8, from its first character that is not blank, and how many lines stood before that.

    Raises ``FlightFormatError`` where the encoding is none that a planner writes, or not the one that is declared.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    encoding = next((name for start, name in _UTF_16 if data.startswith(start)), None)
    if encoding is None:
        encoding = _declared_encoding(data)
    if encoding != "utf-8":
        try:
            data = data.decode(encoding).encode()
        except ValueError as error:
            raise FlightFormatError(
                f"line 1: the text is not in its encoding {encoding}: {escaped(str(error))}",
                hint="Save the file in UTF-8.",
            ) from None
    document = data.lstrip(b" \t\r\n")
    blanks = data[: len(data) - len(document)]
    return document, blanks.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")


def _declared_encoding(data: bytes) -> str:
    declared = _DECLARED.match(data.lstrip(b" \t\r\n")[:300])
    if declared is None:
        return "utf-8"
    name = declared[1].decode("ascii", "replace")
    encoding = _ENCODINGS.get(name.strip().lower())
    if encoding is None:
        raise FlightFormatError(
            f"line 1: encoding '{escaped(name, 40)}', expected {_EXPECTED}", hint="Save the file in UTF-8."
        )
    return encoding


def check_tags(document: bytes) -> None:
    """Raise ``FlightFormatError`` at a tag with thousands of attributes.

    The parser hands a tag's attributes over only when it has them all, and so has taken their memory.
    """
    for tag in _LONG_TAG.finditer(document):
        attributes = 0
        attribute = _TAG_NAME.match(document, tag.start())
        while attribute := _ATTRIBUTE.match(document, attribute.end()) if attribute else None:
            attributes += 1
            if attributes > MAX_TAG_ATTRIBUTES:
                line = document.count(b"\n", 0, tag.start()) + 1
                raise FlightFormatError(f"line {line}: an element with more than {MAX_TAG_ATTRIBUTES:,} attributes")
