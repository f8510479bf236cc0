"""One connection to the simulated companion: what gets through it, and how it ends."""

from __future__ import annotations

import threading
from typing import Protocol

from operator_tool.api import LinkError

from .faults import Direction, Faults, Struck
from .machine import SimulatedMachine
from .script import Drop, Garbage, MachineFault, Reboot, Silence


class Running(Protocol):
    """A program that was started over the link."""

    def lose(self, *, kill: bool) -> None:
        """Let it see the end of its input, or end it at once."""
        ...


class Link:
    """Shared by the programs of one session. Any thread."""

    def __init__(self, faults: Faults, machine: SimulatedMachine, seed: int) -> None:
        self._faults = faults
        self._machine = machine
        self._seed = seed
        self._lock = threading.Lock()
        self._programs: set[Running] = set()
        self._error: LinkError | None = None
        self.is_silent = False
        """Nothing gets through any more, and nobody says so."""

    def check(self) -> None:
        """Raise ``LinkError`` where the link is gone."""
        if self._error is not None:
            # Each who hears of it gets one of his own: a traceback grows where it is raised.
            raise LinkError(self._error.message, hint=self._error.hint, retryable=self._error.retryable)

    def add(self, program: Running) -> None:
        """Know a program, which a break of the link concerns."""
        with self._lock:
            self._programs.add(program)

    def forget(self, program: Running) -> None:
        """Know it no more."""
        with self._lock:
            self._programs.discard(program)

    def close(self) -> None:
        """End it from this side."""
        self._end(LinkError("the session with the companion is closed"), kill=False)

    def moving(self, direction: Direction, wanted: int) -> tuple[int, bytes]:
        """Return how many of ``wanted`` bytes get through now, and what comes instead, where something does.

        Raises ``LinkError`` when the link breaks here; 0 and nothing where it has gone silent.
        """
        while True:
            self.check()
            if self.is_silent:
                return 0, b""
            moving, struck = self._faults.before_moving(direction, wanted)
            if struck is None:
                return moving, b""
            if garbage := self._strike(struck):
                return 0, garbage

    def moved(self, direction: Direction, size: int) -> None:
        """Count bytes that got through."""
        self._faults.moved(direction, size)

    def _strike(self, struck: Struck) -> bytes:
        if isinstance(struck.fault, MachineFault):
            self._machine.change(struck)
        match struck.fault:
            case Garbage():
                return struck.garbage(self._seed)
            case Silence():
                self.is_silent = True
            case Drop():
                self._end(LinkError(f"the link to the companion broke ({struck.label})"), kill=False)
            case Reboot() as reboot:
                self._machine.reboot(reboot)
                self._end(LinkError(f"the link to the companion broke: it starts anew ({struck.label})"), kill=True)
        return b""

    def _end(self, error: LinkError, *, kill: bool) -> None:
        with self._lock:
            self._error = self._error or error
            programs, self._programs = self._programs, set()
        for program in programs:
            program.lose(kill=kill)
