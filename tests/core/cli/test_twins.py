"""Two companions with one id: a fleet that sees it says so."""

from __future__ import annotations

from operator_tool.api.build import BuildCacheOutcome, CacheBuildReport, CompanionSummary, FleetReport
from operator_tool.cli.twins import Named, notes_on_twins, with_twins_told


def test_companions_with_one_id_are_told_by_each_others_names() -> None:
    """Copies of one image, or one drone under two names; one that was not asked is nobody's twin."""
    asked = [Named("alpha", "1"), Named("bravo", "2"), Named("charlie", "1"), Named("delta", ""), Named("echo", "")]
    notes = notes_on_twins(asked)
    assert ["charlie" in notes[0], "alpha" in notes[2]] == [True, True]
    assert (notes[1], notes[3], notes[4]) == ("", "", "")


def test_a_build_of_several_says_it_in_their_reports() -> None:
    """One that was not reached, or is simulated, is nobody's twin; what else a report notes stays."""

    def built(id_there: str, simulated: str = "") -> CacheBuildReport:
        there = CompanionSummary(address="a", transport="t", id=id_there, simulated=simulated) if id_there else None
        return CacheBuildReport(run_id="r", outcome=BuildCacheOutcome.SUCCESS, companion=there, notes=("first",))

    builds = {"alpha": built("1"), "bravo": built("1"), "charlie": built("1", "mock"), "delta": built("")}
    told = with_twins_told(FleetReport(outcome=BuildCacheOutcome.SUCCESS, exit_code=0, builds=builds)).builds
    assert [len(one.notes) for one in told.values()] == [2, 2, 1, 1]
    assert (told["alpha"].notes[0], "bravo" in told["alpha"].notes[1]) == ("first", True)
