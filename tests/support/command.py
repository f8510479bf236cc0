"""The command as an operator runs it: a process of its own, with folders of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-c", "from operator_tool.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def all(self) -> str:
        """Everything that it printed."""
        return self.out + self.err


class Workstation:
    """One operator's folders: data, configuration, and a companion's cache root of this machine.

    ``through`` is a command that becomes the tool, in a namespace of its own perhaps.
    """

    def __init__(self, folder: Path, through: Sequence[str] = ()) -> None:
        self.folder = folder
        self.through = through
        self.data = folder / "data"
        self.cache_root = folder / "companion"
        self.config = folder / "config.toml"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of its commands."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPERATOR_TOOL_")}
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "xdg")}
        return kept | home | {"OPERATOR_TOOL_DATA_DIR": str(self.data)} | dict(more or {})

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 100.0) -> Ended:
        """Run the command to its end."""
        done = subprocess.run(
            [*self.through, *COMMAND, *arguments],
            env=self.environment(env),
            cwd=self.folder,
            capture_output=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8", "backslashreplace"))

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start the command; the caller ends it."""
        return subprocess.Popen(
            [*self.through, *COMMAND, *arguments],
            env=self.environment(env),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def build_arguments(self, flight_file: Path | str, *more: str, provider: str = "synthetic") -> list[str]:
        """Return the arguments of a whole build on this machine's companion."""
        return [
            "build-cache",
            "--flight-file",
            str(flight_file),
            "--provider",
            provider,
            "--transport",
            "local",
            "-o",
            f"c10.cache_root={self.cache_root}",
            *more,
        ]
