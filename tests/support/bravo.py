"""The other company's provisioner, installed by pip into a folder of its own."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "distributions" / "bravo-provisioner"


@functools.cache
def installed_bravo() -> Path:
    """Return the folder to put on the path; installed once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="bravo-provisioner-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(PROJECT)], check=True, timeout=300)
    return folder
