"""The code of pages about whole plugins is the code of the distributions that are built and run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from operator_tool.plugin_host.entry import Role

ROOT = Path(__file__).parents[2]
PAGES = {"wrap-a-transport": "acme-rig", "push-events-elsewhere": "acme-events"}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of one language, in order."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    return [code for found, code in _BLOCK.findall(text) if found == language]


def module_of(distribution: str) -> str:
    """Return the source of a distribution of one module."""
    (module,) = (ROOT / "tests" / "distributions" / distribution / "src").glob("*/__init__.py")
    return module.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_the_whole_plugin_as_it_runs(page: str) -> None:
    """Each block but a test's stands in the module, and together they leave none of it out."""
    rest = module_of(PAGES[page])
    for block in blocks(page, "python"):
        if "(ListenerContract)" in block:
            assert block in (ROOT / "tests" / "contract" / "test_kit_listeners.py").read_text(encoding="utf-8")
            continue
        assert rest.count(block) == 1, f"{page} has what {PAGES[page]} has not:\n{block}"
        rest = rest.replace(block, "")
    assert not rest.strip(), f"{page} leaves out:\n{rest.strip()}"


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_the_entry_point_as_it_is_built(page: str) -> None:
    """The lines of pyproject.toml are those of the distribution."""
    name = PAGES[page]
    said = tomllib.loads((ROOT / "tests" / "distributions" / name / "pyproject.toml").read_text(encoding="utf-8"))
    shown, configured = map(tomllib.loads, blocks(page, "toml"))
    assert shown["project"]["entry-points"] == said["project"]["entry-points"]
    assert set(shown["project"]["entry-points"]) == {f"operator_tool.v1.{Role.LISTENER}"}
    assert name in configured["operator-tool"]["listeners"]
    assert name in configured


def test_each_is_small() -> None:
    """A rig or a listener takes no more than 80 lines of code: what is hard about it is the api's."""
    for name in PAGES.values():
        assert sum(1 for line in module_of(name).splitlines() if line.strip()) <= 80
