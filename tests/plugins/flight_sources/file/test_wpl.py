"""QGC WPL 110 becomes a route, or is refused with the line and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import Flight, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file import FileFlightSource, FileSettings
from tests.plugins.flight_sources.samples import HOME, positions, wpl, wpl_row


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def resolve(data: bytes) -> Flight:
        path = tmp_path / "ridge.waypoints"
        path.write_bytes(data)
        return FileFlightSource(FileSettings()).resolve(str(path))

    return resolve


def refusal(read: Any, data: bytes) -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        read(data)
    return caught.value


def test_rows_after_home_are_waypoints_unrounded(read: Any) -> None:
    """Row 0 is the home position and is noted as left out."""
    flight = read(wpl(HOME, wpl_row(1, "47.660459123456789", -122.103167), wpl_row(2, 48, 11, frame=0)))
    assert positions(flight.waypoints) == [(47.660459123456789, -122.103167), (48, 11)]
    assert [waypoint.alt_frame for waypoint in flight.waypoints] == ["takeoff", "amsl"]
    assert flight.waypoints[0].source == "line 3"
    assert flight.notes == ("line 2: row 0 is the home position, not a waypoint; left out.",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_any_line_end_comments_blanks_and_a_byte_order_mark_are_read(read: Any, end: str, mark: bytes) -> None:
    """As the planners in use write them; the lines are counted as an editor counts them."""
    rows = ("# by hand", "", "  " + HOME.replace(" ", "   "), "#", wpl_row(1, 48, 11).replace("\t", " \t "))
    data = mark + b"# my mission" + end.encode() + wpl(*rows, header="QGC   WPL\t110", end=end)
    flight = read(data)
    assert (positions(flight.waypoints), flight.waypoints[0].source) == ([(48, 11)], "line 7")


def test_a_comment_in_another_encoding_does_not_matter(read: Any) -> None:
    """Mission Planner on an old Windows writes the system's own."""
    assert len(read(wpl(HOME, wpl_row(1, 48, 11)) + b"# M\xfcnchen\n").waypoints) == 1


def test_items_that_are_no_places_are_left_out(read: Any) -> None:
    """The same commands as in a plan: here a region of interest, a return, a takeoff from where it stands."""
    rows = (
        wpl_row(1, 0, 0, command=22),
        wpl_row(2, 10, 20, command=201),
        wpl_row(3, 48, 11),
        wpl_row(4, 0, 0, command=20),
    )
    assert positions(read(wpl(HOME, *rows)).waypoints) == [(48, 11)]


def test_a_file_that_begins_with_item_1_has_no_home(read: Any) -> None:
    """The index says which row is home, not its place."""
    flight = read(wpl(wpl_row(1, 48, 11), wpl_row(2, 49, 12)))
    assert positions(flight.waypoints) == [(48, 11), (49, 12)]
    assert "no home position" in flight.notes[0]


def test_a_row_0_with_another_command_is_still_home_and_is_said(read: Any) -> None:
    """The format gives row 0 to home; who writes a takeoff there should know that it is not flown."""
    flight = read(wpl(wpl_row(0, 47, 8, command=22), wpl_row(1, 48, 11)))
    assert "though its command is 22" in flight.notes[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (wpl_row(1, 91, 11), "line 3, field 9 (latitude): latitude 91, expected -90 to 90"),
        (wpl_row(1, 48, 181), "line 3, field 10 (longitude): longitude 181, expected -180 to 180"),
        (wpl_row(1, "nan", 11), "line 3, field 9 (latitude): 'nan', expected a number"),
        (wpl_row(1, 48, "inf"), "line 3, field 10 (longitude): 'inf', expected a number"),
        (wpl_row(1, 48, "1e999"), "line 3, field 10 (longitude): '1e999' is beyond any number"),
        (wpl_row(1, "47,66", 11), "line 3, field 9 (latitude): '47,66', expected a number"),
        (wpl_row(1, "4_7", 11), "line 3, field 9 (latitude): '4_7', expected a number"),
        (wpl_row(1, "٤٧", 11), "line 3, field 9 (latitude): '٤٧', expected a number"),
        (wpl_row(1, 48, 11, "high"), "line 3, field 11 (altitude): 'high', expected a number"),
        (wpl_row(1, 48, 11, command=16.5), "line 3, field 4 (command): 16.5, expected a whole number"),
        (wpl_row(1, 48, 11, frame=1), "line 3, field 3 (frame): frame 1, expected a global one (0, 3, 5, 6, 10, 11)"),
        (wpl_row(1, 48, 11) + "\t1", "line 3: more than 12 fields, expected 12"),
        (wpl_row(1, 48, 11).rpartition("\t")[0], "line 3: 11 fields, expected 12"),
        (wpl_row(2, 48, 11), "line 3, field 1 (index): 2, expected 1"),
        ("\x1b[31m", "line 3: 1 fields, expected 12"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_field(read: Any, row: str, message: str) -> None:
    """Counted as an editor shows them."""
    assert refusal(read, wpl(HOME, row)).message == f"ridge.waypoints: {message}"


def test_nan_in_a_parameter_means_keep(read: Any) -> None:
    """The four parameters may be NaN; the position may not."""
    row = wpl_row(1, 48, 11).replace("\t0\t0\t0\t0\t", "\t0\tNaN\tnan\t0\t")
    assert len(read(wpl(HOME, row)).waypoints) == 1


@pytest.mark.parametrize("header", ["QGC WPL 120", "QGC WPL 100", "QGC WPL", "QGC WPL 110 extra"])
def test_another_version_is_refused(read: Any, header: str) -> None:
    """Version 120 has no home row, so reading it as 110 would lose the first waypoint."""
    message = refusal(read, wpl(HOME, wpl_row(1, 48, 11), header=header)).message
    assert message == f"ridge.waypoints: line 1: '{header}', expected 'QGC WPL 110'"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "line 1: the file ends after its header, no waypoint follows"),
        ((HOME,), "line 2: the file ends with the home position, no waypoint follows"),
        ((HOME, wpl_row(1, 0, 0, command=20)), "up to line 3: 1 item after home, none of them a place"),
    ],
)
def test_a_file_without_a_place_has_no_route(read: Any, rows: tuple[str, ...], message: str) -> None:
    """A valid file, only nothing to fly."""
    with pytest.raises(NoRouteError) as caught:
        read(wpl(*rows))
    assert caught.value.message == f"ridge.waypoints: {message}"


def test_swapped_coordinates_get_a_hint(read: Any) -> None:
    """Where the numbers alone give it away."""
    assert "swapped" in refusal(read, wpl(HOME, wpl_row(1, -122.1, 47.6))).hint
