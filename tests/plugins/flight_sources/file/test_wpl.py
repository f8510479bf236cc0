"""QGC WPL becomes a route and its home, or is refused with the line and the field."""

from __future__ import annotations

import pytest

from operator_tool.api import FlightFormatError, HomePosition, NoRouteError
from operator_tool_plugins.flight_sources.file.found import Found
from operator_tool_plugins.flight_sources.file.wpl import read_wpl
from tests.plugins.flight_sources.samples import HOME, positions, wpl, wpl_row


def read(*rows: str, header: str = "QGC WPL 110") -> Found:
    return read_wpl(wpl(*rows, header=header))


def refusal(*rows: str, header: str = "QGC WPL 110") -> FlightFormatError:
    with pytest.raises(FlightFormatError) as caught:
        read(*rows, header=header)
    return caught.value


def test_rows_after_home_are_waypoints_unrounded() -> None:
    """Row 0 is the home position, at its height above the sea."""
    found = read(HOME, wpl_row(1, "47.660459123456789", -122.103167), wpl_row(2, 48, 11, frame=0))
    assert positions(found.waypoints) == [(47.660459123456789, -122.103167), (48, 11)]
    assert [waypoint.alt_frame for waypoint in found.waypoints] == ["takeoff", "amsl"]
    assert (found.format, found.waypoints[0].source) == ("QGC WPL 110", "line 3")
    assert (found.home, found.notes) == (HomePosition(lat_deg=48, lon_deg=11, amsl_m=500), ())


@pytest.mark.parametrize(
    ("row", "home"),
    [
        (wpl_row(0, 0, 0, 0), None),
        (wpl_row(0, 47, 8, 300, command=0, frame=0), HomePosition(lat_deg=47, lon_deg=8, amsl_m=300)),
        (wpl_row(0, 47, 8, 300, frame=3), HomePosition(lat_deg=47, lon_deg=8)),
        (wpl_row(0, 47, 8, 300, frame=99), HomePosition(lat_deg=47, lon_deg=8)),
    ],
)
def test_home_is_as_planners_write_it(row: str, home: HomePosition | None) -> None:
    """Zeros where it isn't known, command 0 by Mission Planner, and a height that isn't above the sea."""
    found = read(row, wpl_row(1, 48, 11))
    assert (found.home, len(found.waypoints), found.notes) == (home, 1, ())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_any_line_end_comments_blanks_and_a_byte_order_mark_are_read(end: str, mark: bytes) -> None:
    """As the planners in use write them; the lines are counted as an editor counts them."""
    rows = ("# by hand", "", "  " + HOME.replace(" ", "   "), "#", wpl_row(1, 48, 11).replace("\t", " \t "))
    data = mark + b"# my mission" + end.encode() + wpl(*rows, header="QGC   WPL\t110 ", end=end)
    found = read_wpl(data)
    assert (positions(found.waypoints), found.waypoints[0].source) == ([(48, 11)], "line 7")


def test_fields_may_stand_between_commas() -> None:
    """As Mission Planner reads them; a decimal comma stays an error that names its field."""
    for comma in (",", ", "):
        assert positions(read(HOME, wpl_row(1, 48.5, 11.5).replace("\t", comma)).waypoints) == [(48.5, 11.5)]


def test_a_comment_in_another_encoding_does_not_matter() -> None:
    """Mission Planner on an old Windows writes the system's own."""
    assert len(read_wpl(wpl(HOME, wpl_row(1, 48, 11)) + b"# M\xfcnchen\n").waypoints) == 1


def test_items_that_are_no_places_are_left_out_and_a_return_is_known() -> None:
    """The same commands as in a plan: here a region of interest, a return, a takeoff from where it stands."""
    rows = (
        wpl_row(1, 0, 0, command=22),
        wpl_row(2, 10, 20, command=201),
        wpl_row(3, 48, 11),
        wpl_row(4, 0, 0, command=20),
    )
    found = read(HOME, *rows)
    assert (positions(found.waypoints), found.returns_home) == ([(48, 11)], True)
    assert not read(HOME, *rows[:3]).returns_home


def test_a_loiters_radius_is_read_from_its_own_field() -> None:
    """Its sign is the direction."""
    turns = wpl_row(1, 48, 11, command=18).replace("\t0\t0\t0\t0\t", "\t2\t0\t-150\t0\t")
    to_altitude = wpl_row(2, 48, 12, command=31).replace("\t0\t0\t0\t0\t", "\t1\t75\t0\t1\t")
    found = read(HOME, turns, to_altitude)
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [150, 75]


@pytest.mark.parametrize("command", [17, 18, 19, 31, 34, 35])
@pytest.mark.parametrize("radius", ["1", "-1", "0.5", "0"])
def test_a_radius_of_at_most_a_metre_is_a_direction(command: int, radius: str) -> None:
    """The vehicle flies its own radius then, and a note says so."""
    row = wpl_row(1, 48, 11, command=command).replace("\t0\t0\t0\t0\t", f"\t{radius}" * 4 + "\t")
    found = read(HOME, row)
    assert found.waypoints[0].loiter_radius_m == 0
    assert any("own radius" in note for note in found.notes)
    stays = wpl_row(2, 0, 0, command=command).replace("\t0\t0\t0\t0\t", f"\t{radius}" * 4 + "\t")
    assert any("own radius" in note for note in read(HOME, wpl_row(1, 48, 11), stays).notes)


def test_decimal_commas_get_the_hint_that_helps() -> None:
    """To save the mission again in the planner writes the same commas again."""
    with pytest.raises(FlightFormatError) as caught:
        read(HOME, wpl_row(1, "48,1", "11,2"))
    assert "decimal points" in (caught.value.hint or "")


def test_a_letter_of_a_hemisphere_is_read() -> None:
    """At the number, as in every text format."""
    assert positions(read(HOME, wpl_row(1, "33.9S", "18.4W")).waypoints) == [(-33.9, -18.4)]


def test_a_command_that_is_not_known_is_kept_with_its_place() -> None:
    """The plan says whether that lies outside of the ground; a region of interest is no place that is flown to."""
    found = read(HOME, wpl_row(1, 48, 11), wpl_row(2, 49, 12, command=999), wpl_row(3, 50, 13, command=201))
    assert [one.places for one in found.left_out] == [((49, 12),)]


def test_a_file_that_begins_with_item_1_has_no_home() -> None:
    """The index says which row is home, not its place."""
    found = read(wpl_row(1, 48, 11), wpl_row(2, 49, 12))
    assert positions(found.waypoints) == [(48, 11), (49, 12)]
    assert found.home is None
    assert "no home position" in found.notes[0]


def test_a_row_0_with_another_command_is_still_home_and_is_said() -> None:
    """The format gives row 0 to home; who writes a takeoff there should know that it is not flown."""
    found = read(wpl_row(0, 47, 8, command=22), wpl_row(1, 48, 11))
    assert found.home == HomePosition(lat_deg=47, lon_deg=8)
    assert found.notes == ("line 2: row 0 is the home position, not a waypoint, though its command is 22.",)


def test_an_index_out_of_step_is_noted() -> None:
    """Vehicles and planners number the items by their order, so a file that was edited by hand flies all the same."""
    found = read(HOME, wpl_row(2, 48, 11), wpl_row(2, 49, 12), wpl_row(0, 50, 13))
    assert positions(found.waypoints) == [(48, 11), (49, 12), (50, 13)]
    assert found.notes == (
        "line 3, field 1 (index): 2 instead of 1; the order of the lines counts.",
        "line 4, field 1 (index): 2 instead of 3; the order of the lines counts.",
        "line 5, field 1 (index): 0 instead of 3; the order of the lines counts.",
    )


def test_version_120_has_no_home() -> None:
    """Row 0 is its first waypoint: reading it as 110 would lose it."""
    found = read(wpl_row(0, 48, 11), wpl_row(1, 49, 12), header="QGC WPL 120")
    assert (found.format, positions(found.waypoints)) == ("QGC WPL 120", [(48, 11), (49, 12)])
    assert (found.home, found.notes) == (None, ())
    assert read(wpl_row(1, 48, 11), header="QGC WPL 120").notes == ()


def test_version_100_has_other_fields_and_other_numbers() -> None:
    """Longitude before latitude, 13 fields, and actions that are older than MAVLink's commands."""
    takeoff = "0 3 2 0 0 15 0 1 11.5 48.5 30 0 1"
    loiter = "1 0 27 -60 1 0 0 0 11.6 48.6 700 0 1"
    home = "2 3 3 0 0 0 0 0 0 0 0 0 1"
    found = read(takeoff, loiter, home, header="QGC WPL 100")
    assert (found.format, positions(found.waypoints)) == ("QGC WPL 100", [(48.5, 11.5), (48.6, 11.6)])
    assert [waypoint.alt_m for waypoint in found.waypoints] == [30, 700]
    assert [waypoint.loiter_radius_m for waypoint in found.waypoints] == [0, 60]
    assert (found.home, found.returns_home) == (None, True)
    assert refusal(takeoff.replace(" 2 ", " 7 ", 1), header="QGC WPL 100").message == (
        "line 2, field 3 (command): action 7, expected one of 2, 3, 4, 24, 25, 26, 27"
    )
    swapped = refusal(takeoff.replace("48.5", "148.5"), header="QGC WPL 100")
    assert swapped.message == "line 2, field 10 (latitude): latitude 148.5, expected -90 to 90"


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
        ("\x1b[31m", "line 3: 1 fields, expected 12"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_field(row: str, message: str) -> None:
    """Counted as an editor shows them."""
    assert refusal(HOME, row).message == message


def test_a_home_that_is_not_on_the_earth_is_refused() -> None:
    """It would be flown to and from."""
    assert refusal(wpl_row(0, 95, 11)).message == "line 2, field 9 (latitude): latitude 95, expected -90 to 90"


def test_nan_in_a_parameter_means_keep() -> None:
    """The four parameters may be NaN; the position may not."""
    row = wpl_row(1, 48, 11).replace("\t0\t0\t0\t0\t", "\t0\tNaN\tnan\t0\t")
    assert len(read(HOME, row).waypoints) == 1


@pytest.mark.parametrize("header", ["QGC WPL 130", "QGC WPL", "QGC WPL 110 extra", "QGC WPL PB 110"])
def test_another_version_is_refused(header: str) -> None:
    """What its fields mean is not known."""
    message = refusal(HOME, wpl_row(1, 48, 11), header=header).message
    assert message == f"line 1: '{header}', expected 'QGC WPL 110', 120 or 100"


def test_an_empty_file_is_refused() -> None:
    """As one whose header is missing."""
    with pytest.raises(FlightFormatError, match="line 1: '', expected 'QGC WPL 110'"):
        read_wpl(b"# nothing\n")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "line 1: the file ends after its header, no waypoint follows"),
        ((HOME,), "line 2: the file ends with the home position, no waypoint follows"),
        ((HOME, wpl_row(1, 0, 0, command=20)), "up to line 3: 1 item after home, none of them a place"),
        ((HOME, wpl_row(1, 48, 11, command=5001)), "up to line 3: 1 item after home, none of them a place"),
    ],
)
def test_a_file_without_a_place_has_no_route(rows: tuple[str, ...], message: str) -> None:
    """A valid file, only nothing to fly; fences and rally points have commands of their own."""
    with pytest.raises(NoRouteError) as caught:
        read(*rows)
    assert caught.value.message == message


def test_swapped_coordinates_get_a_hint() -> None:
    """Where the numbers alone give it away."""
    assert "swapped" in refusal(HOME, wpl_row(1, -122.1, 47.6)).hint
