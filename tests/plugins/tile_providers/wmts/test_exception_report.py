"""Exception reports: which are of a tile, which of all of them."""

from __future__ import annotations

import pytest

from operator_tool_plugins.tile_providers._http.exchange import Reply
from operator_tool_plugins.tile_providers.wmts.exception_report import ExceptionReport, exception_report


def report(text: str, status: int = 400) -> ExceptionReport | None:
    return exception_report(Reply(status, {}, text.encode()))


@pytest.mark.parametrize("declared", ["", '<?xml version="1.0"?>\n'])
@pytest.mark.parametrize(
    ("prefix", "namespace"),
    [
        ("ows:", ' xmlns:ows="http://www.opengis.net/ows/1.1"'),
        ("", ' xmlns="http://www.opengis.net/ows/1.1"'),
        ("o:", ' xmlns:o="http://www.opengis.net/ows/2.0"'),
        ("", ""),
    ],
)
def test_a_report_is_read_in_every_form_that_servers_send(declared: str, prefix: str, namespace: str) -> None:
    """Of OWS 1.1, of 2.0, and without a namespace."""
    text = f"<{prefix}ExceptionText>Row 84 is out of range</{prefix}ExceptionText>"
    one = f'<{prefix}Exception exceptionCode="TileOutOfRange" locator="TILEROW">{text}</{prefix}Exception>'
    found = report(f"{declared}<{prefix}ExceptionReport{namespace}>{one}</{prefix}ExceptionReport>")
    assert found == ExceptionReport("TileOutOfRange", "tilerow", "Row 84 is out of range")
    assert str(found) == "TileOutOfRange (tilerow): Row 84 is out of range"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>ExceptionReport</html>",
        "ExceptionReport",
        "<ExceptionReport>",
        "<ExceptionReport/>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><ExceptionReport><Exception>&a;</Exception></ExceptionReport>",
        f"<ExceptionReport><Exception>{' ' * 70_000}</Exception></ExceptionReport>",
        f"<ExceptionReport>{'<Exception>' * 200}",
    ],
)
def test_what_is_no_report_is_none(text: str) -> None:
    """Pages, torn reports, reports made to harm: those are answers like any other."""
    assert report(text) is None


def test_a_reply_that_was_too_long_holds_none() -> None:
    """Its body is not there."""
    assert exception_report(Reply(400, {}, None)) is None


@pytest.mark.parametrize(
    ("code", "locator", "no_such_tile", "of_every_tile"),
    [
        ("TileOutOfRange", "", True, False),
        ("TileOutOfRange", "tilecolumn", True, False),
        ("InvalidParameterValue", "tilerow", True, False),
        ("InvalidParameterValue", "tilecol", True, False),
        ("InvalidParameterValue", "tilematrix", False, False),
        ("InvalidParameterValue", "", False, False),
        ("InvalidParameterValue", "layer", False, True),
        ("InvalidParameterValue", "style", False, True),
        ("InvalidParameterValue", "format", False, True),
        ("InvalidParameterValue", "time", False, True),
        ("MissingParameterValue", "style", False, True),
        ("OperationNotSupported", "gettile", False, True),
        ("NoApplicableCode", "", False, False),
        ("", "", False, False),
    ],
)
def test_an_exception_is_of_the_tile_or_of_all_of_them(
    code: str, locator: str, no_such_tile: bool, of_every_tile: bool
) -> None:
    """What differs from tile to tile is its matrix, row and column."""
    found = ExceptionReport(code, locator, "")
    assert (found.says_no_such_tile, found.is_of_every_tile) == (no_such_tile, of_every_tile)
