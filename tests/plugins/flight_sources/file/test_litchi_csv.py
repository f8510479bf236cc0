"""Litchi's CSV: columns by their names, altitudes by altitudemode, refusals by line and column."""

from __future__ import annotations

import pytest

from operator_tool.api import AltitudeFrame, FlightFormatError, NoRouteError
from operator_tool_plugins.flight_sources.file.found import Found
from operator_tool_plugins.flight_sources.file.litchi_csv import read_litchi_csv
from tests.plugins.flight_sources.samples import positions

HEADER = "latitude,longitude,altitude(m),heading(deg),curvesize(m),rotationdir,gimbalmode,gimbalpitchangle,altitudemode"
ROW = "48.1,11.5,{alt},0,0.2,0,0,0,{mode}"


def read(*lines: str, end: str = "\n") -> Found:
    return read_litchi_csv(end.join(lines).encode())


def refusal(*lines: str) -> str:
    with pytest.raises(FlightFormatError) as caught:
        read(*lines)
    return caught.value.message


def test_altitudemode_says_what_the_altitude_is_measured_from() -> None:
    """0: the takeoff point, 1: the ground below."""
    found = read(HEADER, ROW.format(alt=30, mode=0), ROW.format(alt=40, mode=1), ROW.format(alt="", mode=1))
    assert [(one.alt_m, one.alt_frame) for one in found.waypoints] == [
        (30, AltitudeFrame.TAKEOFF),
        (40, AltitudeFrame.TERRAIN),
        (None, AltitudeFrame.UNKNOWN),
    ]
    assert positions(found.waypoints) == [(48.1, 11.5)] * 3
    assert [one.source for one in found.waypoints] == ["line 2", "line 3", "line 4"]
    assert found.notes == ()


def test_feet_become_metres() -> None:
    """The Mission Hub writes either."""
    assert read("latitude,longitude,altitude(ft),altitudemode", "48,11,100,0").waypoints[0].alt_m == pytest.approx(
        30.48
    )


def test_without_altitudemode_a_litchi_file_counts_from_takeoff_and_a_strange_one_is_unknown() -> None:
    """Litchi did so before it had the column; of a table of anybody's nobody knows."""
    litchi = read("latitude,longitude,altitude(m),curvesize(m)", "48,11,100,0")
    assert litchi.waypoints[0].alt_frame is AltitudeFrame.TAKEOFF
    assert "above the takeoff point" in litchi.notes[0]
    strange = read("latitude,longitude,altitude(m)", "48,11,100")
    assert strange.waypoints[0].alt_frame is AltitudeFrame.UNKNOWN
    assert "not known" in strange.notes[0]
    assert read("Waypoint_ID,Altitude_m,Latitude,Longitude", "0,50,48,11").waypoints[0].alt_m == 50
    bare = read("latitude,longitude,altitude", "48,11,100")
    assert bare.waypoints[0].alt_m is None
    assert "says no unit" in bare.notes[0]


def test_columns_stand_in_any_order_quoted_or_not() -> None:
    """With a BOM, blanks, blank lines, Windows' ends of lines, and columns that nobody knows."""
    data = (
        '\ufeff\r\nname, "Longitude" ,ALTITUDE (M),latitude\r\n\r\n'
        '"a, ""b""\r\nc",11.5,7,48.1\r\n,,,\r\nd,11.6,8,48.2,more\r\n'
    )
    found = read_litchi_csv(data.encode())
    assert positions(found.waypoints) == [(48.1, 11.5), (48.2, 11.6)]
    assert [one.alt_m for one in found.waypoints] == [7, 8]


@pytest.mark.parametrize(("delimiter", "number"), [(";", "48,25"), ("\t", "48,25"), (";", "48.25")])
def test_a_table_of_a_spreadsheet_may_have_decimal_commas(delimiter: str, number: str) -> None:
    """Where the comma doesn't part the columns."""
    found = read(delimiter.join(("latitude", "longitude")), delimiter.join((number, "11")))
    assert positions(found.waypoints) == [(48.25, 11)]


def test_a_text_of_another_encoding_reads_where_its_numbers_are_plain() -> None:
    """Old spreadsheets write names in Latin-1."""
    assert read_litchi_csv(b"latitude,longitude,name\n48,11,K\xf6ln\n").waypoints


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("lat,lon", "1,2"), "line 1: expected the names of columns"),
        (("latitude,longitude,latitude", "1,2,3"), "line 1: the column 'latitude' stands twice"),
        (("latitude,longitude", "1"), "line 2, column 2 (longitude): missing, expected degrees"),
        (("latitude,longitude", "1,"), "line 2, column 2 (longitude): missing, expected degrees"),
        (("latitude,longitude", "91,2"), "line 2, column 1 (latitude): latitude 91, expected -90 to 90"),
        (("latitude,longitude", "NaN,2"), "line 2, column 1 (latitude): 'NaN', expected a number"),
        (("latitude,longitude", "1,1e999"), "line 2, column 2 (longitude): '1e999' is beyond any number"),
        (("latitude,longitude", "1,2", "1,\x1b[31m"), "line 3, column 2 (longitude): '\\x1b[31m', expected a number"),
        ((HEADER, ROW.format(alt=1, mode=2)), "line 2, column 9 (altitudemode): 2, expected 0"),
        (("latitude,longitude", '"1"x,2'), "line 2: "),
        (("latitude,longitude", '"1,2'), "line 2: "),
        (("latitude,longitude,name", "1,2," + "x" * 200_000), "line 2: field larger than field limit"),
        (("latitude,longitude", *["1,2"] * 65_536), "line 65537: more than 65,535 waypoints"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(lines: tuple[str, ...], message: str) -> None:
    """As a spreadsheet counts them."""
    assert refusal(*lines).startswith(message)


def test_a_header_alone_is_no_route() -> None:
    """It is a mission without waypoints."""
    with pytest.raises(NoRouteError, match="no waypoint below"):
        read(HEADER, "", ",,,")
