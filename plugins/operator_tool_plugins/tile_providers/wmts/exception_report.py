"""What a WMTS says in place of a tile: an exception report (OGC 06-121r3, section 8)."""

from __future__ import annotations

import msgspec

from .._http.exchange import Reply
from .xml_parts import BadXmlError, read_parts

_LONGEST_BYTES = 64 * 1024
_MARK = b"ExceptionReport"
_MARK_IN_BYTES = 2048
_NAMESPACES = ("{http://www.opengis.net/ows/1.1}", "{http://www.opengis.net/ows/2.0}", "")
_ROOTS = frozenset(f"{namespace}ExceptionReport" for namespace in _NAMESPACES)
_OF_A_TILE = frozenset({"tilerow", "tilecol"})
_MAY_BE_OF_A_TILE = _OF_A_TILE | {"tilematrix", ""}


class ExceptionReport(msgspec.Struct, frozen=True):
    """The first exception of a report."""

    code: str
    locator: str
    """The parameter that it is about, in lower case; empty where it doesn't say."""
    text: str

    @property
    def says_no_such_tile(self) -> bool:
        """True when the tile lies where the service has none."""
        return self.code == "TileOutOfRange" or (self.code == "InvalidParameterValue" and self.locator in _OF_A_TILE)

    @property
    def is_of_every_tile(self) -> bool:
        """True when it is about what all requests have in common, and so would be the answer to each."""
        if self.code == "InvalidParameterValue":
            return self.locator not in _MAY_BE_OF_A_TILE
        return self.code in ("MissingParameterValue", "OperationNotSupported")

    def __str__(self) -> str:
        locator = f" ({self.locator})" if self.locator else ""
        return f"{self.code}{locator}: {self.text}"


def exception_report(reply: Reply) -> ExceptionReport | None:
    """Return the report that a reply holds, None where it holds none."""
    body = reply.body
    if body is None or len(body) > _LONGEST_BYTES or _MARK not in body[:_MARK_IN_BYTES]:
        return None
    try:
        for part in read_parts(body, roots=_ROOTS):
            if part.tag.endswith("Exception"):
                text = "".join(part.itertext()).strip()
                return ExceptionReport(part.get("exceptionCode", ""), part.get("locator", "").lower(), text)
    except BadXmlError:
        return None
    return None
