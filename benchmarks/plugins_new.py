"""How long it takes from ``plugins new`` to a passing conformance run, in an environment with operator-tool alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROLES = ("flight-source", "tile-provider", "companion-transport", "provisioner", "listener")
PROJECT = Path(__file__).parents[1]


def measure(role: str) -> tuple[float, float, float, str]:
    """Return the wall time of each of the three commands in seconds, and what pytest's last line says."""
    with tempfile.TemporaryDirectory(prefix="plugins-new-") as folder:
        venv.create(Path(folder) / "venv", with_pip=True)
        programs = Path(folder) / "venv" / "bin"
        _run(folder, programs / "python", "-m", "pip", "install", "-q", str(PROJECT))
        name = f"acme-{role}"
        project = f"{folder}/operator-tool-{name}"
        new_s, _ = _run(folder, programs / "operator-tool", "plugins", "new", role, name)
        install_s, _ = _run(project, programs / "python", "-m", "pip", "install", "-q", "-e", ".", "pytest")
        test_s, said = _run(project, programs / "python", "-m", "pytest", "-q")
        return new_s, install_s, test_s, said.strip().rpartition("\n")[2]


def section() -> str:
    """Return the section of the benchmarks' page."""
    rows = []
    for role in ROLES:
        new_s, install_s, test_s, last = measure(role)
        passed = last.partition(" in ")[0]
        rows.append(
            f"| {role} | {new_s:.1f} | {install_s:.1f} | {test_s:.1f} | {new_s + install_s + test_s:.1f} | {passed} |"
        )
    return (
        "## From `plugins new` to a passing conformance run\n\n"
        "Wall time in seconds, once, of `operator-tool plugins new`, `pip install -e . pytest` (with the download of\n"
        "what pip has not got already) and `pytest`, in an environment with operator-tool.\n\n"
        "| role | new | install | test | together | said |\n|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _run(folder: str, program: Path, *arguments: str) -> tuple[float, str]:
    begun_s = time.perf_counter()
    ended = subprocess.run([str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{program.name} {' '.join(arguments)}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return time.perf_counter() - begun_s, ended.stdout


if __name__ == "__main__":
    sys.stdout.write(section())
