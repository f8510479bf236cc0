"""The main flow: resolve -> plan -> lock -> companion -> download and transfer -> build -> report.

Recognised failures come back as the report. Only lock contention raises, since no phase ever ran; whatever is not
recognised frees the lock and propagates unchanged.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from operator_tool.api.build import (
    BuildCacheOutcome,
    BuildCacheRequest,
    ByteCounts,
    CacheBuildReport,
    CompanionSummary,
    PluginRecord,
    RemoteBuildReport,
)
from operator_tool.api.companion import CompanionState, TransferSummary
from operator_tool.api.context import RunContext
from operator_tool.api.errors import BuildLockHeldError, OperatorToolError, PluginError, VerifyError
from operator_tool.api.events import Notice, RunFinished, RunStarted
from operator_tool.api.order import CacheOrder
from operator_tool.api.roles import CompanionSession, CompanionTransport, Provisioner, TileProvider
from operator_tool.api.tile_table import TileTable
from operator_tool.api.tiles import ProviderInfo
from operator_tool.pictures import Repeats
from operator_tool.sectors import Sector
from operator_tool.tile_store import DamagedTileError

from .download import Download, TakenBackError
from .estimate import Estimate, estimate_of
from .freshness import FreshnessGate
from .lock import CompanionLock, companion_lock
from .notebook import Notebook
from .parts import Parts
from .plan import CachePlan, make_plan
from .resolve import resolve_flight

_Result = TypeVar("_Result")


class Orchestrator:
    """Runs one build, or one part of it, with the parts it is given.

    ``stores_dir`` and ``locks_dir`` are existing folders of the workstation's own.
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
    ) -> None:
        self._parts = parts
        self._context = context
        self._stores_dir = stores_dir
        self._locks_dir = locks_dir
        self._sectors = sectors
        self._repeats = {name: Repeats() for name, _ in parts.providers}
        """What each provider repeats, for the whole run: what was found out once is known when it asks again."""
        self._notebook = Notebook(context, plugins)
        self._began_at = datetime.now(UTC)

    def build_cache(self, request: BuildCacheRequest) -> CacheBuildReport:
        """Build the cache of a flight on the companion. Raises ``BuildLockHeldError``; other failures are reported."""
        return self._reported("build-cache", lambda: self._build_cache(request))

    def download(self, request: BuildCacheRequest) -> CacheBuildReport:
        """Fill the workstation's stores for a flight; no companion takes part."""
        return self._reported("download", lambda: self._download_only(request))

    def plan(self, request: BuildCacheRequest) -> CachePlan:
        """Resolve the flight and plan its tiles; nothing is written. Raises what fails."""
        with self._notebook.phase("resolve", request.flight):
            flight = resolve_flight(self._parts.flight_source, request.flight)
        with self._notebook.phase("plan"):
            described = [(name, _described(name, provider)) for name, provider in self._parts.providers]
            plan = make_plan(flight, request, described, sectors=self._sectors)
        self._notebook.note_plan(plan)
        for note in (*flight.notes, *self._notebook.notes):
            self._context.emit(Notice(text=note))
        return plan

    def estimate(self, plan: CachePlan, *, samples_per_zoom: int) -> Estimate:
        """Return what getting the tiles of a plan will take, from a few real ones; the last thing that a run does."""
        with self._notebook.phase("estimate"):
            return estimate_of(
                plan, self._parts.providers, self._stores_dir, self._context, samples_per_zoom=samples_per_zoom
            )

    def _reported(self, command: str, work: Callable[[], BuildCacheOutcome]) -> CacheBuildReport:
        self._context.emit(RunStarted(run_id=self._context.run_id, command=command))
        try:
            report = self._notebook.report(work())
        except BuildLockHeldError:
            raise
        except OperatorToolError as error:
            report = self._notebook.report(BuildCacheOutcome.FAILURE, error)
        self._context.emit(RunFinished(report=report))
        return report

    def _build_cache(self, request: BuildCacheRequest) -> BuildCacheOutcome:
        transport, provisioner = self._parts.transport, self._parts.provisioner
        assert transport is not None, "build-cache needs a transport"
        assert provisioner is not None, "build-cache needs a provisioner"
        plan = self.plan(request)
        order = self._order(plan, dry_run=request.dry_run)
        self._notebook.companion = CompanionSummary(address=transport.address, transport=self._parts.transport_name)
        if request.dry_run:
            with ExitStack() as stack:
                self._ask_companion(transport, provisioner, order, stack)
            return BuildCacheOutcome.DRY_RUN
        with companion_lock(
            self._locks_dir,
            f"{transport.address} {provisioner.site}",
            timeout_s=request.lock_timeout_s,
            operator=order.operator,
            run_id=self._context.run_id,
        ) as lock:
            return self._build_locked(plan, request, order, transport, provisioner, lock)

    def _build_locked(
        self,
        plan: CachePlan,
        request: BuildCacheRequest,
        order: CacheOrder,
        transport: CompanionTransport,
        provisioner: Provisioner,
        lock: CompanionLock,
    ) -> BuildCacheOutcome:
        with ExitStack() as stack:
            session, state = self._ask_companion(transport, provisioner, order, stack)
            if state.up_to_date and self._still_right(plan, request, state):
                verified = f"every byte of the companion's {state.verified_tiles:,} tiles was verified"
                self._notebook.notes.append(verified)
                return BuildCacheOutcome.NO_OP
            transferred = self._begun_again_once(
                lambda: self._download_and_transfer(plan, request, order, provisioner, session)
            )
            lock.confirm()
            with self._notebook.phase("build"):
                built = provisioner.build(session, order, transferred)
            self._note_built(built, transferred)
        return BuildCacheOutcome.SUCCESS

    def _ask_companion(
        self, transport: CompanionTransport, provisioner: Provisioner, order: CacheOrder, stack: ExitStack
    ) -> tuple[CompanionSession, CompanionState]:
        with self._notebook.phase("companion", transport.address):
            session = stack.enter_context(transport.connect())
            state = provisioner.prepare(session, order)
        self._notebook.companion = CompanionSummary(
            address=session.identity.address,
            transport=self._parts.transport_name,
            id=state.companion_id,
            fingerprint=session.identity.fingerprint,
            generation_before=state.generation,
            generation_after=state.generation,
        )
        self._notebook.notes += state.notes
        for note in state.notes:
            self._context.emit(Notice(text=note))
        return session, state

    def _still_right(self, plan: CachePlan, request: BuildCacheRequest, state: CompanionState) -> bool:
        """Say whether a cache of the same inputs is what these inputs give today.

        Without a rule on age it is. With one the tiles are looked at first: imagery may have changed, or become too
        old, since the cache was built.
        """
        if request.max_age_s is None and not plan.sectors:
            return True
        table = TileTable()
        try:
            with self._downloading(plan, request) as download:
                for batch in download.batches():
                    table.add(batch)
        except (DamagedTileError, TakenBackError):
            return False
        return table.digest() == state.tiles_digest

    def _begun_again_once(self, work: Callable[[], _Result]) -> _Result:
        """Do the work, and a second time when the first found tiles that are no good and that are forgotten by now."""
        try:
            return work()
        except (DamagedTileError, TakenBackError) as error:
            note = f"{error.message}; what is missing was fetched anew"
            self._notebook.notes.append(note)
            self._context.emit(Notice(text=note))
        return work()

    def _download_and_transfer(
        self,
        plan: CachePlan,
        request: BuildCacheRequest,
        order: CacheOrder,
        provisioner: Provisioner,
        session: CompanionSession,
    ) -> TransferSummary:
        with self._downloading(plan, request) as download:
            try:
                with self._notebook.phase("transfer"):
                    transferred = provisioner.transfer(session, order, download)
            except OperatorToolError as error:
                if error is download.error:
                    self._notebook.blame("download")
                raise
        there = self._notebook.tiles.wanted - self._notebook.tiles.missing
        if transferred.offered_tiles != there:
            raise VerifyError(f"{transferred.offered_tiles} tiles were offered to the companion, but there are {there}")
        self._notebook.bytes = ByteCounts(
            downloaded=self._notebook.bytes.downloaded, sent=transferred.sent_bytes, saved=transferred.saved_bytes
        )
        return transferred

    def _download_only(self, request: BuildCacheRequest) -> BuildCacheOutcome:
        plan = self.plan(request)
        self._begun_again_once(lambda: self._fill_the_stores(plan, request))
        return BuildCacheOutcome.SUCCESS

    def _fill_the_stores(self, plan: CachePlan, request: BuildCacheRequest) -> None:
        with self._downloading(plan, request) as download:
            for _batch in download.batches():
                continue

    @contextmanager
    def _downloading(self, plan: CachePlan, request: BuildCacheRequest) -> Iterator[Download]:
        """Give a download that is running; it is stopped, and what came of it noted, in any case."""
        freshness = FreshnessGate(max_age_s=request.max_age_s, sectors=plan.sectors, now=self._began_at)
        download = Download(plan, self._parts.providers, self._stores_dir, self._context, freshness, self._repeats)
        download.start()
        try:
            yield download
        finally:
            download.close()
            self._notebook.note_download(download.counts(), download.shares(), download.duration_s)
            # A second look at the same tiles finds in the store what the first one downloaded.
            self._notebook.bytes = ByteCounts(downloaded=self._notebook.bytes.downloaded + download.downloaded_bytes)

    def _note_built(self, built: RemoteBuildReport, transferred: TransferSummary) -> None:
        """Accept the companion's word only where it agrees with what was sent."""
        if built.tiles_digest != transferred.tiles_digest or built.tiles != transferred.offered_tiles:
            raise VerifyError(
                f"the companion reports {built.tiles} tiles with digest {built.tiles_digest[:12]}, "
                f"sent were {transferred.offered_tiles} with digest {transferred.tiles_digest[:12]}"
            )
        assert self._notebook.companion is not None
        before = self._notebook.companion
        self._notebook.companion = CompanionSummary(
            address=before.address,
            transport=before.transport,
            id=before.id,
            fingerprint=before.fingerprint,
            generation_before=before.generation_before,
            generation_after=built.generation,
        )

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
            operator=f"{_user()}@{socket.gethostname()}",
        )


def _described(name: str, provider: TileProvider) -> ProviderInfo:
    info = provider.describe()
    if not isinstance(info, ProviderInfo):
        raise PluginError(f"tile provider {name!r} describes itself by {info!r}, not by a ProviderInfo")
    return info


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process without an account, as in some containers
        return "unknown"
