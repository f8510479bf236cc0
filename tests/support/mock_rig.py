"""A rig's engineer with a simulated companion: commands in this process, a script, and folders of their own."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from operator_tool.api import OperatorToolError
from operator_tool.cli import operator_tool
from tests.support.command import Ended

FLIGHT = Path(__file__).parents[2] / "docs/tutorial/first-flight.plan"
ZOOM = "15-16"
"""37 tiles, 0.4 MB of pictures."""


class MockRig:
    """One workstation and one simulated companion, with the script that is given."""

    def __init__(self, folder: Path, script: str = "") -> None:
        self.folder = folder
        self.companion = folder / "companion"
        folder.mkdir(exist_ok=True)
        self.script = folder / "rig.toml"
        self.script.write_text(script, encoding="utf-8")
        self.config = folder / "config.toml"

    @property
    def home(self) -> Path:
        """The companion's home folder."""
        return self.companion / "home"

    def run(self, *arguments: str) -> Ended:
        """Run a command for the simulated companion."""
        return self.run_plain(*arguments, *self.settings(*arguments), "--transport", "mock")

    def settings(self, *arguments: str) -> list[str]:
        """Return the options that name script, folder and cache root, where ``arguments`` name none."""
        given = ["-o", f"mock.script={self.script}", "-o", f"mock.companion_dir={self.companion}"]
        named = any(argument.startswith("c10.cache_root=") for argument in arguments)
        return given if named else [*given, "-o", "c10.cache_root=cache"]

    def run_plain(self, *arguments: str) -> Ended:
        """Run a command in this process, in the folders of this workstation."""
        env = {"HOME": str(self.folder), "OPERATOR_TOOL_DATA_DIR": str(self.folder / "data")}
        env["OPERATOR_TOOL_CONFIG"] = str(self.config) if self.config.exists() else ""
        result = CliRunner().invoke(operator_tool, list(arguments), env=env, standalone_mode=False)
        if isinstance(result.exception, OperatorToolError):
            return Ended(result.exception.exit_code, result.stdout, f"{result.stderr}error: {result.exception}")
        if result.exception is not None:
            raise result.exception
        return Ended(result.return_value, result.stdout, result.stderr)

    def build(self, *more: str, zoom: str = ZOOM) -> Ended:
        """Run ``build-cache``; what it printed on standard output is its report."""
        return self.run(*self.build_arguments(*more, zoom=zoom))

    def build_arguments(self, *more: str, zoom: str = ZOOM) -> list[str]:
        """Return the arguments of a build, without what names the companion."""
        flight = ["--flight-file", str(FLIGHT), "--provider", "synthetic", "--zoom", zoom]
        return ["build-cache", *flight, "--json", "--quiet", *more]

    def verify(self) -> Ended:
        """Have the companion read and hash all that it holds."""
        return self.run("companion", "verify", "--json")

    def check_rerun(self) -> None:
        """Run the same command again: it succeeds, and what it built is verified by the companion, byte by byte."""
        rerun = self.build()
        assert rerun.code == 0, rerun.all
        assert rerun.report["outcome"] == "success"
        assert rerun.report["bytes"]["sent"] + rerun.report["bytes"]["saved"] > 400_000
        self.check_sound()

    def check_sound(self) -> None:
        """Have the companion verify the one cache that it holds."""
        verified = self.verify()
        assert verified.code == 0, verified.all
        (generation,) = verified.report["companions"][0]["soundness"]["generations"]
        assert (generation["current"], generation["problems"]) == (True, [])


def fault(**keys: object) -> str:
    """Return the table of a fault of the first build."""
    lines = (f"{key} = {json.dumps(value)}" for key, value in keys.items())
    return "\n".join(["[[fault]]", "run = 1", *lines, ""])
