"""A command for companions without a flight: each of them reached, worked on, and told."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from operator_tool import __version__
from operator_tool.api.context import RunContext
from operator_tool.api.deadline import Deadline
from operator_tool.api.errors import CompanionError, OperatorToolError, UsageError
from operator_tool.api.events import Notice
from operator_tool.api.roles import (
    CompanionSession,
    CompanionTransport,
    InstallableProvisioner,
    KeepingProvisioner,
    Provisioner,
)
from operator_tool.build_cache.fleet import run_all
from operator_tool.overdue import ended_after
from operator_tool.places import Places
from operator_tool.plugin_host.host import PluginHost
from operator_tool.redaction import REDACTOR
from operator_tool.unexpected import as_failure

from .assembly import open_tool
from .audited import audited
from .companion_choice import ChosenCompanion, chosen_companions, refuse_one_place_twice, short_settings
from .companion_outcome import CompanionOutcome, failed, show_failure, show_outcomes
from .options import CompanionOptions
from .outcome_lines import lines_of_outcomes
from .recording import listeners_of, recording_settings

_Answer = TypeVar("_Answer", bound=msgspec.Struct)


@dataclass(frozen=True)
class ReachedCompanion:
    """One companion that a command is for, and its transport; nothing is connected yet."""

    chosen: ChosenCompanion
    transport: CompanionTransport
    context: RunContext
    simulation: str
    """What stands in for the companion; empty where it is a real one."""

    @property
    def outcome(self) -> CompanionOutcome:
        """What is known of it before it is asked."""
        return CompanionOutcome(
            name=self.chosen.name,
            transport=self.chosen.transport,
            address=self.transport.address,
            simulated=self.simulation,
        )

    def opened(self) -> CompanionSession:
        """Return a session. Raises what connecting raises, and ``PluginError`` for what is none."""
        from operator_tool.build_cache.answers import opened

        return opened(self.transport)


@dataclass(frozen=True)
class AttendedCompanion(ReachedCompanion):
    """One companion, and what looks after its program."""

    provisioner: InstallableProvisioner

    def said(self, method: str, answer: object, kind: type[_Answer]) -> _Answer:
        """Return what the provisioner answered. Raises ``PluginError`` for what can't be meant."""
        from operator_tool.build_cache.answers import of_the_companion

        return of_the_companion(self.provisioner, method, answer, kind)


@dataclass(frozen=True)
class KeptCompanion(ReachedCompanion):
    """One companion, and what looks after the caches on it."""

    provisioner: KeepingProvisioner

    def said(self, method: str, answer: object, kind: type[_Answer]) -> _Answer:
        """Return what the provisioner answered. Raises ``PluginError`` for what can't be meant."""
        from operator_tool.build_cache.answers import of_the_companion

        return of_the_companion(self.provisioner, method, answer, kind)

    @contextmanager
    def held(self, locks_dir: Path, timeout_s: float) -> Iterator[CompanionSession]:
        """Open a session that no other command of this workstation can disturb. Raises ``BuildLockHeldError``."""
        from operator_tool.build_cache.lock import companion_lock, operator_name

        name = f"{self.transport.address} {self.provisioner.site}"
        run_id = self.context.run_id
        with (
            companion_lock(locks_dir, name, timeout_s=timeout_s, operator=operator_name(), run_id=run_id),
            self.opened() as session,
        ):
            yield session


_Companion = TypeVar("_Companion", bound=ReachedCompanion)


class CompanionRun:
    """One command's plugins, loaded as they are asked for."""

    def __init__(self, options: CompanionOptions) -> None:
        tool = open_tool(options, [*short_settings(options), *recording_settings(options)])
        self.places: Places = tool.places
        self._chosen = chosen_companions(options, tool.sources)
        self._sources = tool.sources
        self._listeners = listeners_of(options, tool.sources)
        self._quiet = options.quiet
        self._deadline = Deadline.after(options.deadline) if options.deadline else Deadline.never()
        self._cancelled = threading.Event()
        self.run_id = uuid.uuid4().hex[:16]
        self._host = PluginHost(tool.discovery, tool.sources, self._context)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have the listeners told while the block runs; afterwards the run is given up."""
        with ExitStack() as stack:
            stack.callback(self._host.stop_listeners)
            self._host.start_listeners(self._listeners)
            stack.callback(self._cancelled.set)
            yield

    def companions(self) -> tuple[ReachedCompanion, ...]:
        """Load and make each companion's transport."""
        made = tuple(
            ReachedCompanion(one, *one.make_transport(self._host, self._context, named=len(self._chosen) > 1))
            for one in self._chosen
        )
        self._settled()
        return made

    def attended_companions(self) -> tuple[AttendedCompanion, ...]:
        """Load and make each companion's transport and provisioner.

        Raises ``UsageError`` for a provisioner that has no program of its own there, and where two companions are one.
        """
        made = tuple(
            AttendedCompanion(one.chosen, one.transport, one.context, one.simulation, self._provisioner(one.chosen))
            for one in self.companions()
        )
        self._settled()
        refuse_one_place_twice({one.chosen.name: f"{one.transport.address} {one.provisioner.site}" for one in made})
        return made

    def kept_companions(self) -> tuple[KeptCompanion, ...]:
        """Load and make each companion's parts. Raises ``UsageError`` for a provisioner that keeps no caches."""
        made = tuple(
            KeptCompanion(one.chosen, one.transport, one.context, one.simulation, self._keeper(one.chosen))
            for one in self.companions()
        )
        self._settled()
        refuse_one_place_twice({one.chosen.name: f"{one.transport.address} {one.provisioner.site}" for one in made})
        return made

    def _made(self, one: ChosenCompanion) -> Provisioner:
        return self._host.provisioner(one.provisioner, one.sources, self._context_of(one, one.provisioner))

    def _keeper(self, one: ChosenCompanion) -> KeepingProvisioner:
        made = self._made(one)
        if not isinstance(made, KeepingProvisioner):
            raise UsageError(
                f"the provisioner {one.provisioner} keeps no caches that could be looked after",
                hint="Give --provisioner the name of one that does, such as c10.",
            )
        return made

    def _provisioner(self, one: ChosenCompanion) -> InstallableProvisioner:
        made = self._made(one)
        if not isinstance(made, InstallableProvisioner):
            raise UsageError(
                f"the provisioner {one.provisioner} has no program of its own on the companion",
                hint="Give --provisioner the name of one that has, such as c10.",
            )
        return made

    def _settled(self) -> None:
        while self._sources.notices:
            self._host.emit(Notice(text=self._sources.notices.pop(0)))
        for notice in self._host.take_notices():
            self._host.emit(Notice(text=notice))

    def _context_of(self, one: ChosenCompanion, plugin: str) -> RunContext:
        return one.context(self._context(plugin), named=len(self._chosen) > 1)

    def _context(self, plugin: str) -> RunContext:
        return RunContext(
            run_id=self.run_id,
            state_dir=self.places.plugin_state_dir(plugin),
            user_agent=f"operator-tool/{__version__}",
            quiet=self._quiet,
            cancelled=self._cancelled,
            deadline=self._deadline,
            emit=lambda event: self._host.emit(event),
            redact=REDACTOR.text,
            redacted_lines=REDACTOR.lines,
            trust_dir=self.places.trust_dir,
        )


def run_for_companions(options: CompanionOptions, work: Callable[[CompanionRun], Sequence[CompanionOutcome]]) -> int:
    """Do a command's work, print what came of it, and return the exit code.

    What fails before any companion is asked is raised, or is part of the one document that ``--json`` prints.
    """
    try:
        run = CompanionRun(options)
        with ended_after(options.deadline), run.running():
            outcomes = audited(run.places, run.run_id, lambda: work(run), lines_of_outcomes)
    except OperatorToolError as error:
        if not options.as_json:
            raise
        return show_failure(error)
    return show_outcomes(outcomes, as_json=options.as_json)


def for_each(
    companions: Sequence[_Companion], work: Callable[[_Companion], CompanionOutcome]
) -> tuple[CompanionOutcome, ...]:
    """Do the work on each companion, all at once where there are several; what fails on one stops no other.

    Whatever it is becomes that companion's outcome; where there is one alone, what is not recognised is raised.
    """
    if len(companions) == 1:
        return (_outcome_of(companions[0], work),)
    parts = [_Part(companion, work) for companion in companions]
    run_all(parts, [companion.context for companion in companions])
    return tuple(part.result() for part in parts)


def one_by_one(
    companions: Sequence[_Companion], work: Callable[[_Companion], CompanionOutcome]
) -> tuple[CompanionOutcome, ...]:
    """Do the work on one companion after the other, as for what an operator is asked; failures as in ``for_each``."""
    if len(companions) == 1:
        return (_outcome_of(companions[0], work),)
    return tuple(_any_outcome_of(companion, work) for companion in companions)


def _outcome_of(companion: _Companion, work: Callable[[_Companion], CompanionOutcome]) -> CompanionOutcome:
    """Do the work on one companion; what is recognised becomes its outcome."""
    try:
        return work(companion)
    except OperatorToolError as error:
        return failed(companion.outcome, error)


def _any_outcome_of(companion: _Companion, work: Callable[[_Companion], CompanionOutcome]) -> CompanionOutcome:
    """Do the work on one of several companions; whatever fails is its own outcome, and no other's."""
    try:
        return _outcome_of(companion, work)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no other companion's
        return failed(companion.outcome, as_failure(error, CompanionError))


class _Part(threading.Thread, Generic[_Companion]):
    """One companion's thread."""

    def __init__(self, companion: _Companion, work: Callable[[_Companion], CompanionOutcome]) -> None:
        super().__init__(name=f"companion-{companion.chosen.name}", daemon=True)
        self._companion = companion
        self._work = work
        self._outcome: CompanionOutcome | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self._outcome = _any_outcome_of(self._companion, self._work)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self._error = error

    def result(self) -> CompanionOutcome:
        """Return what came of it; raises what was not recognised."""
        if self._outcome is None:
            assert self._error is not None
            raise self._error
        return self._outcome
