"""What a failpoint is tried in: a workstation and a companion that were brought so far, and one more command."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.c10_rig import agent_file, ask, order_of, tiles_in
from tests.support.command import Ended, Workstation
from tests.support.real_parts import fingerprint, make_key

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

    def __init__(self, stage: Stage, script: Script) -> None:
        self._stage, self._script = stage, script
        self.name = script.name
        self.installs = script.command not in (Stage.roll_back, Stage.rotate)
        """Whether the command puts the agent there by itself."""
        self._before = Workstation(stage.folder / f"before-{script.name}")
        self._before.folder.mkdir()
        for arguments in script.before(stage, self._before):
            _succeed(self._before, arguments)
        self.old = self.look(self._before)
        undisturbed = self.copy(stage.folder / f"undisturbed-{script.name}")
        _succeed(undisturbed, self.command(undisturbed))
        self.new = self.look(undisturbed)
        assert self.new != self.old

    def command(self, workstation: Workstation) -> list[str]:
        """Return the arguments of the command."""
        return self._script.command(self._stage, workstation)

    def look(self, workstation: Workstation) -> object:
        """Return what the command changes."""
        return self._script.look(workstation)

    def may_be(self, seen: object) -> bool:
        """Tell whether a command that was cut short may leave this."""
        return seen in (self.old, self.new, *self._script.between(self.old, self.new))

    def says_that_nothing_is_to_do(self, ended: Ended) -> bool:
        """Tell whether a rollback was refused because it was made already; a build says that without failing."""
        return self.name == "rollback" and "is current already" in ended.all

    def copy(self, folder: Path) -> Workstation:
        """Return a workstation and a companion that were brought so far, in a folder of their own."""
        shutil.copytree(self._before.folder, folder, symlinks=True)
        workstation = Workstation(folder)
        if self._script.known_sound:
            # A copy has other inodes, and with them nobody's trust.
            assert ask(self._stage.agent, "verify", workstation.cache_root, order_of(1))["ok"]
        return workstation


class Stage:
    """Makes the scenes, each when it is first asked for, below one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.flight = folder / "flight.json"
        self.flight.write_text(json.dumps(_FLIGHT))
        self.agent = agent_file(folder)
        self._scenes: dict[str, Scene] = {}
        self._making = threading.Lock()

    def scene(self, place: str) -> Scene:
        """Return the scene in which the failpoints of a place are reached."""
        script = _SCRIPTS.get(place, _SCRIPTS["build"])
        with self._making:
            if script.name not in self._scenes:
                self._scenes[script.name] = Scene(self, script)
            return self._scenes[script.name]

    def build(self, workstation: Workstation, zoom: str, *more: str) -> list[str]:
        """Return the arguments of a build."""
        return workstation.build_arguments(self.flight, "--corridor", "100", "--json", "--zoom", zoom, *more)

    def new_build(self, workstation: Workstation) -> list[str]:
        """Return the arguments of the build that is to fail."""
        return self.build(workstation, _NEW_ZOOM, "--report", str(workstation.folder / "report.json"))

    def built_wider(self, workstation: Workstation) -> list[list[str]]:
        """Return the command that builds a cache with all tiles of the new one, and some more."""
        return [[*self.build(workstation, _NEW_ZOOM), "--corridor", "200"]]

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

    def enrolled(self, workstation: Workstation) -> list[list[str]]:
        """Return the commands that bring a companion to take one signer's caches alone, and make it one."""
        for name in ("first", "second"):
            make_key(workstation.folder / name)
        first = ["-o", f"c10.signing_key={workstation.folder / 'first'}"]
        enrol = companion_command(
            workstation, "enrol-signer", "--fingerprint", fingerprint(_public(workstation, "first"))
        )
        install = companion_command(workstation, "install")
        return [install, [*enrol, *first], [*self.build(workstation, _OLD_ZOOM), *first]]

    def rotate(self, workstation: Workstation) -> list[str]:
        """Return the arguments of the command that puts the second key in the place of the first."""
        meant = ("--fingerprint", fingerprint(_public(workstation, "second")))
        signed = ("--signed-by", str(workstation.folder / "first"), "--replace")
        key = ("-o", f"c10.signing_key={workstation.folder / 'second'}")
        return companion_command(workstation, "enrol-signer", *meant, *signed, *key)


@dataclass(frozen=True, kw_only=True)
class Script:
    """How a scene is brought about."""

    name: str
    before: Callable[[Stage, Workstation], list[list[str]]]
    command: Callable[[Stage, Workstation], list[str]]
    look: Callable[[Workstation], object]
    between: Callable[[object, object], tuple[object, ...]] = lambda _old, _new: ()
    known_sound: bool = False
    """Whether the companion is to have read its cache since it started, so that it believes it."""


def _built(*zooms: str) -> Callable[[Stage, Workstation], list[list[str]]]:
    return lambda stage, workstation: [stage.build(workstation, zoom) for zoom in zooms]


def current_tiles(workstation: Workstation) -> object:
    """Return what ``current`` shows."""
    return tiles_in(workstation.cache_root / "current" / "tiles.mbtiles")


def signers(workstation: Workstation) -> object:
    """Return the keys that the companion takes."""
    lines = (workstation.cache_root / "allowed_signers").read_text().splitlines()
    revoked = workstation.cache_root / "revoked_signers"
    gone = set(revoked.read_text().splitlines()) if revoked.exists() else set()
    return frozenset(" ".join(line.split()[-2:]) for line in lines if line) - gone


def _both(old: object, new: object) -> tuple[object, ...]:
    assert isinstance(old, frozenset)
    assert isinstance(new, frozenset)
    return (old | new,)


_SCRIPTS = {
    "build": Script(name="build", before=_built(_OLD_ZOOM), command=Stage.new_build, look=current_tiles),
    "gc": Script(name="gc", before=_built(*_MORE_THAN_ARE_KEPT), command=Stage.new_build, look=current_tiles),
    "seed": Script(
        name="seed", before=Stage.built_wider, command=Stage.new_build, look=current_tiles, known_sound=True
    ),
    "artefacts": Script(
        name="artefacts", before=_built(_OLD_ZOOM), command=Stage.build_with_artefacts, look=current_tiles
    ),
    "rollback": Script(
        name="rollback", before=_built(_OLD_ZOOM, _NEW_ZOOM), command=Stage.roll_back, look=current_tiles
    ),
    "enrol": Script(name="enrol", before=Stage.enrolled, command=Stage.rotate, look=signers, between=_both),
}
"""By the first word of a failpoint's name; the scene of all others is a build over an older cache."""


def _public(workstation: Workstation, name: str) -> Path:
    return workstation.folder / f"{name}.pub"


def companion_command(workstation: Workstation, *words: str) -> list[str]:
    """Return the arguments of a command for the companion of this machine."""
    where = ["--transport", "local", "-o", f"c10.cache_root={workstation.cache_root}"]
    return ["companion", *words, *where, "--json"]


def _succeed(workstation: Workstation, arguments: list[str]) -> None:
    ended = workstation.run(*arguments)
    assert ended.code == 0, ended.all
