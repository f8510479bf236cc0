"""The page of what the conformance kit checks is the kit's own words, and the how-to names what is there."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

from operator_tool import testing

DOCS = Path(__file__).parents[2] / "docs"


def _rendered() -> str:
    spec = importlib.util.spec_from_file_location("render_conformance", DOCS / "reference" / "render_conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.conformance_page()
    assert isinstance(page, str)
    return page


def test_the_page_is_not_stale() -> None:
    """``nox -s docs`` renders it anew."""
    assert (DOCS / "reference" / "conformance.md").read_text(encoding="utf-8") == _rendered()


def test_every_check_and_fixture_says_what_it_is() -> None:
    """A row without a meaning helps nobody, and every check of every contract has its row."""
    page = _rendered()
    assert not re.findall(r"^\| `\w+` \|  \|$", page, re.MULTILINE)
    for name in testing.__all__:
        contract = getattr(testing, name)
        for check, _function in inspect.getmembers(contract, inspect.isfunction):
            assert not check.startswith("test_") or f"| `{check}` |" in page


def test_what_the_how_to_names_is_there() -> None:
    """Contracts, fixtures and attributes that the page speaks of exist."""
    page = (DOCS / "how-to" / "test-your-plugin.md").read_text(encoding="utf-8")
    members = {member for name in testing.__all__ for member in dir(getattr(testing, name))}
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert len(named) > 20
    assert named <= members | set(testing.__all__)
    assert set(testing.__all__) <= set(re.findall(r"`(\w+Contract)`", page))
