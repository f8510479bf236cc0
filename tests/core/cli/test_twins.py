"""Two companions with one id: a fleet that sees it says so."""

from __future__ import annotations

from operator_tool.cli.twins import Named, notes_on_twins


def test_companions_with_one_id_are_told_by_each_others_names() -> None:
    """Copies of one image, or one drone under two names; one that was not asked is nobody's twin."""
    asked = [Named("alpha", "1"), Named("bravo", "2"), Named("charlie", "1"), Named("delta", ""), Named("echo", "")]
    notes = notes_on_twins(asked)
    assert ["charlie" in notes[0], "alpha" in notes[2]] == [True, True]
    assert (notes[1], notes[3], notes[4]) == ("", "", "")
