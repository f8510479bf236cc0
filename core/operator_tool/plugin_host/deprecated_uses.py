"""Which deprecated names a plugin's source uses, also where its import does not come by: in a function's body, or in an
annotation that nobody evaluates."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from operator_tool.api.contract import DEPRECATED_NAMES

from .entry import PluginEntry

_API = "operator_tool.api"
_MOST_FILES = 500
_MOST_BYTES = 1024 * 1024


def deprecated_uses(entry: PluginEntry) -> list[str]:
    """Return what stands in the source of an imported plugin's package; without source, nothing."""
    if not DEPRECATED_NAMES:
        return []
    return [told for file in _sources(entry) for told in _uses(file)]


def _sources(entry: PluginEntry) -> list[Path]:
    module = sys.modules.get(entry.module)
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return []
    if not hasattr(module, "__path__"):
        return [Path(file)]
    return sorted(Path(file).parent.rglob("*.py"))[:_MOST_FILES]


def _uses(file: Path) -> Iterator[str]:
    try:
        with file.open("rb") as source:
            tree = ast.parse(source.read(_MOST_BYTES))
    except (OSError, SyntaxError, ValueError):
        return
    bound = {"operator_tool.api"} | {name for node in ast.walk(tree) for name in _names_of_the_api(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _API and not node.level:
            used = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in bound:
            used = [node.attr]
        else:
            continue
        for name in used:
            if deprecated := DEPRECATED_NAMES.get(name):
                yield f"{deprecated.warning(name)} ({file.name}:{node.lineno})"


def _names_of_the_api(node: ast.AST) -> Iterator[str]:
    """Yield the names that one import binds to ``operator_tool.api``."""
    if isinstance(node, ast.ImportFrom) and node.module == "operator_tool" and not node.level:
        yield from (alias.asname or alias.name for alias in node.names if alias.name == "api")
    elif isinstance(node, ast.Import):
        yield from (alias.asname for alias in node.names if alias.name == _API and alias.asname)
