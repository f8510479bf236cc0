"""Writes the project of a new plugin."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from .roles import ROLES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_PLACEHOLDER = re.compile(r"\{\{([a-z_]+)\}\}")


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A plugin that is to be written. The name is checked by who asks for it."""

    role: str
    name: str
    description: str
    tool_version: str
    contract: str

    @property
    def distribution(self) -> str:
        """The name that the plugin is installed by; its prefix keeps module and distribution apart from anybody
        else's."""
        return f"operator-tool-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """The package that the plugin is imported by."""
        return f"operator_tool_{self.name.replace('-', '_')}"

    def files(self) -> dict[str, str]:
        """Return the text of each file by its path in the project."""
        templates = resources.files("operator_tool.scaffold").joinpath("templates")
        every_role, own = templates.joinpath("every_role"), templates.joinpath(self.role)
        sources = {
            ".github/workflows/ci.yml": every_role.joinpath("ci.yml"),
            ".gitignore": every_role.joinpath("gitignore"),
            "LICENSE": every_role.joinpath("LICENSE"),
            "README.md": every_role.joinpath("README.md"),
            "pyproject.toml": every_role.joinpath("metadata.toml"),
            f"src/{self.module}/__init__.py": own.joinpath("plugin.py"),
            "tests/test_conformance.py": own.joinpath("test_conformance.py"),
        }
        words = self._words(own)
        return {f"src/{self.module}/py.typed": ""} | {path: _filled(text, words) for path, text in sources.items()}

    def _words(self, own: Traversable) -> dict[str, str]:
        role = ROLES[self.role]
        words = {
            "contract": self.contract,
            "dependencies": ", ".join(
                json.dumps(one) for one in (f"operator-tool>={self.tool_version}", *role.dependencies)
            ),
            "description": self.description,
            "description_toml": json.dumps(self.description, ensure_ascii=False),
            "distribution": self.distribution,
            "module": self.module,
            "name": self.name,
            "name_in_environment": self.name.upper().replace("-", "_"),
            "role": self.role,
            "role_words": role.words,
        }
        return words | {"use": _filled(own.joinpath("use.md"), words).rstrip()}


def write_project(folder: Path, files: Mapping[str, str]) -> None:
    """Write these files into a new folder.

    It is there as a whole or not at all. Raises ``FileExistsError`` where something has its name, and ``OSError``.
    """
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, text in files.items():
            file = beside / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        beside.chmod(0o777 & ~_umask())
        _move(beside, folder)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(beside)
        raise


def _move(beside: Path, folder: Path) -> None:
    if os.path.lexists(folder):  # a rename would replace a folder that is empty
        raise FileExistsError(f"{folder} is there already")
    beside.rename(folder)


def _filled(template: Traversable, words: Mapping[str, str]) -> str:
    """Return a template's text with the words in it. Raises ``KeyError`` for a word that nobody gives."""
    return _PLACEHOLDER.sub(lambda found: words[found[1]], template.read_text(encoding="utf-8"))


def _umask() -> int:
    """Return what this process takes away from the mode of what it makes; there is no way to ask but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
