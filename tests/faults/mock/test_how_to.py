"""The page on rehearsals: its script does what its table says, build for build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.mock_rig import MockRig

PAGE = Path(__file__).parents[3] / "docs/how-to/rehearse-with-a-mock.md"
LIMITS = ("-o", "operator-tool.reconnect_s=1", "-o", "c10.no_progress_s=10")
ZOOMS = ("15-16", "15-17", "15-17", "15-17", "15-17", "15-15", "18-18", "18-18")
"""Of each build of the table: what succeeds is followed by other zooms, so that there is something to do."""
SAYS = {
    2: "could not be taken up again within 1 s",
    3: "MB are free",
    4: "disk failed or is full",
    7: "said nothing for 10 s",
}


@pytest.mark.parametrize("builds", [6, pytest.param(8, marks=pytest.mark.nightly)])
def test_the_page_s_script_does_what_its_table_says(tmp_path: Path, builds: int) -> None:
    """Exit codes, and the words that the table has of each report; the silence takes its time."""
    text = PAGE.read_text(encoding="utf-8")
    script = re.search(r"```toml\n(\[link\].*?)```", text, re.DOTALL)
    assert script is not None
    rig = MockRig(tmp_path, script[1])
    rows = {int(number): (int(code), says) for number, code, says in re.findall(r"\| (\d) \| (\d+) \| (.*) \|", text)}
    assert list(rows) == list(range(1, 9))
    for number, zoom in enumerate(ZOOMS[:builds], 1):
        code, says = rows[number]
        built = rig.build(*LIMITS, zoom=zoom)
        report = built.report
        assert built.code == code, (number, built.all)
        if code:
            assert says.startswith(f"`{report['failure_phase']}`")
            assert SAYS[number] in report["message"]
            continue
        assert report["outcome"] == "success", (number, built.all)
        assert report["companion"]["reconnects"] == (1 if number in (1, 5) else 0)
        ahead = [note for note in report["notes"] if re.search(r"clock is 7,(199|200) s ahead", note)]
        assert len(ahead) == (number == 5)
