"""Renders what the conformance kit checks, from its docstrings.

``python docs/reference/render_conformance.py`` writes the page beside this file; a test fails when it is stale.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from operator_tool import testing

_HEADER = (
    "<!-- Rendered from the code by docs/reference/render_conformance.py; edit the docstrings, render again. -->\n"
)
_INTRODUCTION = (
    "What `operator_tool.testing` looks at, contract by contract. A contract has all that the one it extends has. How "
    "to use it stands in [test your plugin](../how-to/test-your-plugin.md).\n"
)
_ORDER = (
    "PluginContract",
    "FactoryContract",
    "TileProviderContract",
    "WebTileProviderContract",
    "FlightSourceContract",
    "WebFlightSourceContract",
    "CompanionTransportContract",
    "LinkedTransportContract",
    "ProvisionerContract",
    "ListenerContract",
)


class _Row(NamedTuple):
    name: str
    meaning: str


def conformance_page() -> str:
    """Return the page."""
    assert sorted(_ORDER) == sorted(testing.__all__)
    parts = [_HEADER, "# What the conformance kit checks\n", _INTRODUCTION]
    parts += [_contract(name, getattr(testing, name)) for name in _ORDER]
    return re.sub(r"(?<!`)``(?!`)", "`", "\n".join(parts)).rstrip() + "\n"


def _contract(name: str, contract: type) -> str:
    others = [one for one in contract.__mro__[1:] if one.__name__ in testing.__all__]
    extends = f"Extends `{others[0].__name__}`.\n\n" if others else ""
    own = [one for one in contract.__mro__ if one is not object and not any(issubclass(other, one) for other in others)]
    own.reverse()
    parts = [f"## `{name}`\n\n{extends}{_text(contract)}\n"]
    for title, rows in (
        ("Attributes", [row for one in own for row in _attributes(one)]),
        ("Fixtures", [row for one in own for row in _fixtures(one)]),
        ("Checks", [row for one in own for row in _checks(one)]),
    ):
        if rows:
            lines = "\n".join(f"| `{row.name}` | {row.meaning} |" for row in rows)
            parts.append(f"### {title} of `{name}`\n\n| name | meaning |\n|---|---|\n{lines}\n")
    return "\n".join(parts)


def _checks(contract: type) -> Iterator[_Row]:
    for name, value in vars(contract).items():
        if name.startswith("test_"):
            yield _Row(name, _flat(_text(value)))


def _fixtures(contract: type) -> Iterator[_Row]:
    for name, value in vars(contract).items():
        # The first is what pytest 8.4 and later make of a fixture, the second what earlier ones mark it with.
        marked = type(value).__name__ == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction")
        if marked and not name.startswith("_"):
            yield _Row(name, _flat(_text(value)))


def _attributes(contract: type) -> Iterator[_Row]:
    """Yield the attributes that have a string below them in the class's source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(contract))).body[0]
    assert isinstance(body, ast.ClassDef)
    for before, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            name = before.target.id
            default = vars(contract).get(name)
            shown = f" `{default!r}` by default." if isinstance(default, int | float) else ""
            yield _Row(name, _flat(after.value.value) + shown)


def _text(thing: Any) -> str:
    return textwrap.dedent(inspect.getdoc(thing) or "").strip()


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    (Path(__file__).parent / "conformance.md").write_text(conformance_page(), encoding="utf-8")
