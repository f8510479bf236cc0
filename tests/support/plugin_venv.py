"""An environment as an operator has one: operator-tool's wheel in it, and plugins from their own wheels."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


class PluginVenv:
    """A fresh environment; what operator-tool itself needs is seen in the one that the tests run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "venv" / "bin"
        self._wheels = 0
        venv.create(folder / "venv", with_pip=False)
        (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
        # Behind its own: the wheel of operator-tool that is installed here hides the one of the tests' environment.
        shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (site / "zz-shared.pth").write_text("".join(f"{path}\n" for path in sorted(shared)))
        self.install(ROOT)

    def install(self, *projects: Path) -> None:
        """Build a wheel of each project, and install them."""
        self._wheels += 1
        wheels = self.folder / f"wheels-{self._wheels}"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        build = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), *map(str, projects)]
        subprocess.run(build, check=True, timeout=300)
        into = [*pip, "--python", str(self.programs / "python"), "install", "-q", "--no-deps"]
        subprocess.run([*into, *map(str, sorted(wheels.glob("*.whl")))], check=True, timeout=300)

    def tool(
        self, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run operator-tool with a home of its own."""
        own = {"HOME": str(cwd), **(environment or {})}
        return self._run([str(self.programs / "operator-tool"), *arguments], cwd, own)

    def python(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run Python."""
        return self._run([str(self.programs / "python"), *arguments], cwd, {})

    @staticmethod
    def _run(command: list[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        unwanted = ("OPERATOR_TOOL_", "COVERAGE", "PYTEST", "XDG_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        return subprocess.run(
            command, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, timeout=300
        )
