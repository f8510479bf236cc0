"""What comes from outside is shown escaped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import escape_controls


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("plain – text with ° and 漢字", "plain – text with ° and 漢字"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("90%\r100%", "90%\\r100%"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("bad \udc80 byte", "bad \\udc80 byte"),
        ("\x9b2J", "\\x9b2J"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("no-break\u00a0space", "no-break\\xa0space"),
    ],
)
def test_controls_are_shown_escaped(outside: str, shown: str) -> None:
    """Sequences, carriage returns, overrides, lone surrogates and tags are shown; ordinary text stays."""
    assert escape_controls(outside) == shown


def test_what_is_kept_stays() -> None:
    """A text of many lines keeps its newlines where the caller says so."""
    assert escape_controls("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_shown_can_be_written_and_acts_on_nothing(text: str) -> None:
    """Whatever comes, the result is UTF-8, without controls, and escaping it again changes nothing."""
    shown = escape_controls(text)
    shown.encode()
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert escape_controls(shown) == shown
