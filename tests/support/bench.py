"""A workstation whose parts live in memory: the orchestrator's own bench."""

from __future__ import annotations

from pathlib import Path

from operator_tool.api import AreaRequest, BuildCacheRequest, CacheBuildReport, Deadline, Event, RunContext
from operator_tool.build_cache.lock import companion_lock
from operator_tool.build_cache.orchestrator import Orchestrator
from operator_tool.build_cache.parts import CompanionParts, Parts
from operator_tool.sectors import Sector
from tests.support.memory import MemoryProvider, MemoryProvisioner, MemorySource, MemoryTransport

REQUEST = BuildCacheRequest(flight="F-1", zooms=(15, 16), area=AreaRequest(metres=300))


class Bench:
    """One workstation with parts in memory; each run has an orchestrator of its own, as each command does."""

    def __init__(self, folder: Path) -> None:
        self.source = MemorySource()
        self.providers: list[tuple[str, MemoryProvider]] = [("memory", MemoryProvider())]
        self.transport = MemoryTransport()
        self.provisioner = MemoryProvisioner()
        self.sectors: tuple[Sector, ...] = ()
        self.reconnect_s = 5.0
        self.events: list[Event] = []
        self.stores, self.locks = folder / "stores", folder / "locks"
        self.stores.mkdir()
        self.locks.mkdir()
        self._folder = folder

    def orchestrator(self, deadline: Deadline | None = None) -> Orchestrator:
        """Return a fresh orchestrator over the parts."""
        context = RunContext(
            run_id="run-1",
            state_dir=self._folder,
            emit=self.events.append,
            deadline=deadline or Deadline.never(),
        )
        companion = CompanionParts(
            transport_name="memory", transport=self.transport, provisioner=self.provisioner, context=context
        )
        return Orchestrator(
            Parts(flight_source=self.source, providers=tuple(self.providers), companions=(companion,)),
            context,
            stores_dir=self.stores,
            locks_dir=self.locks,
            sectors=self.sectors,
            reconnect_s=self.reconnect_s,
        )

    def build(self, request: BuildCacheRequest = REQUEST) -> CacheBuildReport:
        """Run build-cache."""
        return self.orchestrator().build_cache(request)

    def assert_all_is_free(self) -> None:
        """Assert that no session is open and the lock can be had."""
        assert self.transport.open_sessions == 0
        with companion_lock(self.locks, "memory memory", timeout_s=0, operator="t", run_id="t"):
            return
