"""Odd JSON is refused with its path; ordinary JSON comes out as it went in."""

from __future__ import annotations

import tracemalloc

import pytest

from operator_tool.api import FlightFormatError
from operator_tool_plugins.flight_sources._strict_json import parse_json


def refusal(text: str | bytes) -> str:
    with pytest.raises(FlightFormatError) as caught:
        parse_json(text if isinstance(text, bytes) else text.encode())
    return caught.value.message


def test_ordinary_json_comes_out_as_it_went_in() -> None:
    """Numbers keep every digit, escapes are decoded, a byte order mark is no content."""
    node = parse_json(b'\xef\xbb\xbf{"a": [1, -2.5e3, 47.39773941040039, null, true, "\\u00e9\\ud83d\\ude00,[{"]}')
    assert node.value == {"a": [1, -2500.0, 47.39773941040039, None, True, "é😀,[{"]}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_case_011_a_number_that_is_none_is_refused_with_its_path(word: str) -> None:
    """json.loads takes each of these for a number."""
    assert refusal(f'{{"waypoints": [{{"lat": 1}}, {{"lat": {word}}}]}}').startswith("waypoints[1].lat: ")


def test_case_011_nesting_is_refused_before_it_recurses() -> None:
    """200,000 brackets are refused at the sixty-fifth, with a path short enough to read."""
    message = refusal('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}")
    assert message.startswith("a[0][0]")
    assert message.endswith("nested more than 64 levels deep")
    assert len(message) < 160
    assert parse_json(b"[" * 64 + b"]" * 64).value


def test_case_011_an_integer_of_5000_digits_is_refused_with_its_path() -> None:
    """Python's own limit would be a ValueError of another kind."""
    assert refusal('{"id": ' + "9" * 5000 + "}") == "id: a number of 5,000 characters"


def test_case_011_a_key_that_stands_twice_is_refused_with_its_path() -> None:
    """json.loads would keep the last of the two, another parser the first."""
    assert refusal('{"waypoints": [{"lat": 1, "lat": 2}]}') == "waypoints[0]: the key 'lat' stands twice"


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"a": ["\\ud800"]}', "a[0]"), ('{"a": {"\\udfff": 1}}', "a"), ('{"a": "\\uDC00x"}', "a")],
)
def test_case_011_a_lone_surrogate_is_refused_with_its_path(text: str, place: str) -> None:
    """Such text could not be written to a report."""
    assert refusal(text).startswith(f"{place}: half of a surrogate pair")


def test_case_011_more_values_than_any_mission_has_are_refused_cheaply() -> None:
    """Millions of empty objects, 8 MiB, are refused before they are made, and the message names the list."""
    data = b'{"waypoints": [' + b",".join([b"{}"] * 2_700_000) + b"]}"
    tracemalloc.start()
    message = refusal(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message.startswith("waypoints[49999")
    assert peak_bytes < 64 * 1024 * 1024


def test_a_long_string_takes_no_memory_per_character() -> None:
    """The scan for brackets must not keep a state for each character of a string."""
    data = b'["' + b"\\n" * 4_000_000 + b'"]'
    tracemalloc.start()
    parse_json(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 32 * 1024 * 1024


def test_broken_json_is_refused_with_path_line_and_column() -> None:
    """What a text editor needs to find the place."""
    assert refusal('{"mission":\n {"items": [1, 2,, 3]}}') == ("mission.items[2]: expecting value at line 2, column 18")


def test_text_in_another_encoding_is_refused_with_the_byte() -> None:
    """Latin-1 is not guessed at."""
    assert refusal(b'{"name": "M\xfcnchen"}') == "byte 11: not UTF-8 (invalid start byte)"


def test_a_key_in_a_path_is_escaped() -> None:
    """Keys come from outside and go to a terminal."""
    assert refusal('{"\\u001b[31m\\u202e": NaN}').startswith("\\x1b[31m\\u202e: ")
