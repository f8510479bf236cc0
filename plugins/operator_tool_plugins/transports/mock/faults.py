"""When which fault of the script strikes, in one run: by the phase and by the bytes that moved, never by a clock."""

from __future__ import annotations

import enum
import random
import threading
from collections.abc import Callable
from typing import NamedTuple

from .script import AnyFault, Fault, Garbage, MachineFault, Phase, Refuse


class Direction(enum.StrEnum):
    """Which way bytes move."""

    UP = "up"
    """To the companion."""
    DOWN = "down"


class Struck(NamedTuple):
    """A fault that strikes now."""

    number: int
    """Its place in the script, from 1."""
    fault: AnyFault
    stroke: int
    """Which of its strokes in this run it is, from 1."""

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"fault {self.number} of the script, {self.fault.__struct_config__.tag}"

    def garbage(self, seed: int) -> bytes:
        """Return the bytes that this stroke brings: the same for the same seed."""
        assert isinstance(self.fault, Garbage)
        return random.Random(f"{seed} garbage {self.number} {self.stroke}").randbytes(self.fault.bytes)  # noqa: S311


class Faults:
    """The faults that one run may meet. Asked from any thread."""

    def __init__(
        self, script: tuple[AnyFault, ...], *, build: int | None, phases: Callable[[], frozenset[Phase]]
    ) -> None:
        """``build`` is the number of this build, None for a command that builds nothing."""
        self._phases = phases
        self._lock = threading.Lock()
        self._armed = [
            _Armed(number, fault) for number, fault in enumerate(script, 1) if fault.run is None or fault.run == build
        ]

    def __len__(self) -> int:
        return len(self._armed)

    def refusal(self) -> Struck | None:
        """Return what keeps a session from being opened now, if anything does."""
        with self._lock:
            phases = self._phases()
            found = (one for one in self._armed if isinstance(one.fault, Refuse) and one.is_in(phases))
            return next((one.strike() for one in found), None)

    def of_machine(self) -> list[Struck]:
        """Return what befalls the machine now, no byte having moved."""
        with self._lock:
            phases = self._phases()
            return [
                one.strike()
                for one in self._armed
                if isinstance(one.fault, MachineFault) and one.is_in(phases) and one.is_due_at_once
            ]

    def before_moving(self, direction: Direction, wanted: int) -> tuple[int, Struck | None]:
        """Return how many of the ``wanted`` bytes may move before anything strikes; or none, and what strikes now."""
        with self._lock:
            active = self._active()
            for one in active:
                if one.room(direction) == 0:
                    return 0, one.strike()
            return min([wanted, *(room for one in active if (room := one.room(direction)) is not None)]), None

    def moved(self, direction: Direction, size: int) -> None:
        """Count bytes that have moved."""
        with self._lock:
            for one in self._active():
                one.moved[direction] += size

    def _active(self) -> list[_Armed]:
        phases = self._phases()
        return [one for one in self._armed if not isinstance(one.fault, Refuse) and one.is_in(phases)]


class _Armed:
    """One fault, how often it may still strike, and what has moved since it could."""

    def __init__(self, number: int, fault: AnyFault) -> None:
        self.fault = fault
        self.moved = dict.fromkeys(Direction, 0)
        self._number = number
        self._strokes = 0
        self._times = 1 if isinstance(fault, MachineFault) else fault.times
        self._after = _after(fault)

    @property
    def is_due_at_once(self) -> bool:
        """No byte must move before it."""
        return not self._after

    def is_in(self, phases: frozenset[Phase]) -> bool:
        """Tell whether it may strike in these phases, at all."""
        return self._strokes != self._times and (self.fault.phase is None or self.fault.phase in phases)

    def room(self, direction: Direction) -> int | None:
        """Return how many bytes may still move before it strikes, None where those don't bring it about."""
        if not self._after:
            return 0
        after = self._after.get(direction)
        return None if after is None else max(0, after - self.moved[direction])

    def strike(self) -> Struck:
        """Note that it struck, and count anew."""
        self._strokes += 1
        self.moved = dict.fromkeys(Direction, 0)
        return Struck(self._number, self.fault, self._strokes)


def _after(fault: Fault) -> dict[Direction, int]:
    """Return the bytes that must have moved, by direction; empty where the phase alone decides."""
    given: dict[Direction, int | None] = {
        Direction.UP: getattr(fault, "after_sent_bytes", None),
        Direction.DOWN: getattr(fault, "after_received_bytes", None),
    }
    return {direction: size for direction, size in given.items() if size}
