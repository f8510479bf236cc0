"""Which phases a run is in, as its events tell: the script speaks of them, and no session does."""

from __future__ import annotations

import threading

from operator_tool.api import Event, PhaseFinished, PhaseStarted, RunStarted

from .script import Phase

_BUILD = "build-cache"
_PHASES = {str(phase): phase for phase in Phase}


class Hearing:
    """What one run's events said so far, for each of its companions. Told by one thread, asked by any."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._lock = threading.Lock()
        self._phases: dict[str, set[Phase]] = {}
        self._building: set[str] = set()

    def hear(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            active = self._phases.setdefault(event.companion, set())
            match event:
                case RunStarted(command=command):
                    active.clear()
                    self._building.discard(event.companion)
                    if command == _BUILD:
                        self._building.add(event.companion)
                case PhaseStarted(phase=phase) if phase in _PHASES:
                    active.add(_PHASES[phase])
                case PhaseFinished(phase=phase) if phase in _PHASES:
                    active.discard(_PHASES[phase])

    def phases(self, companion: str) -> frozenset[Phase]:
        """Return the phases that are under way; who only asks a companion is in the phase ``companion``.

        The events of a run for one companion don't name it.
        """
        with self._lock:
            shared = self._phases.get("", set())
            return frozenset(shared | self._phases.get(companion, set())) or frozenset({Phase.COMPANION})

    def is_build(self, companion: str) -> bool:
        """Tell whether a cache is being built there; other commands have no number in a script."""
        with self._lock:
            return bool(self._building & {"", companion})


class Runs:
    """The run at hand: a process has one after the other."""

    def __init__(self) -> None:
        self._current = Hearing("")

    def of(self, run_id: str) -> Hearing:
        """Return what is heard of this run; an earlier one is over with it."""
        if self._current.run_id != run_id:
            self._current = Hearing(run_id)
        return self._current

    def hear(self, event: Event) -> None:
        """Take in an event of the run at hand."""
        self._current.hear(event)
