"""The contract is guarded: what a plugin builds on changes only on purpose, and with a line in the changelog."""

from __future__ import annotations

import os
from pathlib import Path

from operator_tool import api
from operator_tool.api import hookspecs
from operator_tool.plugin_host.entry import CONTRACT_MAJOR
from tests.support.contract_guard import contract_objections
from tests.support.contract_text import contract_text, hook_names

GOLDEN = Path(__file__).parent / "contract_v1.txt"
MINORS = Path(__file__).parent / "minors"
"""The text of each minor as it was released; of 1.0, until its release, as it was when this guard was made."""
ROOT = Path(__file__).parents[2]


def test_the_contract_is_the_golden_file() -> None:
    """``OPERATOR_TOOL_REQUIRE_NEW_CONTRACT=1`` writes it anew; the changelog's *Plugin contract* says why."""
    text = contract_text()
    if os.environ.get("OPERATOR_TOOL_REQUIRE_NEW_CONTRACT") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_every_exported_name_is_there_sorted_and_documented() -> None:
    """``__all__`` is the list of what a plugin may use; each class and function of ours has a docstring."""
    assert sorted(api.__all__) == sorted(set(api.__all__))
    for name in api.__all__:
        value = getattr(api, name)
        if getattr(value, "__module__", "").startswith("operator_tool"):
            assert (value.__doc__ or "").strip(), f"{name} has no docstring"


def test_every_hook_is_documented() -> None:
    """Each hook has a docstring, and stands in the rendered reference."""
    page = (ROOT / "docs" / "reference" / "contract.md").read_text(encoding="utf-8")
    for name in hook_names():
        assert (getattr(hookspecs, name).__doc__ or "").strip()
        assert f"### `{name}`" in page


def test_every_hook_is_tested() -> None:
    """Each hook has a test of its own name that goes through the real door."""
    tests = (Path(__file__).parent / "test_hooks_through_the_door.py").read_text(encoding="utf-8")
    for name in hook_names():
        assert f"def test_hook_{name}(" in tests


def test_a_change_of_the_contract_is_in_the_changelog_and_within_its_minor() -> None:
    """What was added, changed or removed since the last minor has a line under *Plugin contract* that names it; once a
    minor is released, the next one only adds."""
    minors = {file.stem: file.read_text() for file in MINORS.glob("*.txt")}
    objections = contract_objections(contract_text(), minors, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert not objections, "\n".join(objections)


def test_the_contracts_number_and_the_groups_major_are_one() -> None:
    """Discovery knows the major without the api, which would cost listing its import."""
    assert api.CONTRACT.partition(".")[0] == str(CONTRACT_MAJOR)
