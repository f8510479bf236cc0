"""The characters of a text file or an answer, in whichever encoding of Unicode it was saved."""

from __future__ import annotations

import codecs

from operator_tool.api import FlightFormatError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""The longer ones first where one begins with the other."""
_TEXT_STARTS = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D, 0x1E}


def as_utf8(data: bytes) -> bytes:
    """Return a text in UTF-8 and without a byte order mark; what shows no other encoding of Unicode, as it is.

    Raises ``FlightFormatError`` for what has the mark of an encoding and isn't in it.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :] if encoding == "utf-8" else _decoded(data[len(mark) :], encoding)
    # Notepad and spreadsheets leave the mark out at times: then every other byte of the first letters is zero.
    if len(data) >= 4 and {data[0], data[2]} <= _TEXT_STARTS and data[1] == data[3] == 0:
        return _decoded(data, "utf-16-le", else_as_is=True)
    if len(data) >= 4 and {data[1], data[3]} <= _TEXT_STARTS and data[0] == data[2] == 0:
        return _decoded(data, "utf-16-be", else_as_is=True)
    return data


def _decoded(data: bytes, encoding: str, *, else_as_is: bool = False) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError as error:
        if else_as_is:
            return data
        raise FlightFormatError(
            f"byte {error.start}: not {encoding.upper()} ({error.reason})", hint="Save the file in UTF-8."
        ) from None
