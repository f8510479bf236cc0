"""The rendered reference is the code's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def render() -> ModuleType:
    """The renderer, which is a script and no package."""
    spec = importlib.util.spec_from_file_location("render_reference", REFERENCE / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["contract.md", "settings.md", "report.schema.json"])
def test_a_rendered_page_is_not_stale(render: ModuleType, page: str) -> None:
    """``nox -s docs`` renders it anew."""
    assert set(render.PAGES) == {"contract.md", "settings.md", "report.schema.json"}
    assert (REFERENCE / page).read_text(encoding="utf-8") == render.PAGES[page]()


def test_every_setting_of_every_builtin_is_described(render: ModuleType) -> None:
    """A row without a meaning helps nobody."""
    rows = [line for line in render.settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    assert [row for row in rows if row.endswith("|  |")] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    """Each relative link of README and docs names a file that is there."""
    import re

    root = REFERENCE.parents[1]
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]
    assert len(links) > 5
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
