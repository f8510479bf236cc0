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


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        ("N/S,E/W", "S,W"),
        ("GPSLatitudeRef,GPSLongitudeRef", "South,West"),
        ("lat_dir,lon_dir", "s,w"),
        ("latitude_hemisphere,Longitude Hemisphere", "S,W"),
        ("hemisphere,note", "SW,x"),
        ("lat_sign,lon_sign", "-,-1"),
        ("NS Indicator,EW Indicator", "S,W"),
    ],
)
def test_columns_of_hemispheres_give_the_sign(names: str, cells: str) -> None:
    """Loggers and EXIF write unsigned degrees; a number that has its minus already keeps it."""
    found = read(f"latitude,longitude,{names}", f"33.9,18.4,{cells}", f"-33.9,-18.4,{cells}")
    assert positions(found.waypoints) == [(-33.9, -18.4)] * 2


@pytest.mark.parametrize(
    ("row", "place"),
    [("33.9S,18.4W", (-33.9, -18.4)), ("N33.9,e 18.4", (33.9, 18.4)), ("33.9 °S,+18.4", (-33.9, 18.4))],
)
def test_a_letter_beside_the_number_gives_the_sign(row: str, place: tuple[float, float]) -> None:
    """Before or behind it."""
    assert positions(read("latitude,longitude", row).waypoints) == [place]


@pytest.mark.parametrize(
    ("names", "row", "named"),
    [
        ("N/S", "-33.9,18.4,N", "n/s"),
        ("N/S", "+33.9,18.4,S", "n/s"),
        ("N/S", "33.9N,18.4,S", "n/s"),
        ("N/S", "33.9,18.4,", "n/s"),
        ("N/S", "33.9,18.4,E", "n/s"),
        ("E/W", "33.9,18.4,O", "e/w"),  # Ost, or Ouest
        ("lon_ref", "33.9,-18.4,E", "lon_ref"),
        ("N/S,lat_ref", "33.9,18.4,S,N", "lat_ref"),
        ("which", "33.9,18.4,S", "which"),
        ("crs", "33.9,18.4,EPSG:25832", "crs"),
        ("GPSMapDatum", "33.9,18.4,TOKYO", "gpsmapdatum"),
        ("angle_unit", "0.59,0.32,rad", "angle_unit"),
        ("units", "0.59,0.32,radians", "units"),
        ("lat_min", "33,18.4,54.2", "lat_min"),
        ("UTM zone", "37.77,122.42,10S", "utmzone"),
        ("altitude(m),altitude_unit", "33.9,18.4,100,ft", "altitude_unit"),
        ("altitude(m),altitude_ref", "33.9,18.4,100,barometric", "altitude_ref"),
    ],
)
def test_what_a_column_says_of_a_position_is_understood_or_refused(names: str, row: str, named: str) -> None:
    """A sign and a letter that disagree, a letter under another name, and other units and systems than degrees of
    WGS 84: each is refused with its column."""
    assert named in refusal(f"latitude,longitude,{names}", row)


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        ("datum", "WGS-84"),
        ("datum", "2026-05-01"),  # the date, in half of Europe
        ("crs", "EPSG:4326"),
        ("crs", "87.5"),  # a course
        ("unit", "alpha"),
        ("heading", "S"),
        ("wind", "W"),
        ("moved", "N"),  # no
        ("lat_min,lat_max", "33.1,34.2"),
        ("lat_min", "0"),
        ("UTM zone", "34H"),
        ("GPSDestLatitude,GPSDestLatitudeRef", "50,N"),
        ("time zone", "10"),
    ],
)
def test_what_says_nothing_against_a_position_is_passed_over(names: str, cells: str) -> None:
    """The table is read as it stands."""
    assert positions(read(f"latitude,longitude,{names}", f"-33.9,18.4,{cells}").waypoints) == [(-33.9, 18.4)]


def test_all_winds_of_a_compass_are_no_hemisphere() -> None:
    """North, south, east and west in one column are directions."""
    assert read("latitude,longitude,way", "48,11,S", "48,11,E").waypoints


def test_altitudes_have_their_unit_and_their_level_in_columns_of_their_own() -> None:
    """Feet, below the sea, above the ground."""
    found = read("latitude,longitude,altitude,altitude_unit,altitude_ref", "48,11,100,ft,AGL", "48,11,9,m,1")
    assert [(one.alt_m, one.alt_frame) for one in found.waypoints] == [
        (pytest.approx(30.48), AltitudeFrame.TERRAIN),
        (-9, AltitudeFrame.AMSL),
    ]


def test_degrees_and_minutes_in_one_number_are_refused() -> None:
    """As NMEA writes them: 0054.3 is 54.3 minutes north."""
    assert "degrees and minutes" in refusal("latitude,longitude", "0054.3,18.4")


def test_decimal_commas_that_part_the_columns_are_refused() -> None:
    """Else 48,1,11,2 would be 48 north and 1 east."""
    with pytest.raises(FlightFormatError) as caught:
        read("latitude,longitude,altitude(m)", "48,1,11,2,50")
    assert "decimal commas" in (caught.value.hint or "")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_the_line_by_which_excel_names_the_delimiter_is_read(first: str) -> None:
    """It stands before the names of the columns."""
    found = read(first, "latitude;longitude;altitude(m)", "48,1;11,2;50")
    assert positions(found.waypoints) == [(48.1, 11.2)]
    assert found.waypoints[0].source == "line 3"


def test_other_positions_of_a_row_are_kept_as_left_out() -> None:
    """Where a line ends, say; what the camera looks at is no place that is flown to."""
    found = read("latitude,longitude,end_latitude,end_longitude,poi_latitude,poi_longitude", "48,11,48.5,11.5,1,2")
    assert [one.places for one in found.left_out] == [((48.5, 11.5),)]


def test_a_header_alone_is_no_route() -> None:
    """It is a mission without waypoints."""
    with pytest.raises(NoRouteError, match="no waypoint below"):
        read(HEADER, "", ",,,")
