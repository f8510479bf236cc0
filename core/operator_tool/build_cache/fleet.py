"""Several companions at once: a thread and a report for each, and what all of them come to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from operator_tool.api.build import BuildCacheOutcome, CacheBuildReport, FleetReport
from operator_tool.api.context import RunContext
from operator_tool.api.deadline import Deadline
from operator_tool.api.errors import OperatorToolError
from operator_tool.api.events import RunFinished, RunStarted
from operator_tool.overdue import OverdueRun
from operator_tool.plugin_host.blame import endings_as_errors

from .notebook import Notebook
from .parts import CompanionParts

_Answer = TypeVar("_Answer")
_TICK_S = 0.1
_UNWIND_S = 10.0
"""How long an interrupted run waits for its parts to let go of what they hold."""


def build_each(
    companions: Sequence[CompanionParts],
    notebook: Notebook,
    build: Callable[[CompanionParts, Notebook], BuildCacheOutcome],
    ended: dict[str, CacheBuildReport],
) -> FleetReport:
    """Build on each companion in a thread of its own, and wait for all of them; ``ended`` is given each report.

    Whatever fails, lock contention and a bug too, becomes that companion's report, and so does a hang beyond the
    deadline: it ends no other's part.
    """
    parts = [_Part(companion, notebook.branch(companion.context), build) for companion in companions]
    try:
        run_all(parts, [companion.context for companion in companions])
    except OverdueRun as overdue:
        for part in parts:
            part.give_up(overdue)
    finally:
        ended.update({part.companion.name: part.report for part in parts if part.report is not None})
    for part in parts:
        if part.error is not None and part.report is None:
            raise part.error
    return fleet_report({part.companion.name: part.report for part in parts if part.report is not None})


def ask_each(
    companions: Sequence[CompanionParts],
    notebook: Notebook,
    ask: Callable[[CompanionParts, Notebook], _Answer],
) -> tuple[_Answer | OperatorToolError, ...]:
    """Ask every companion at once, and return each one's answer, or the failure of its part."""
    asking = [_Asking(companion, notebook.branch(companion.context), ask) for companion in companions]
    run_all(asking, [companion.context for companion in companions])
    return tuple(one.result() for one in asking)


def run_all(threads: Sequence[threading.Thread], contexts: Sequence[RunContext]) -> None:
    """Start the threads and wait for all of them; interrupted, tell their contexts, and wait a little."""
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # in steps: a signal is heard between them
                thread.join(_TICK_S)
    except BaseException:
        until = Deadline.after(_UNWIND_S)
        for context in contexts:
            context.cancelled.set()
        for thread in threads:
            thread.join(until.remaining_s())
        raise


def fleet_report(builds: dict[str, CacheBuildReport]) -> FleetReport:
    """Return what the companions' reports come to, in their order."""
    return FleetReport(
        outcome=_outcome([report.outcome for report in builds.values()]),
        exit_code=next((report.exit_code for report in builds.values() if report.exit_code), 0),
        builds=builds,
    )


def _outcome(outcomes: Sequence[BuildCacheOutcome]) -> BuildCacheOutcome:
    for telling in (BuildCacheOutcome.INTERRUPTED, BuildCacheOutcome.FAILURE, BuildCacheOutcome.SUCCESS):
        if telling in outcomes:
            return telling
    return outcomes[0]


class _Part(threading.Thread):
    """One companion's part; after it ``report`` is there, or ``error`` where the run itself can't go on."""

    def __init__(
        self,
        companion: CompanionParts,
        notebook: Notebook,
        build: Callable[[CompanionParts, Notebook], BuildCacheOutcome],
    ) -> None:
        super().__init__(name=f"companion-{companion.name}", daemon=True)
        self.companion = companion
        self.report: CacheBuildReport | None = None
        self.error: BaseException | None = None
        self._notebook = notebook
        self._build = build

    def give_up(self, overdue: OverdueRun) -> None:
        """Report that it hung, where it did not come to its end."""
        if self.report is None and self.error is None:
            self.report = self._notebook.report(BuildCacheOutcome.FAILURE, self._notebook.overdue(overdue))

    def run(self) -> None:
        """Build, and report."""
        context = self.companion.context
        try:
            context.emit(RunStarted(run_id=context.run_id, command="build-cache"))
            try:
                with endings_as_errors():
                    outcome = self._build(self.companion, self._notebook)
                self.report = self._notebook.report(outcome)
            except OperatorToolError as error:
                self.report = self._notebook.report(BuildCacheOutcome.FAILURE, error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no other companion's
                self.report = self._notebook.report(BuildCacheOutcome.FAILURE, self._notebook.unexpected(error))
            context.emit(RunFinished(report=self.report))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.error = error


class _Asking(threading.Thread, Generic[_Answer]):
    """The asking of one companion."""

    def __init__(
        self, companion: CompanionParts, notebook: Notebook, ask: Callable[[CompanionParts, Notebook], _Answer]
    ) -> None:
        super().__init__(name=f"companion-{companion.name}", daemon=True)
        self._companion = companion
        self._notebook = notebook
        self._ask = ask
        self._answers: list[_Answer | OperatorToolError] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Ask; whatever fails, a bug too, is this companion's alone."""
        try:
            with endings_as_errors():
                self._answers.append(self._ask(self._companion, self._notebook))
        except OperatorToolError as error:
            self._answers.append(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no other companion's
            self._answers.append(self._notebook.unexpected(error))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self._error = error

    def result(self) -> _Answer | OperatorToolError:
        """Return what came of it; raises what ends the whole run."""
        if self._error is not None:
            raise self._error
        return self._answers[0]
