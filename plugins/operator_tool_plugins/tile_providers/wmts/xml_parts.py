"""XML from a server, read part by part: no DTD, no entity, and never more in memory than one part."""

from __future__ import annotations

import io
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from operator_tool.api import escape_controls

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DEEPEST = 32
_MOST_PARTS = 20_000
_MOST_ELEMENTS = 50_000
"""Of one part: a layer of the largest services has some thousands."""
_KEPT_OF_MANY = 20


class BadXmlError(Exception):
    """What came is not XML, or not such as is read here; the text says what is wrong, safe to show."""


def read_parts(
    data: bytes, *, roots: Container[str], containers: Container[str] = (), shortened: Container[str] = ()
) -> Iterator[Element]:
    """Yield the children of the root one after another, each complete, and forget it before the next.

    In place of ``containers`` among them their own children are yielded. Of elements named in ``shortened`` a parent
    keeps the first few. Names are as ElementTree writes them, ``{namespace}name``. Raises ``BadXmlError``, also after
    parts were yielded.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    above: list[Element] = []
    parts = count = 0
    try:
        # Some servers begin with an empty line, where none may be.
        for event, element in iterparse(io.BytesIO(data.lstrip()), ("start", "end"), forbid_dtd=True):
            if event == "start":
                if not above and element.tag not in roots:
                    raise BadXmlError(f"its root element is {element.tag[:100]!r}")
                above.append(element)
                count += 1
                _check_size(len(above), parts, count)
                continue
            above.pop()
            if not above:
                return
            in_container = len(above) == 2 and above[1].tag in containers
            if len(above) == 1 or in_container:
                if in_container or element.tag not in containers:
                    yield element
                above[-1].remove(element)  # not the last: the parser is some elements ahead
                parts += 1
                count = len(above)
            elif element.tag in shortened and element not in above[-1][:_KEPT_OF_MANY]:
                above[-1].remove(element)
                count -= 1
    except DefusedXmlException:
        raise BadXmlError("it has a DTD or an entity, which no such document needs") from None
    except (ParseError, ValueError, LookupError) as error:
        # ValueError and LookupError: encodings that the parser does not read.
        raise BadXmlError(f"it is not XML: {escape_controls(str(error), limit=100)}") from None


def _check_size(depth: int, parts: int, count: int) -> None:
    if depth > _DEEPEST:
        raise BadXmlError(f"it is nested more than {_DEEPEST} deep")
    if parts > _MOST_PARTS:
        raise BadXmlError(f"it has more than {_MOST_PARTS:,} parts")
    if count > _MOST_ELEMENTS:
        raise BadXmlError(f"one part of it has more than {_MOST_ELEMENTS:,} elements")
