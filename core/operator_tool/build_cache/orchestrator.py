"""The main flow: resolve -> plan -> lock -> companion -> download and transfer -> build -> report.

Recognised failures come back as the report. Only lock contention raises, since no phase ever ran; whatever is not
recognised frees the lock and propagates unchanged. A run for several companions resolves, plans and downloads once;
what each of them needs done is a :class:`CompanionBuild`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from operator_tool.api.build import BuildCacheOutcome, BuildCacheRequest, CacheBuildReport, FleetReport, PluginRecord
from operator_tool.api.companion import CompanionIdentity, CompanionState
from operator_tool.api.context import RunContext
from operator_tool.api.errors import BuildLockHeldError, OperatorToolError
from operator_tool.api.events import Notice, RunFinished, RunStarted
from operator_tool.api.order import CacheOrder
from operator_tool.api.roles import TileProvider
from operator_tool.failpoints import failpoint
from operator_tool.overdue import OverdueRun
from operator_tool.plugin_host.blame import endings_as_errors
from operator_tool.plugin_host.calls import ANSWER_S
from operator_tool.sectors import Sector
from operator_tool.tile_store import DamagedTileError

from .answers import described
from .companion_build import CompanionBuild
from .download import TakenBackError
from .estimate import Estimate, estimate_of
from .fleet import ask_each, build_each, fleet_report
from .freshness import FreshnessGate
from .lock import operator_name
from .notebook import Notebook
from .parts import CompanionParts, Parts
from .plan import CachePlan, make_plan
from .resolve import resolve_flight
from .supplies import Supplies

RECONNECT_S = 180.0


class Orchestrator:
    """Runs one build, or one part of it, with the parts it is given.

    ``stores_dir`` and ``locks_dir`` are existing folders of the workstation's own. ``reconnect_s`` is how long a link
    that broke is tried again, ``answer_s`` how long a plugin may take to resolve a flight or to describe itself.
    """

    def __init__(
        self,
        parts: Parts,
        context: RunContext,
        *,
        stores_dir: Path,
        locks_dir: Path,
        plugins: tuple[PluginRecord, ...] = (),
        sectors: tuple[Sector, ...] = (),
        reconnect_s: float = RECONNECT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._parts = parts
        self._context = context
        self._stores_dir = stores_dir
        self._locks_dir = locks_dir
        self._sectors = sectors
        self._reconnect_s = reconnect_s
        self._answer_s = answer_s
        self._supplies = Supplies(parts.providers, stores_dir, context)
        self._notebook = Notebook(context, plugins)
        self._operator = operator_name()
        self._ended: dict[str, CacheBuildReport] = {}
        """Of several companions: the reports of those whose part has come to its end."""

    def build_cache(self, request: BuildCacheRequest) -> CacheBuildReport:
        """Build the cache of a flight on the companion. Raises ``BuildLockHeldError``; other failures are reported."""
        (companion,) = self._parts.companions
        return self._reported("build-cache", lambda: self._build_one(request, companion))

    def build_caches(self, request: BuildCacheRequest) -> FleetReport:
        """Build the cache of a flight on each companion, all at once; what fails on one stops no other."""
        try:
            with endings_as_errors():
                plan = self.plan(request)
        except (OperatorToolError, OverdueRun) as failure:
            error = self._notebook.overdue(failure) if isinstance(failure, OverdueRun) else failure
            report = self._notebook.report(BuildCacheOutcome.FAILURE, error)
            return fleet_report({companion.name: report for companion in self._parts.companions})
        order = self._order(plan, dry_run=request.dry_run)
        return build_each(
            self._parts.companions,
            self._notebook,
            lambda companion, notebook: self._on(companion, notebook).build(plan, request, order),
            self._ended,
        )

    def interrupted(self, exit_code: int) -> CacheBuildReport:
        """Return the report of a run of one companion, or of none, that was ended with this exit code."""
        return self._notebook.interrupted(exit_code)

    def interrupted_fleet(self, exit_code: int) -> FleetReport:
        """Return the reports of a run of several companions that was ended; a part that was done keeps its own."""
        return fleet_report(
            {one.name: self._ended.get(one.name) or self.interrupted(exit_code) for one in self._parts.companions}
        )

    def ask(self, request: BuildCacheRequest) -> tuple[CachePlan, CompanionState, CompanionIdentity]:
        """Plan, and ask the companion about this flight's cache; nothing is written anywhere. Raises what fails."""
        (companion,) = self._parts.companions
        plan = self.plan(request)
        state, identity = self._on(companion, self._notebook).ask(self._order(plan, dry_run=True))
        return plan, state, identity

    def ask_each(
        self, request: BuildCacheRequest
    ) -> tuple[CachePlan, dict[str, tuple[CompanionState, CompanionIdentity] | OperatorToolError]]:
        """Plan once, and ask all companions at the same time, as ``ask`` does; what fails on one stops no other."""
        plan = self.plan(request)
        order = self._order(plan, dry_run=True)
        answers = ask_each(
            self._parts.companions, self._notebook, lambda companion, notebook: self._on(companion, notebook).ask(order)
        )
        return plan, {one.name: answer for one, answer in zip(self._parts.companions, answers, strict=True)}

    def download(self, request: BuildCacheRequest) -> CacheBuildReport:
        """Fill the workstation's stores for a flight; no companion takes part."""
        return self._reported("download", lambda: self._download_only(request))

    def plan(self, request: BuildCacheRequest) -> CachePlan:
        """Resolve the flight and plan its tiles; nothing is written. Raises what fails."""
        with self._notebook.phase("resolve", request.flight):
            flight = resolve_flight(self._parts.flight_source, request.flight, limit_s=self._answer_s)
        failpoint("plan.after_resolve")
        with self._notebook.phase("plan"):
            infos = [
                (name, described(name, provider, limit_s=self._answer_s)) for name, provider in self._parts.providers
            ]
            plan = make_plan(flight, request, infos, sectors=self._sectors)
        failpoint("plan.after_plan")
        self._notebook.note_plan(plan)
        for note in (*flight.notes, *self._notebook.notes):
            self._context.emit(Notice(text=note))
        return plan

    def estimate(self, plan: CachePlan, *, samples_per_zoom: int, max_age_s: float | None = None) -> Estimate:
        """Return what getting the tiles of a plan will take, from a few real ones; the last thing that a run does."""
        with self._notebook.phase("estimate"):
            return estimate_of(
                plan,
                self._asked_providers(plan),
                self._stores_dir,
                self._context,
                FreshnessGate(max_age_s=max_age_s, sectors=plan.sectors),
                samples_per_zoom=samples_per_zoom,
            )

    def _asked_providers(self, plan: CachePlan) -> list[tuple[str, TileProvider]]:
        """Return the providers of the plan's chain, in its order."""
        made = dict(self._parts.providers)
        return [(name, made[name]) for name, _ in plan.providers]

    def _reported(self, command: str, work: Callable[[], BuildCacheOutcome]) -> CacheBuildReport:
        self._notebook.command = command
        self._context.emit(RunStarted(run_id=self._context.run_id, command=command))
        try:
            with endings_as_errors():
                outcome = work()
            report = self._notebook.report(outcome)
        except BuildLockHeldError:
            raise
        except OperatorToolError as error:
            report = self._notebook.report(BuildCacheOutcome.FAILURE, error)
        except OverdueRun as overdue:
            report = self._notebook.report(BuildCacheOutcome.FAILURE, self._notebook.overdue(overdue))
        self._context.emit(RunFinished(report=report))
        return report

    def _build_one(self, request: BuildCacheRequest, companion: CompanionParts) -> BuildCacheOutcome:
        plan = self.plan(request)
        order = self._order(plan, dry_run=request.dry_run)
        return self._on(companion, self._notebook).build(plan, request, order)

    def _on(self, companion: CompanionParts, notebook: Notebook) -> CompanionBuild:
        return CompanionBuild(
            companion,
            notebook,
            self._supplies,
            locks_dir=self._locks_dir,
            reconnect_s=self._reconnect_s,
            operator=self._operator,
        )

    def _download_only(self, request: BuildCacheRequest) -> BuildCacheOutcome:
        plan = self.plan(request)
        try:
            self._fill_the_stores(plan, request)
        except (DamagedTileError, TakenBackError) as error:
            self._notebook.tell_of_second_look(error)
            self._fill_the_stores(plan, request)
        return BuildCacheOutcome.SUCCESS

    def _fill_the_stores(self, plan: CachePlan, request: BuildCacheRequest) -> None:
        with self._supplies.running(plan, request, anew=False, note=self._notebook.note_download) as download:
            for _batch in download.batches():
                continue

    def _order(self, plan: CachePlan, *, dry_run: bool) -> CacheOrder:
        infos = [info for _, info in plan.providers]
        return CacheOrder(
            run_id=self._context.run_id,
            inputs=plan.inputs,
            content_key=plan.content_key,
            flight=plan.flight,
            wanted_tiles=plan.coverage.count,
            bounds_deg=plan.coverage.bounds_deg,
            attribution="; ".join(dict.fromkeys(info.attribution for info in infos if info.attribution)),
            synthetic=any(info.synthetic for info in infos),
            dry_run=dry_run,
            operator=self._operator,
        )
