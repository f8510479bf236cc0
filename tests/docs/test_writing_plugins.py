"""The pages for authors of plugins: each code block is of the project that the page's own command writes."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from pathlib import Path

import pytest

from operator_tool.cli.plugins_new import ROLES
from operator_tool.scaffold import NewProject
from operator_tool.testing import __all__ as contracts

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
SECTIONS = ["What the role promises", "Threads", "Settings and secrets", "How it is tested", "How it is published"]


def page_of(role: str) -> str:
    """Return the page of a role."""
    return (HOW_TO / f"write-a-{role}.md").read_text(encoding="utf-8")


def blocks_of(text: str) -> list[tuple[str, str]]:
    """Return the code blocks of a page with their languages."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_a_page_that_begins_with_its_project(role: str) -> None:
    """With the command that writes it, and all that an author must know."""
    text = page_of(role)
    (_, first), *_ = blocks_of(text)
    assert re.fullmatch(
        rf"operator-tool plugins new {role} (acme-\w+)\ncd operator-tool-\1\n"
        r"python -m pip install -e \. pytest\npython -m pytest\n",
        first,
    )
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert set(re.findall(r"`(\w+Contract)`", text)) <= set(contracts)


@pytest.mark.parametrize("role", ROLES)
def test_each_block_of_code_is_of_that_project(role: str) -> None:
    """Word for word: what a page shows is what works."""
    (_, first), *others = blocks_of(page_of(role))
    name = first.split()[4]
    project = NewProject(role=role.replace("-", "_"), name=name, description="", tool_version="1.0", contract="1.0")
    plugin = project.files()[f"src/{project.module}/__init__.py"]
    shown = [code for kind, code in others if kind in ("python", "sh")]
    assert len(shown) >= 2
    for code in shown:
        assert code in plugin, f"this is not in what plugins new writes:\n{code}"
    for kind, code in others:
        if kind == "python":
            ast.parse(textwrap.dedent(code))
        elif kind == "toml":
            tomllib.loads(code)
