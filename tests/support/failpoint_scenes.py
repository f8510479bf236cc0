"""What a failpoint is tried in: a workstation and a companion that were brought so far, and one more command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.c10_rig import agent_file, tiles_in
from tests.support.command import Ended, Workstation

Tiles = dict[tuple[int, int, int], bytes]
_FLIGHT = {
    "id": "F-7",
    "name": "failpoints",
    "waypoints": [
        {"ordinal": 0, "lat": 47.05, "lon": 8.30, "alt_m": 100},
        {"ordinal": 1, "lat": 47.054, "lon": 8.308, "alt_m": 100},
    ],
}
_OLD_ZOOM, _NEW_ZOOM = "15", "16,17"
_MORE_THAN_ARE_KEPT = ("10", "11", "12", "13", "14", _OLD_ZOOM)


class Scene:
    """One command, and what the companion shows before and after it; brought about once, copied for each trial."""

    def __init__(self, stage: Stage, name: str, zooms: tuple[str, ...], command: Callable[[Workstation], list[str]]):
        self.command = command
        self.name = name
        self._before = Workstation(stage.folder / f"before-{name}")
        self._before.folder.mkdir()
        for zoom in zooms:
            _succeed(self._before, stage.build(self._before, zoom))
        self.old_tiles = current_tiles(self._before)
        undisturbed = self.copy(stage.folder / f"undisturbed-{name}")
        _succeed(undisturbed, command(undisturbed))
        self.new_tiles = current_tiles(undisturbed)
        assert self.new_tiles != self.old_tiles

    def says_that_nothing_is_to_do(self, ended: Ended) -> bool:
        """Tell whether a rollback was refused because it was made already; a build says that without failing."""
        return self.name == "rollback" and "is current already" in ended.all

    def copy(self, folder: Path) -> Workstation:
        """Return a workstation and a companion that were brought so far, in a folder of their own."""
        shutil.copytree(self._before.folder, folder, symlinks=True)
        return Workstation(folder)


class Stage:
    """Makes the scenes, each when it is first asked for, below one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.flight = folder / "flight.json"
        self.flight.write_text(json.dumps(_FLIGHT))
        self.agent = agent_file(folder)
        self._scenes: dict[str, Scene] = {}

    def scene(self, place: str) -> Scene:
        """Return the scene in which the failpoints of a place are reached."""
        name = place if place in _SCENES else "build"
        if name not in self._scenes:
            zooms, command = _SCENES[name]
            self._scenes[name] = Scene(self, name, zooms, lambda workstation: command(self, workstation))
        return self._scenes[name]

    def build(self, workstation: Workstation, zoom: str, *more: str) -> list[str]:
        """Return the arguments of a build."""
        return workstation.build_arguments(self.flight, "--corridor", "100", "--json", "--zoom", zoom, *more)

    def new_build(self, workstation: Workstation) -> list[str]:
        """Return the arguments of the build that is to fail."""
        return self.build(workstation, _NEW_ZOOM, "--report", str(workstation.folder / "report.json"))

    def build_with_artefacts(self, workstation: Workstation) -> list[str]:
        """Return the arguments of the build with two files beside its tiles."""
        lines = ["[c10.artefacts]"]
        for name in ("camera.yaml", "model.bin"):
            path = workstation.folder / name
            path.write_bytes(name.encode() * 1000)
            lines.append(f'"{name}" = "{path}"')
        workstation.config.write_text("\n".join(lines) + "\n")
        workstation.config.chmod(0o600)
        return [*self.new_build(workstation), "--config", str(workstation.config)]

    def roll_back(self, workstation: Workstation) -> list[str]:
        """Return the arguments of a rollback to the first cache."""
        return companion_command(workstation, "rollback", "--to", "1")


_SCENES: dict[str, tuple[tuple[str, ...], Callable[[Stage, Workstation], list[str]]]] = {
    "build": ((_OLD_ZOOM,), Stage.new_build),
    "gc": (_MORE_THAN_ARE_KEPT, Stage.new_build),
    "artefacts": ((_OLD_ZOOM,), Stage.build_with_artefacts),
    "rollback": ((_OLD_ZOOM, _NEW_ZOOM), Stage.roll_back),
}
"""By the first word of a failpoint's name; the scene of all others is a build over an older cache."""


def companion_command(workstation: Workstation, *words: str) -> list[str]:
    """Return the arguments of a command for the companion of this machine."""
    where = ["--transport", "local", "-o", f"c10.cache_root={workstation.cache_root}"]
    return ["companion", *words, *where, "--json"]


def current_tiles(workstation: Workstation) -> Tiles:
    """Return what ``current`` shows."""
    return tiles_in(workstation.cache_root / "current" / "tiles.mbtiles")


def _succeed(workstation: Workstation, arguments: list[str]) -> None:
    ended = workstation.run(*arguments)
    assert ended.code == 0, ended.all
