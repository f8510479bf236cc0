"""Whatever the bytes, a parser gives a valid flight or raises its own error."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool.api import Flight, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources._payload import parse_flight
from operator_tool_plugins.flight_sources._strict_json import parse_json
from operator_tool_plugins.flight_sources.file import read_flight
from tests.plugins.flight_sources.samples import (
    HOME,
    encoded,
    payload,
    plan,
    simple_item,
    survey,
    waypoint,
    wpl,
    wpl_row,
)

LANDING = {
    "type": "ComplexItem",
    "complexItemType": "fwLandingPattern",
    "version": 2,
    "landingApproachCoordinate": [48.1, 11.1, 40],
    "landCoordinate": [48.2, 11.2, 0],
}
VALID = (
    encoded(plan(simple_item(48, 11, command=22), survey(), LANDING)),
    encoded(payload(waypoint(0, alt_frame="amsl", objective="look"), waypoint(1))),
    wpl(HOME, wpl_row(1, 48, 11), wpl_row(2, 49, 12, command=19)),
)
SPLICES = (b"NaN", b"1e999", b"null", b"[]", b"{}", b"-", b"9" * 400, b'"', b"\\ud800", b"\n", b"\t", b"0", b"\xff")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=8,
)
quick = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def check(flight: Flight) -> None:
    """The promises of a Flight."""
    assert flight.waypoints
    assert flight.id
    assert [waypoint.ordinal for waypoint in flight.waypoints] == list(range(len(flight.waypoints)))
    for point in flight.waypoints:
        assert -90 <= point.lat_deg <= 90
        assert -180 <= point.lon_deg <= 180
        assert point.alt_m is None or math.isfinite(point.alt_m)
    assert all(text.isprintable() for text in (flight.id, flight.name, flight.source, *flight.notes))


def read_or_refuse(data: bytes) -> bool:
    """Read as a file, and as a service's answer where it is JSON; True when a flight came of the file."""
    refusals: list[str] = []
    read = False
    try:
        check(parse_flight(parse_json(data), source="test"))
    except (FlightFormatError, NoRouteError) as error:
        refusals.append(error.message)
    try:
        check(read_flight(data, name="test", source="test"))
        read = True
    except (FlightFormatError, NoRouteError) as error:
        refusals.append(error.message)
    assert all(message.isprintable() for message in refusals)
    return read


def test_the_samples_are_valid() -> None:
    """Else the mutations below would start from rubbish."""
    assert all(read_or_refuse(data) for data in VALID)


@quick
@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Bytes of no format at all, and such that begin like one."""
    for start in (b"", b"{", b"QGC WPL 110\n", b'{"fileType":'):
        read_or_refuse(start + data)


@quick
@given(st.sampled_from(VALID), st.integers(0, 2**32))
def test_valid_files_with_some_bytes_changed(data: bytes, seed: int) -> None:
    """Bytes dropped, doubled, replaced and spliced in."""
    chance = random.Random(seed)
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(mutated))
        end = start + chance.choice((0, 0, 1, 1, 5, 40))
        mutated[start:end] = chance.choice((b"", mutated[start:end] * 2, chance.randbytes(1), chance.choice(SPLICES)))
    read_or_refuse(bytes(mutated))


@quick
@given(st.sampled_from(VALID[:2]), st.integers(0, 2**32), VALUES)
def test_valid_documents_with_one_value_replaced(data: bytes, seed: int, value: object) -> None:
    """Every place of a plan or a payload may hold any value of JSON."""
    chance = random.Random(seed)
    node = parse_json(data).value
    while True:
        assert isinstance(node, dict | list)
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        child = node[key]
        if not isinstance(child, dict | list) or not child or chance.random() < 0.2:
            break
        node = child
    root = parse_json(data).value
    replaced = _replace(root, node, key, value)
    read_or_refuse(encoded(replaced))
    if isinstance(node, dict):
        read_or_refuse(encoded(_replace(root, node, key, ...)))


def _replace(root: object, holder: object, key: object, value: object) -> object:
    """Return ``root`` with one member of the part that equals ``holder`` replaced, or left out for ``...``."""
    if isinstance(root, dict):
        items = ((name, _replace(child, holder, key, value)) for name, child in root.items())
        copied = dict(items)
        if root == holder and key in copied:
            if value is ...:
                del copied[key]
            else:
                copied[key] = value
        return copied
    if isinstance(root, list):
        listed = [_replace(child, holder, key, value) for child in root]
        if root == holder and isinstance(key, int) and value is not ...:
            listed[key] = value
        return listed
    return root
