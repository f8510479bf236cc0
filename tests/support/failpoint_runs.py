"""Whole builds over a failpoint: the real command, a real companion on this machine, and what must hold afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operator_tool import failpoints
from operator_tool_plugins.provisioners.c10.agent import failpoints as agent_failpoints
from operator_tool_plugins.provisioners.c10.bundle import agent_bundle
from tests.support.c10_rig import ask, order_of
from tests.support.command import Ended, Workstation
from tests.support.failpoint_scenes import Scene, Stage, companion_command

WORKSTATION = "workstation"
COMPANION = "companion"
_SHORT_S, _LONG_S = 3.0, 30.0
"""The deadline of a run: short where only the deadline ends it, for a hang or a death at each attempt."""
_GRACE_S = {WORKSTATION: 2.0, COMPANION: 8.0}
"""What a run gets to end by itself: an agent is given 5 s to end."""
_UNWINDS_S = 12.0
"""What a run may take after its deadline, on a machine that does other things, too."""
_ORPHAN_S = 30.0
_HANGS_EVERY = 14


@dataclass(frozen=True)
class Fault:
    """One failpoint of one side, and what happens there: at each hit, or ``once`` in the whole run."""

    side: str
    name: str
    action: str
    once: bool = False

    def __str__(self) -> str:
        return f"{self.side}-{self.name}-{self.action}{'-once' if self.once else ''}"

    @property
    def kills_the_command(self) -> bool:
        """Whether the command itself can't say anything any more."""
        return self.side == WORKSTATION and self.action == "kill9"

    @property
    def place(self) -> str:
        """The first word of the failpoint's name: what the code that it lies in is about."""
        return self.name.partition(".")[0]

    @property
    def deadline_s(self) -> float:
        """What the run that it happens to is given."""
        lasts = self.action == "hang" or (self.action == "kill9" and self.side == COMPANION and not self.once)
        return _SHORT_S if lasts else _LONG_S


def all_faults() -> list[Fault]:
    """Return every failpoint of the registries with every action; the agent's death also as one that isn't repeated."""
    faults = [Fault(side, name, action) for side, name in registered() for action in failpoints.ACTIONS]
    return faults + [Fault(COMPANION, one.name, "kill9", once=True) for one in agent_failpoints.FAILPOINTS]


def registered() -> list[tuple[str, str]]:
    """Return each failpoint: its side and its name."""
    return [
        *((WORKSTATION, one.name) for one in failpoints.FAILPOINTS),
        *((COMPANION, one.name) for one in agent_failpoints.FAILPOINTS),
    ]


def armed_agent(fault: Fault, marker: Path) -> bytes:
    """Return the agent's zipapp with the one more file that arms it."""
    said = {"NAME": fault.name, "ACTION": fault.action, "MARKER": str(marker), "NTH": 1, "ONCE": fault.once}
    armed = "".join(f"{name} = {value!r}\n" for name, value in said.items())
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(agent_bundle().data)) as real, zipfile.ZipFile(buffer, "w") as test_build:
        for entry in real.infolist():
            test_build.writestr(entry, real.read(entry))
        test_build.writestr("c10_agent/armed.py", armed)
    return buffer.getvalue()


class Trial:
    """One command with one fault in it, and what is left."""

    def __init__(self, stage: Stage, workstation: Workstation, fault: Fault) -> None:
        self.stage = stage
        self.scene: Scene = stage.scene(fault.place)
        self.workstation = workstation
        self.fault = fault
        self.marker = workstation.folder / "hit"
        self.old = self.current()
        self.took_s = 0.0
        self.ends_within_s = fault.deadline_s + _UNWINDS_S

    def current(self) -> str:
        """Return where ``current`` leads."""
        return os.readlink(self.workstation.cache_root / "current")

    def run_armed(self, *more: str) -> Ended:
        """Run the command as a test build of the side that fails."""
        program = self._program()
        if not self.scene.installs:
            _is_there(self._run(program, companion_command(self.workstation, "install")))
        begun_s = time.monotonic()
        deadline = ("--deadline", str(self.fault.deadline_s))
        ended = self._run(program, [*self.scene.command(self.workstation), *deadline, *more])
        self.took_s = time.monotonic() - begun_s
        return ended

    def _run(self, program: str, arguments: list[str]) -> Ended:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=self.workstation.environment(),
            cwd=self.workstation.folder,
            capture_output=True,
            timeout=100,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "backslashreplace"))

    def run_again(self) -> Ended:
        """Run the same command as it is shipped."""
        if not self.scene.installs:
            _is_there(self.workstation.run(*companion_command(self.workstation, "install")))
        return self.workstation.run(*self.scene.command(self.workstation))

    def _program(self) -> str:
        if self.fault.side == WORKSTATION:
            arming = (
                "from operator_tool import failpoints\n"
                f"failpoints.arm({self.fault.name!r}, {self.fault.action!r}, {str(self.marker)!r})\n"
            )
        else:
            data = armed_agent(self.fault, self.marker)
            file = self.workstation.folder / "armed.pyz"
            file.write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            arming = (
                "from pathlib import Path\n"
                "from operator_tool_plugins.provisioners.c10 import bundle\n"
                f"data = Path({str(file)!r}).read_bytes()\n"
                f"armed = bundle.AgentBundle('c10-agent-{sha256[:12]}.pyz', data, {sha256!r})\n"
                "bundle.agent_bundle = lambda: armed\n"
            )
        patience = f"from operator_tool import overdue\noverdue.GRACE_S = {_GRACE_S[self.fault.side]}\n"
        return f"{arming}{patience}from operator_tool.cli import main\nmain()\n"

    def problems(self, ended: Ended) -> list[str]:
        """Return what does not hold after the armed run, in words; the shared defaults of the catalogue."""
        found = []
        if not self.marker.exists():
            found.append("the failpoint was never reached")
        if self.took_s > self.ends_within_s:
            found.append(f"it took {self.took_s:.1f} s to end")
        if "Traceback" in ended.err:
            found.append("there is a traceback on standard error")
        found += self.strange_locks()
        found += self._strange_cache(ended)
        if not self.fault.kills_the_command:
            return [*found, *self._strange_words(ended)]
        return found if ended.code == -signal.SIGKILL else [*found, f"it was killed, and ended with {ended.code}"]

    def _strange_cache(self, ended: Ended) -> Iterator[str]:
        new = self.current() != self.old
        seen = self.scene.look(self.workstation)
        if not self.scene.may_be(seen):
            yield "the companion shows neither what was there before nor what is to come"
        if self.scene.name != "enrol":
            # A cache whose signer was revoked is for the next build to mend.
            report = ask(self.stage.agent, "verify", self.workstation.cache_root, order_of(1), how="full")
            if not report.get("ok"):
                yield f"the companion's cache does not verify: {report.get('error')}"
        if ended.code == 0 and seen != self.scene.new:
            yield "it said that all is well, and it is not done"
        if ended.code != 0 and new and "still has its old cache" in ended.all:
            yield "it said that the drone has its old cache, and it has the new one"

    def _strange_words(self, ended: Ended) -> Iterator[str]:
        """Judge the exit code, and whether the one message says what to do next."""
        if ended.code not in codes_of(self.fault):
            yield f"exit code {ended.code} does not fit: {ended.all}"
        if ended.code == 0:
            return
        if ended.out.strip():
            report: dict[str, Any] = ended.report
            for part in report.get("companions", ()):
                report |= part
            if report["exit_code"] and not (report["message"] and report["remediation"]):
                yield f"the report does not say what to do next: {report}"
            if report["exit_code"] not in (0, ended.code):
                yield f"the report says {report['exit_code']}, the command {ended.code}"
            if report["exit_code"] == 0 and "error: " not in ended.err:
                yield "nothing says why it failed"
        elif "\nnext: " not in ended.err:
            yield f"nothing says what to do next: {ended.err}"

    def strange_locks(self) -> list[str]:
        """Return the locks that are held although nobody runs."""
        until_s = time.monotonic() + _ORPHAN_S
        locks = [self.workstation.cache_root / "lock", *(self.workstation.data / "locks").glob("*.lock")]
        while (held := [path for path in locks if is_held(path)]) and time.monotonic() < until_s:
            time.sleep(0.05)  # an agent that was cut off has its time to notice; the deadline above judges it
        return [f"{path} is still held" for path in held]


def codes_of(fault: Fault) -> frozenset[int]:
    """Return the exit codes that fit a fault; 0 fits only where the new cache is current, which is judged beside it.

    What nobody expects is 1. Who looks at the deadline first, where one phase waits for another, is a matter of luck.
    """
    place = fault.place
    if fault.side == COMPANION:
        return _OF_THE_COMPANION[place]
    if fault.action == "hang":
        return _OF_A_HANG[place]
    disk = next(one.disk for one in failpoints.FAILPOINTS if one.name == fault.name)
    return _OF_A_DISK[place] if disk and fault.action in ("enospc", "eio") else frozenset({1})


_OF_THE_COMPANION = {
    "receive": frozenset({0, 22}),
    "seed": frozenset({0, 22}),
    "artefacts": frozenset({0, 22}),
    "build": frozenset({0, 21, 23}),
    "publish": frozenset({0, 21, 23}),
    "gc": frozenset({0, 21}),
    "rollback": frozenset({0, 22, 23, 30}),
    "enrol": frozenset({0, 30}),
}
_OF_A_HANG = {
    "plan": frozenset({1, 90}),
    "lock": frozenset({1}),
    "companion": frozenset({30}),
    "download": frozenset({20, 22}),
    "store": frozenset({20, 22}),
    "transfer": frozenset({22}),
    "build": frozenset({21}),
    "audit": frozenset({1}),
    "report": frozenset({1}),
}
_OF_A_DISK = {"lock": frozenset({0}), "audit": frozenset({0}), "store": frozenset({20}), "report": frozenset({11})}


def one_each(chance: random.Random) -> list[Fault]:
    """Return each failpoint once, with the actions in turn; few of them hang, since that is waited for."""
    quick = [action for action in failpoints.ACTIONS if action != "hang"]
    chance.shuffle(quick)
    faults = []
    for place, (side, name) in enumerate(registered()):
        action = "hang" if place % _HANGS_EVERY == _HANGS_EVERY // 2 else quick[place % len(quick)]
        faults.append(Fault(side, name, action, once=action == "kill9" and side == COMPANION))
    return faults


@contextmanager
def trial_of(stage: Stage, fault: Fault) -> Iterator[Trial]:
    """Give a trial in a folder of its own, which is removed when it went well."""
    workstation = stage.scene(fault.place).copy(stage.folder / str(fault))
    yield Trial(stage, workstation, fault)
    shutil.rmtree(workstation.folder)


def is_held(path: Path) -> bool:
    """Tell whether a process holds a lock's file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_there(installed: Ended) -> None:
    # A companion that takes signed caches alone is not ready for this command, which signs none.
    assert installed.code in (0, 31), installed.all
