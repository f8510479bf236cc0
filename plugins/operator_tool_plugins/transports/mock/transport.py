"""The way to the simulated companion: one run of the script, over all of the run's sessions.

``script`` says what may go wrong, ``hearing`` in which phase the run is, ``faults`` what strikes when; ``link`` and
``program`` let through what gets through, when ``pace`` says; ``folder`` and ``machine`` are the companion as this side
knows it, ``onboard`` as its own programs find it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from operator_tool.api import (
    CompanionError,
    CompanionIdentity,
    CompanionSession,
    LinkError,
    Notice,
    Program,
    ProgramSession,
    RunContext,
    escape_controls,
    start_process,
)

from .faults import Faults, Struck
from .folder import CompanionFolder
from .hearing import Hearing
from .link import Link
from .machine import SimulatedMachine
from .pace import Pace
from .program import LinkedProgram
from .python import as_onboard
from .script import Refusal, Refuse, Script
from .settings import MockSettings

_DIR = "companion"


class MockTransport:
    """Reaches a companion that is a folder of this machine, behind a scripted link."""

    def __init__(self, settings: MockSettings, script: Script, hearing: Hearing, context: RunContext) -> None:
        self._settings = settings
        self._script = script
        self._hearing = hearing
        self._context = context
        path = settings.companion_dir or context.state_dir / (
            f"{_DIR}-{context.companion}" if context.companion else _DIR
        )
        self._folder = CompanionFolder(path.expanduser().absolute())
        self._sessions = itertools.count(1)
        self._run: _Run | None = None

    @property
    def address(self) -> str:
        """The folder, which is all that there is."""
        return f"mock:{self._folder.path}"

    @property
    def simulation(self) -> str:
        """What stands in for the companion."""
        script = self._settings.script
        return (
            f"programs of this machine behind {'a link without faults' if script is None else f'the link of {script}'}"
        )

    def connect(self) -> CompanionSession:
        """Open a session, where the script lets one be opened."""
        run = self._run = self._run or self._begin()
        self._travel_there_and_back()
        run.machine.befall(run.faults)
        run.machine.check_up(self.address)
        if (refused := run.faults.refusal()) is not None:
            raise _refusal(refused, self.address)
        link = Link(run.faults, run.machine, self._settings.seed)
        return MockSession(self._folder, self._script, link, self._seed(), self.address, self._context)

    def _travel_there_and_back(self) -> None:
        latency_s = self._script.link.latency_s
        wait_s = self._context.deadline.remaining_s(2 * latency_s)
        given_up = self._context.cancelled.wait(wait_s)
        if wait_s < 2 * latency_s and not given_up:
            raise CompanionError(
                f"the companion at {self.address} can't be reached: no answer before the run's deadline (the script's"
                f" link.latency_s is {latency_s:g})",
                hint="Give the run more time, or the link a smaller latency_s.",
                retryable=True,
            )

    def _begin(self) -> _Run:
        """Begin the script: the folder is made, and the build counted, where this is one."""
        self._folder.make(self._settings.seed)
        name = self._context.companion
        build = self._folder.next_build() if self._hearing.is_build(name) else None
        faults = Faults(self._script.fault, build=build, phases=lambda: self._hearing.phases(name))
        if build is not None:
            self._context.emit(
                Notice(text=f"build {build} of this simulated companion; faults scripted: {len(faults)}")
            )
        return _Run(faults, SimulatedMachine(self._folder, self._script.machine))

    def _seed(self) -> str:
        return f"{self._settings.seed} session {next(self._sessions)}"


class _Run:
    """What one run of the script has come to."""

    def __init__(self, faults: Faults, machine: SimulatedMachine) -> None:
        self.faults = faults
        self.machine = machine


class MockSession(ProgramSession):
    """A session whose programs are started here, in the companion's home folder, and heard over the link."""

    def __init__(
        self, folder: CompanionFolder, script: Script, link: Link, seed: str, address: str, context: RunContext
    ) -> None:
        identity = CompanionIdentity(address=address)
        super().__init__(identity, context, start=self._start_linked, close_link=link.close)
        self._folder = folder
        self._script = script
        self._link = link
        self._seed = seed
        self._cancelled = context.cancelled
        self._programs = itertools.count(1)

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file, whole or not at all, of the companion's own."""
        self._check_inside(path, "written")
        super().put(data, path, mode=mode)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a regular file of the companion's own."""
        self._check_inside(path, "read")
        return super().get(path, max_bytes=max_bytes)

    def _check_inside(self, path: str, done: str) -> None:
        if not self._folder.holds(path):
            raise LinkError(
                f"{escape_controls(path)} could not be {done}: it is outside of the simulated companion's home"
                f" {self._folder.home}",
                hint="Give it a relative path.",
                retryable=False,
            )

    def _start_linked(self, argv: Sequence[str], _stalled_s: float) -> Program:
        self._link.check()
        number = next(self._programs)
        link = self._script.link
        up = Pace(link, link.up_bytes_per_s, f"{self._seed} program {number} up")
        down = Pace(link, link.down_bytes_per_s, f"{self._seed} program {number} down")
        program = LinkedProgram(self._start_here(argv), self._link, self._cancelled, up=up, down=down)
        self._link.add(program)
        return program

    def _start_here(self, argv: Sequence[str]) -> Program:
        environment = {"HOME": str(self._folder.home), "TMPDIR": str(self._folder.temporary)}
        home: Path = self._folder.home
        return start_process(as_onboard(argv, self._folder.path), environment=environment, folder=home)


def _refusal(struck: Struck, address: str) -> CompanionError:
    """Return the error that a transport over SSH would have, marked as the script's."""
    assert isinstance(struck.fault, Refuse)
    match struck.fault.how:
        case Refusal.UNREACHABLE:
            return CompanionError(
                f"the companion at {address} can't be reached: connection refused ({struck.label})", retryable=True
            )
        case Refusal.HOST_KEY:
            return CompanionError(
                f"HOST KEY CHANGED: {address} shows another key than the one that is pinned ({struck.label})",
                hint="Find out why it changed. In earnest: enrol the companion anew once that is known.",
            )
        case Refusal.AUTHENTICATION:
            return CompanionError(
                f"{address} refused the login ({struck.label})",
                hint="In earnest: add the public key to ~/.ssh/authorized_keys of that account on the companion.",
            )
