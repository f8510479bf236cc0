"""The agent with one guard taken out: the enumeration of power cuts must find what each of them was for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.crash_states.bench import Bench, bundle_with
from tests.support.crash_states.model import ORDERED, WEAK
from tests.support.crash_states.protocols import Protocol, record
from tests.support.crash_states.twins import TWINS, Twin, first_breach
from tests.support.reliability_counts import note_counts

Prepare = Callable[[Protocol], Bench]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_case_142_a_weakened_twin_is_caught(tmp_path: Path, prepare: Prepare, twin: Twin) -> None:
    """Some power cut breaks the very rule that the guard was for; the real agent breaks none."""
    recorded = record(twin.protocol, prepare(twin.protocol).copy(tmp_path / "twin", twin.changes))
    breach = first_breach(recorded, WEAK, twin.caught_by, tmp_path / "judge")
    print(f"{twin.name}: {twin.caught_by}, {breach}")
    assert breach is not None, f"nothing broke the rule that {twin.caught_by}"


def test_a_twin_whose_text_is_gone_is_an_error() -> None:
    """Else a guard that is worded anew would be tested no more."""
    with pytest.raises(ValueError, match="0 times"):
        bundle_with({"building/publish.py": [("no such text", "")]})
    with pytest.raises(ValueError, match="no file"):
        bundle_with({"no_such.py": []})


@pytest.mark.reliability
@pytest.mark.timeout(900)
def test_case_142_every_weakened_twin_in_numbers(tmp_path: Path, prepare: Prepare) -> None:
    """All of them are caught; which of them an ordered file system would forgive is counted, too."""
    told, not_caught = [], []
    for number, twin in enumerate(TWINS):
        folder = tmp_path / str(number)
        recorded = record(twin.protocol, prepare(twin.protocol).copy(folder, twin.changes))
        if first_breach(recorded, WEAK, twin.caught_by, folder / "weak") is None:
            not_caught.append(twin.name)
        ordered = first_breach(recorded, ORDERED, twin.caught_by, folder / "ordered")
        told.append({"name": twin.name, "caught_by": twin.caught_by, "also_on_ordered": ordered is not None})
    note_counts("weakened_twins", {"twins": told, "not_caught": not_caught})
    assert not not_caught
