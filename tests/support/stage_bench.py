"""A companion with stages of its own: programs, its own file, and builds of a few tiles, by the agent alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.c10_rig import (
    Agent,
    ask,
    final_line,
    manifest_of,
    order_of,
    receive_once,
    request_of,
    supply_of,
    whole_way,
)

TILES = 12


class StageBench:
    """One cache root, one order whose tiles were received, and what the agent says of building it."""

    def __init__(self, folder: Path, file: Path, *, root: Path | None = None) -> None:
        self.folder = folder
        self.file = file
        self.root = root or folder / "cache"
        self.order, self.supply = order_of(TILES), supply_of(TILES)
        self.events: list[dict[str, Any]] = []

    def program(self, name: str, body: str, *, head: str = "") -> str:
        """Write a program of Python and return its path."""
        path = self.folder / name
        path.write_text(f"#!{sys.executable} -ISB\nimport os, signal, sqlite3, sys, time\n{head}\n{body}\n")
        path.chmod(0o755)
        return str(path)

    def own_file(self, **fields: object) -> None:
        """Write the companion's own file."""
        self.root.mkdir(exist_ok=True)
        (self.root / "companion.json").write_text(json.dumps(fields))

    def stage(self, body: str, **bounds: object) -> None:
        """Make a program of that body the companion's only stage, ``it``."""
        self.own_file(stages={"it": {"command": [self.program("it", body)], **bounds}})

    def hello(self, **fields: object) -> dict[str, Any]:
        """Return what the agent greets with."""
        return ask(self.file, "hello", self.root, self.order, **fields)

    def receive(self) -> int:
        """Have the tiles received; return how many pictures were sent."""
        sent, report = receive_once(self.file, self.root, self.order, self.supply)
        assert report["ok"], report
        return sent

    def begin(self, **changes: object) -> tuple[Agent, str]:
        """Begin a build; return the agent and the order that it was given."""
        greeting = self.hello()
        assert not greeting["reasons"], greeting["reasons"]
        fields: dict[str, Any] = {name: greeting[name] for name in ("companion_id", "stages")}
        fields["seq"] = greeting["highest_seq"] + 1
        ordered = manifest_of(self.order, self.supply, **{**fields, **changes})
        return Agent(self.file, "build", request_of(self.root, self.order, manifest=ordered)), ordered

    def build(self, **changes: object) -> dict[str, Any]:
        """Have what was received built, and return the report; ``events`` are what was said before it."""
        self.events = []
        begun, ordered = self.begin(**changes)
        with begun as agent:
            for said in agent.lines():
                self.events.append(said)
                if said.get("event") == "made":
                    agent.say(final_line(ordered, said["files"]))
                if said.get("event") == "ready":
                    agent.say(b"commit\n")
        return self.events[-1]

    def older_cache(self) -> str:
        """Have another cache built before there is any stage; return its generation's name."""
        return str(
            whole_way(self.file, self.root, order_of(3, lat_deg=51.0), supply_of(3, first_seed=900))["generation"]
        )

    @property
    def current(self) -> str:
        """The name of the current generation."""
        return os.readlink(self.root / "current").removeprefix("generations/")

    def staged(self) -> Sequence[str]:
        """Return the names in the staging folder."""
        return sorted(path.name for path in (self.root / "staging" / self.order.content_key).iterdir())

    def lines(self) -> list[str]:
        """Return what the stages printed, as far as it was passed on."""
        return [said["line"] for said in self.events if said.get("event") == "stage" and "line" in said]
