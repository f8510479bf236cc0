"""The tool's own flight JSON: what the flights service sends, saved to a file."""

from __future__ import annotations

from operator_tool.api import Flight

from .._json_node import Node
from .._payload import parse_flight


def read_flight_json(document: Node, *, source: str) -> Flight:
    """Return the flight with the id and the name that the file itself gives. Raises what the service's parser does."""
    return parse_flight(document, source=source)
