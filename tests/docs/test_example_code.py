"""The code of pages about whole plugins is the code of the distributions that are built and run."""

from __future__ import annotations

import importlib.util
import re
import sys
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


def module_on(page: str) -> str:
    """Return what somebody has who takes each block of a page but a test's, from top to bottom."""
    return "\n\n".join(block for block in blocks(page, "python") if "(ListenerContract)" not in block)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_the_whole_plugin_as_it_runs(page: str) -> None:
    """Its blocks in their order are the module, and nothing of it is left out; a test's block is of the kit's test."""
    assert module_on(page) == module_of(PAGES[page])
    kit = (ROOT / "tests" / "contract" / "test_kit_listeners.py").read_text(encoding="utf-8")
    assert all(block in kit for block in blocks(page, "python") if "(ListenerContract)" in block)


@pytest.mark.parametrize("page", PAGES)
def test_what_stands_on_the_page_can_be_imported(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page no name is used before it is there."""
    path = tmp_path / "from_the_page.py"
    path.write_text(module_on(page), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    assert module.plugin_settings() is module.Settings


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
