"""Real distributions of strangers, built as wheels and installed into a folder of the path, once for all tests."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

DISTRIBUTIONS = Path(__file__).parents[1] / "distributions"
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


def installed(tmp_path_factory: pytest.TempPathFactory, *names: str) -> Path:
    """Return a folder with these distributions of ``tests/distributions`` installed, and nothing else.

    The folder is shared by all processes of the session, and made by the first that needs it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / f"installed-{_digest(names)}"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _install(folder, names)
    return folder


def path_with(folder: Path) -> dict[str, str]:
    """Return the environment's addition that makes a command find what is installed there."""
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])])}


def _install(folder: Path, names: Sequence[str]) -> None:
    wheels = folder.with_suffix(".wheels")
    sources = [str(DISTRIBUTIONS / name) for name in names]
    build = [*_PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(wheels), *sources]
    subprocess.run(build, check=True, timeout=300)
    new = folder.with_suffix(".new")
    found = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    install = [*_PIP, "install", "--no-deps", "--no-index", "--no-compile", "--target", str(new), *found]
    subprocess.run(install, check=True, timeout=300)
    new.rename(folder)


def _digest(names: Sequence[str]) -> str:
    content = hashlib.sha256(sys.version.encode())
    for name in names:
        for path in sorted((DISTRIBUTIONS / name).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:16]
