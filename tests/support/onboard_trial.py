"""A build on this machine's companion, of which a part is played: what an operator sees of it, and what is left."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.aftermath import Aftermath
from tests.support.c10_rig import agent_file, ask, order_of, tiles_in
from tests.support.command import Ended, Workstation
from tests.support.companion_trial import Running
from tests.support.pictures import real_jpeg
from tests.support.tile_server import Answer, Asked

KEY = "canary/0815+Käse&key=%7E"
"""The provider's: nobody but the provider is ever told it."""
_SECRETS = {"OPERATOR_TOOL_XYZ_API_KEY": KEY}
ENDS_S = 20.0
_FLIGHT = {
    "id": "F-8",
    "name": "onboard",
    "waypoints": [
        {"ordinal": 0, "lat": 47.05, "lon": 8.30, "alt_m": 100},
        {"ordinal": 1, "lat": 47.06, "lon": 8.32, "alt_m": 100},
    ],
}
_LOCAL = ("--transport", "local")
_OLD, _NEW = ("--zoom", "14"), ("--zoom", "16")
_MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


def tile_of(asked: Asked) -> Answer:
    """Answer with a picture that is this path's own."""
    return Answer(body=real_jpeg(asked.path.partition("?")[0]))


class Onboard:
    """A companion with an older cache, and an operator with the tiles of the next one; each trial copies both."""

    def __init__(self, folder: Path, template: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.flight = folder / "flight.json"
        self.flight.write_text(json.dumps(_FLIGHT))
        self.url = template + "?key={api_key}"
        self._before = Workstation(folder / "before")
        self._before.folder.mkdir()
        self.agent = agent_file(folder)
        self._succeed(self._before, *_OLD)
        undisturbed = Workstation(folder / "undisturbed")
        shutil.copytree(self._before.folder, undisturbed.folder, symlinks=True)
        self.peak_kib = self._succeed(undisturbed, *_NEW)
        self.tiles = tiles_in(undisturbed.cache_root / "current" / "tiles.mbtiles")
        self.bytes = sum(map(len, self.tiles.values()))
        shutil.rmtree(self._before.data)
        shutil.copytree(undisturbed.data, self._before.data)

    def command(self, workstation: Workstation, *more: str) -> list[str]:
        """Return the arguments of a build; each event is logged, and the report is written, too."""
        own = ["--report", str(workstation.folder / "report.json")]
        return ["build-cache", *own, *self.flight_arguments(workstation), *more]

    def flight_arguments(self, workstation: Workstation) -> list[str]:
        """Return what says which flight, which tiles and which cache root are meant."""
        workstation.config.write_text('[operator-tool]\nlisteners = ["progress", "jsonlog"]\n')
        workstation.config.chmod(0o600)
        own = ["--config", str(workstation.config), "-o", f"jsonlog.path={workstation.folder / 'events.jsonl'}"]
        own += ["-o", f"xyz.url={self.url}", "--corridor", "200", "-o", f"c10.cache_root={workstation.cache_root}"]
        return ["--flight-file", str(self.flight), "--provider", "xyz", *own]

    def trial(self, folder: Path, *way: str) -> OnboardTrial:
        """Return a trial in a folder of its own; ``way`` says how the companion is reached."""
        shutil.copytree(self._before.folder, folder, symlinks=True)
        return OnboardTrial(self, Workstation(folder), way or _LOCAL)

    def _succeed(self, workstation: Workstation, *more: str) -> int:
        peak = workstation.folder / "peak"
        measured = Workstation(workstation.folder, (sys.executable, "-c", _MEASURED, str(peak)))
        ended = measured.run(*self.command(workstation, *_LOCAL, "--json", *more), env=_SECRETS)
        assert ended.code == 0, ended.all
        return int(peak.read_text())


class OnboardTrial(Aftermath):
    """One operator's build, and what became of it."""

    def __init__(self, onboard: Onboard, workstation: Workstation, way: Sequence[str]) -> None:
        super().__init__(workstation, workstation.cache_root)
        self.onboard = onboard
        self._way = tuple(way)

    def run(self, *more: str, python: Path | None = None, as_json: bool = True, ends_s: float = ENDS_S) -> Ended:
        """Run the build to its end, which must come in time; ``python`` stands in the place of the companion's."""
        return self._run(self.workstation, *more, python=python, as_json=as_json, ends_s=ends_s)

    def start(self, *more: str) -> Running:
        """Start the build; it is killed with the block if it has not ended."""
        words = (*self._way, *_NEW, "--json", *more)
        return Running(self.workstation.start(*self.onboard.command(self.workstation, *words), env=_SECRETS))

    def ask_whether_ready(self, *more: str) -> Ended:
        """Run verify-ready to its end."""
        words = ["verify-ready", *self.onboard.flight_arguments(self.workstation), *self._way, *_NEW, *more]
        return self.workstation.run(*words, env=_SECRETS)

    def again(self) -> OnboardTrial:
        """Return a trial of the same operator, that what is current now is the older cache of."""
        return OnboardTrial(self.onboard, self.workstation, self._way)

    def run_measured(self, *more: str, python: Path, ends_s: float = ENDS_S) -> Ended:
        """Run the build to its end, which may not cost more memory than a good one and 64 MiB."""
        peak = self.workstation.folder / "peak"
        measured = Workstation(self.workstation.folder, (sys.executable, "-c", _MEASURED, str(peak)))
        ended = self._run(measured, *more, python=python, as_json=True, ends_s=ends_s)
        grown_kib = int(peak.read_text()) - self.onboard.peak_kib
        assert grown_kib < 64 * 1024, f"it took {grown_kib} KiB more than a good build"
        return ended

    def assert_fails(
        self,
        ended: Ended,
        code: int,
        phase: str,
        *says: str,
        retryable: bool,
        free_s: float = 5.0,
        armed: bool = False,
    ) -> dict[str, Any]:
        """Assert what holds for every failure, and that the older cache verifies; return the report.

        While the vehicle is armed nothing much is read there: then the agent says that, and no more.
        """
        report = self.assert_failed(ended, code, phase, *says, retryable=retryable, free_s=free_s)
        assert report["message"].isprintable()
        assert "Traceback" not in ended.all
        said = ask(self.onboard.agent, "verify", self.root, order_of(1), how="full")
        assert said["ok"] if not armed else said["error"]["code"] == "armed", said
        self.assert_secret(ended)
        return report

    def assert_done_again(self, *, sent_bytes: int = 0, outcome: str = "success") -> None:
        """Assert that the same command, now that the cause is gone, is done, and sends what was not kept alone."""
        ended = self.run()
        assert ended.code == 0, ended.all
        assert ended.report["outcome"] == outcome
        assert ended.report["bytes"]["sent"] == sent_bytes
        self.assert_built()

    def assert_built(self) -> None:
        """Assert that the new cache is current, every picture of it."""
        assert tiles_in(self.root / "current" / "tiles.mbtiles") == self.onboard.tiles
        assert self.is_free()
        self.assert_workstation_is_free()

    def assert_secret(self, ended: Ended) -> None:
        """Assert that the provider's key was printed nowhere, and was written nowhere."""
        texts = {path: path.read_bytes() for path in self.workstation.folder.rglob("*") if path.is_file()}
        texts[Path("printed")] = ended.all.encode("utf-8", "surrogateescape")
        assert [str(path) for path, text in texts.items() if KEY.encode() in text or b"canary" in text] == []

    def _run(self, workstation: Workstation, *more: str, python: Path | None, as_json: bool, ends_s: float) -> Ended:
        words = [*self._way, *_NEW, *(["--json"] if as_json else []), *more]
        if python is not None:
            words += ["-o", f"c10.python={python}"]
        began_s = time.monotonic()
        ended = workstation.run(*self.onboard.command(workstation, *words), env=_SECRETS)
        took_s = time.monotonic() - began_s
        assert took_s < ends_s, f"it took {took_s:.1f} s: {ended.all}"
        return ended


Play = Callable[[str, str], Path]
"""Makes a program that plays a verb by a script."""
