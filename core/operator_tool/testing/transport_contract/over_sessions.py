"""What the checks of a transport stand on: sessions that leave nothing behind, and a folder on the companion."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from operator_tool.api import (
    CompanionSession,
    CompanionTransport,
    EagerTransport,
    EnrollableTransport,
    LinkError,
    RunContext,
    RunLimits,
    SimulatedTransport,
)

from ..making import Make
from ..plugin_contract import FactoryContract
from .leftovers import Leftovers

PATIENT = RunLimits(silence_s=20.0, run_s=60.0)
"""For a program that is expected to answer soon."""
SHORT = RunLimits(silence_s=0.6, run_s=30.0, exit_s=0.4)
"""For a program that is expected to be given up."""
_PATIENCE_S = 60.0


class OverSessions(FactoryContract):
    """The fixtures that all checks of a transport share."""

    role: ClassVar[str] = "companion_transport"
    protocol: ClassVar[type] = CompanionTransport
    further_protocols: ClassVar[tuple[type, ...]] = (EagerTransport, EnrollableTransport, SimulatedTransport)
    scratch_dir: ClassVar[str] = "/tmp"  # noqa: S108 - each test makes a folder of its own in it, with a name of its own
    """A folder on the companion that tests may make folders in."""
    soon_s: ClassVar[float] = 5.0
    """How long what is to be over soon may take, on a link that is slow and a machine that is busy."""

    @pytest.fixture
    def transport(self, made: CompanionTransport) -> CompanionTransport:
        """The plugin's transport."""
        return made

    @pytest.fixture
    def session(self, transport: CompanionTransport) -> Iterator[CompanionSession]:
        """An open session, closed after a minute at the latest; after it no thread, file or process of ours is left."""
        before = Leftovers.now()
        with transport.connect() as opened:
            watchdog = threading.Timer(_PATIENCE_S, opened.close)
            watchdog.start()
            try:
                yield opened
            finally:
                watchdog.cancel()
                watchdog.join()
        assert not (left := Leftovers.beyond(before)), f"{self.plugin}: the session left behind: {left}"

    @pytest.fixture
    def companion_folder(self, session: CompanionSession, make: Make, context: RunContext) -> Iterator[str]:
        """A fresh folder on the companion, removed after the test."""
        folder = f"{self.scratch_dir}/operator-tool-kit-{secrets.token_hex(8)}"
        said(session, "mkdir", folder)
        yield folder
        try:
            said(session, "rm", "-rf", folder)
        except LinkError:  # the test has ended this session
            other = RunContext(run_id=context.run_id, state_dir=context.state_dir, trust_dir=context.trust_dir)
            with make(None, other).connect() as anew:
                said(anew, "rm", "-rf", folder)

    @pytest.fixture
    def exercise(self) -> Callable[[Any], None]:
        """Connect, run a program, ask for a file that isn't there."""

        def run(transport: CompanionTransport) -> None:
            with transport.connect() as session:
                said(session, "echo", "here")
                session.get(f"{self.scratch_dir}/operator-tool-kit-is-not-there")

        return run


def said(session: CompanionSession, *argv: str) -> bytes:
    """Run a program to its end and return what it said; fail the test where it failed."""
    with session.run(argv, limits=PATIENT) as run:
        output = b"\n".join(run)
        assert run.exit_status == 0, f"{argv}: exit {run.exit_status}, {run.stderr_tail}"
    return output


def is_running(session: CompanionSession, process: int) -> bool:
    """Tell whether a process is there on the companion."""
    with session.run(["sh", "-c", 'kill -0 "$1" 2>/dev/null', "sh", str(process)], limits=PATIENT) as run:
        list(run)
        return run.exit_status == 0


def is_gone(session: CompanionSession, process: int, within_s: float) -> bool:
    """Tell whether a process of the companion ends within that time."""
    until_s = time.monotonic() + within_s
    while is_running(session, process):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True
