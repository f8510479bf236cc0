"""Distributions as an installer leaves them, written into a folder of the path."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path


def write_distribution(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    entry_points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
) -> None:
    """Write one distribution's metadata and modules; ``entry_points`` is ``{role or group: {name: target}}``."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, named in entry_points.items():
        full = group if group.startswith(("operator_tool.", "operator-tool.")) else f"operator_tool.v1.{group}"
        lines += [f"[{full}]", *(f"{key} = {target}" for key, target in named.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)


def install_from_source(project: Path, folder: Path) -> Path:
    """Install a distribution of ``tests/distributions`` into a folder of the path, and return that folder."""
    said = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    write_distribution(folder, said["name"], version=said["version"], entry_points=said["entry-points"])
    for package in (project / "src").iterdir():
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
