"""The Pythons of companions, where this machine has them: 3.8 and 3.10 are those of NVIDIA's JetPack 5 and 6."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = ("3.8", "3.10")
_PLACES = (
    ".pyenv/versions/{version}.*/bin/python{version}",
    ".local/share/uv/python/cpython-{version}.*/bin/python{version}",
)


def old_python(version: str) -> str:
    """Return a real Python of this version, or skip the test: pyenv or uv install one, and it is then found."""
    candidates = [shutil.which(f"python{version}")]
    for place in _PLACES:
        candidates += map(str, sorted(Path.home().glob(place.format(version=version))))
    for candidate in filter(None, candidates):
        said = subprocess.run(
            [candidate, "-c", "import sqlite3, sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        if said.stdout.decode().strip() == version:
            return candidate
    pytest.skip(f"there is no Python {version} on this machine: the agent was not run on it")
