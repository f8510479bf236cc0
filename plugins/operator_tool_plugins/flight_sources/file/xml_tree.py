"""An XML document as a small tree that knows its lines; whatever the bytes, time and memory stay capped.

Names count without their prefix, and a prefix needs no declaration: planners write any namespace, or none.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from xml.sax.handler import ContentHandler  # nosec - the handler only; defusedxml parses
from xml.sax.xmlreader import AttributesImpl, InputSource, Locator  # nosec

from operator_tool.api import FlightFormatError

from .._escaping import escaped
from .xml_text import as_utf8, check_tags

MAX_DEPTH = 64
MAX_ELEMENTS = 500_000
"""About 200 bytes of memory each; a mission of 65,535 waypoints has a few for each."""
MAX_ATTRIBUTES = 300_000

_TEXT_BYTES = 64 * 1024

_DTD_HINT = "Remove the <!DOCTYPE ...> from the file: no mission format has one."
_SAVE_AGAIN = "The file is damaged or was cut off: save the mission again in its planner."
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})


class Element:
    """One element: its name without prefix, its attributes as written, its own text, the line that it begins in."""

    __slots__ = ("attributes", "children", "line", "name", "text")

    def __init__(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.line = line
        self.text = ""
        """Without blanks around it; what stands in children is not part of it."""
        self.children: list[Element] | tuple[()] = ()

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"line {self.line}, <{escaped(self.name, 40)}>"

    def every(self, *names: str) -> Iterator[Element]:
        """Yield the children with one of these names."""
        return (child for child in self.children if child.name in names)

    def find(self, *path: str) -> Element | None:
        """Return the first child of the first child ... with these names."""
        element: Element | None = self
        for name in path:
            element = next(element.every(name), None) if element is not None else None
        return element

    def find_text(self, *path: str) -> str:
        """Return the text at the end of the path, empty where there is none."""
        element = self.find(*path)
        return element.text if element is not None else ""

    def descendants(self) -> Iterator[Element]:
        """Yield all below, in the document's order."""
        for child in self.children:
            yield child
            yield from child.descendants()


def parse_xml(data: bytes) -> Element:
    """Return the document's root. Raises ``FlightFormatError`` naming the line."""
    from xml.sax import SAXException, SAXParseException  # nosec

    from defusedxml.common import DefusedXmlException, DTDForbidden
    from defusedxml.expatreader import DefusedExpatParser

    class WholeTexts(DefusedExpatParser):
        """Gives a text in few pieces; expat alone gives each of its lines, and each line's end, as one."""

        def reset(self) -> None:
            super().reset()
            expat = vars(self)["_parser"]
            expat.buffer_text = True
            expat.buffer_size = _TEXT_BYTES

    text, skipped_lines = as_utf8(data)
    check_tags(text)
    builder = _TreeBuilder(skipped_lines)
    # All at once: expat looks at an unfinished token again with every piece that it gets.
    parser = WholeTexts(bufsize=len(text) + 1, forbid_dtd=True)
    parser.setContentHandler(builder)
    source = InputSource()
    source.setByteStream(io.BytesIO(text))
    source.setEncoding("utf-8")
    try:
        parser.parse(source)
    except DTDForbidden:
        raise FlightFormatError(f"line {builder.line}: a document type declaration", hint=_DTD_HINT) from None
    except SAXParseException as error:
        line = (error.getLineNumber() or 1) + skipped_lines
        raise FlightFormatError(f"line {line}: not XML: {escaped(error.getMessage())}", hint=_SAVE_AGAIN) from None
    except (SAXException, DefusedXmlException) as error:
        raise FlightFormatError(f"line {builder.line}: not XML: {escaped(str(error))}", hint=_SAVE_AGAIN) from None
    assert builder.root is not None, "expat refuses a document without a root"
    return builder.root


class _TreeBuilder(ContentHandler):
    def __init__(self, skipped_lines: int) -> None:
        super().__init__()
        self.root: Element | None = None
        self._skipped_lines = skipped_lines
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._elements = 0
        self._attributes = 0
        self._where: Locator | None = None

    @property
    def line(self) -> int:
        """The line that the parser has come to."""
        return ((self._where.getLineNumber() if self._where else None) or 1) + self._skipped_lines

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - SAX's name
        self._where = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        attributes = dict(attrs.items()) if len(attrs) else _NO_ATTRIBUTES
        element = Element(name.rpartition(":")[2], attributes, self.line)
        self._elements += 1
        self._attributes += len(attributes)
        if self._elements > MAX_ELEMENTS:
            raise FlightFormatError(f"{element.place}: more than {MAX_ELEMENTS:,} elements")
        if self._attributes > MAX_ATTRIBUTES:
            raise FlightFormatError(f"{element.place}: more than {MAX_ATTRIBUTES:,} attributes")
        if len(self._open) == MAX_DEPTH:
            raise FlightFormatError(f"{element.place}: nested deeper than {MAX_DEPTH} elements")
        if not self._open:
            self.root = element
        elif isinstance(self._open[-1].children, tuple):
            self._open[-1].children = [element]
        else:
            self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def characters(self, content: str) -> None:
        if not content.isspace():
            self._texts[-1].append(content)
        elif self._texts[-1]:
            self._texts[-1].append(" ")

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - SAX's
        text = self._texts.pop()
        self._open.pop().text = "".join(text).strip() if text else ""
