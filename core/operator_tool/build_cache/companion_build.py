"""One companion's part of a run: lock -> ask -> download and transfer -> build, told in a notebook of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from operator_tool.api.build import (
    BuildCacheOutcome,
    BuildCacheRequest,
    ByteCounts,
    CompanionSummary,
    RemoteBuildReport,
)
from operator_tool.api.companion import CompanionIdentity, CompanionState, TransferSummary
from operator_tool.api.errors import BuildError, LinkError, OperatorToolError, TransferError, VerifyError
from operator_tool.api.events import Notice
from operator_tool.api.order import CacheOrder
from operator_tool.api.tile_table import TileTable
from operator_tool.failpoints import failpoint
from operator_tool.tile_store import DamagedTileError

from .answers import of_the_companion
from .companion_link import CompanionLink
from .download import Download, TakenBackError
from .gap_verdict import UNKNOWN_GAPS, gaps_there, order_of_the_current
from .lock import CompanionLock, companion_lock
from .notebook import Notebook
from .parts import CompanionParts
from .plan import CachePlan
from .replacing import replaced_cache_words
from .supplies import Reading, Supplies

_Result = TypeVar("_Result")

ASK_ATTEMPTS = 3
BUILD_ATTEMPTS = 3
"""A build whose link broke is asked about, and made once more where it wasn't made; twice, then it is given up."""


class CompanionBuild:
    """Builds the cache of a plan on one companion, once."""

    def __init__(
        self,
        parts: CompanionParts,
        notebook: Notebook,
        supplies: Supplies,
        *,
        locks_dir: Path,
        reconnect_s: float,
        operator: str,
    ) -> None:
        self._parts = parts
        self._context = parts.context
        self._notebook = notebook
        self._supplies = supplies
        self._locks_dir = locks_dir
        self._reconnect_s = reconnect_s
        self._operator = operator
        notebook.companion = CompanionSummary(
            address=parts.transport.address, transport=parts.transport_name, simulated=parts.simulation
        )

    def ask(self, order: CacheOrder) -> tuple[CompanionState, CompanionIdentity]:
        """Ask the companion and write nothing. Raises what it can't answer, or isn't ready for.

        A cache of the same plan that was built allowing another number of gaps has another content key: where that is
        what is current, the companion is asked once more, about that one.
        """
        with self._link() as link:
            state = self._ask(link, order)
            same = order_of_the_current(state, order)
            return self._ask(link, same) if same is not None else state, link.session.identity

    def build(self, plan: CachePlan, request: BuildCacheRequest, order: CacheOrder) -> BuildCacheOutcome:
        """Build. Raises ``BuildLockHeldError`` before anything was begun, and whatever fails."""
        if request.dry_run:
            state, _ = self.ask(order)
            if not state.up_to_date:
                self._agree_to_replace(state, order, request)
            return BuildCacheOutcome.DRY_RUN
        with (
            companion_lock(
                self._locks_dir,
                f"{self._parts.transport.address} {self._parts.provisioner.site}",
                timeout_s=request.lock_timeout_s,
                operator=self._operator,
                run_id=self._context.run_id,
            ) as lock,
            self._link() as link,
        ):
            return self._build_locked(plan, request, order, lock, link)

    @contextmanager
    def _link(self) -> Iterator[CompanionLink]:
        """Give the link; how often it was taken up again is noted in any case."""
        with CompanionLink(self._parts.transport, self._context, reconnect_s=self._reconnect_s) as link:
            try:
                yield link
            finally:
                self._note(reconnects=link.reconnects)

    def _build_locked(
        self,
        plan: CachePlan,
        request: BuildCacheRequest,
        order: CacheOrder,
        lock: CompanionLock,
        link: CompanionLink,
    ) -> BuildCacheOutcome:
        state = self._ask(link, order)
        if state.up_to_date and self._still_right(plan, request, state):
            self._note_gaps_there(state, order)
            how = f" ({state.facts['verified']})" if "verified" in state.facts else ""
            self._notebook.notes.append(
                f"every byte of the companion's {state.verified_tiles:,} tiles was verified{how}"
            )
            return BuildCacheOutcome.NO_OP
        failpoint("companion.after_ask")
        self._agree_to_replace(state, order, request)
        order = msgspec.structs.replace(order, replaces=state.generation or "")
        transferred = self._begun_again_once(
            lambda anew: self._download_and_transfer(plan, request, order, link, anew=anew)
        )
        failpoint("transfer.after_transfer")
        lock.confirm()
        with self._notebook.phase("build"), _link_errors_as(BuildError):
            built = link.through_breaks(
                lambda session: self._parts.provisioner.build(session, order, transferred), attempts=BUILD_ATTEMPTS
            )
        built = of_the_companion(self._parts.provisioner, "build", built, RemoteBuildReport)
        failpoint("build.after_build")
        self._note_built(built, transferred)
        return BuildCacheOutcome.SUCCESS

    def _note_gaps_there(self, state: CompanionState, order: CacheOrder) -> None:
        self._notebook.gaps = gaps_there(state, order.wanted_tiles)
        if self._notebook.gaps is None:
            self._notebook.notes.append(UNKNOWN_GAPS)

    def _agree_to_replace(self, state: CompanionState, order: CacheOrder, request: BuildCacheRequest) -> None:
        """Say whose cache is replaced, before a byte is fetched or sent. Raises ``NotReadyError`` where it must not."""
        words = replaced_cache_words(state, order, request)
        if words:
            self._notebook.notes.append(words)
            self._context.emit(Notice(text=words))

    def _ask(self, link: CompanionLink, order: CacheOrder) -> CompanionState:
        with self._notebook.phase("companion", self._parts.transport.address):
            state = link.through_breaks(
                lambda session: self._parts.provisioner.prepare(session, order), attempts=ASK_ATTEMPTS
            )
            state = of_the_companion(self._parts.provisioner, "prepare", state, CompanionState)
        identity = link.session.identity
        self._note(
            address=identity.address,
            id=state.companion_id,
            fingerprint=identity.fingerprint,
            generation_before=state.generation,
            generation_after=state.generation,
        )
        self._notebook.notes += state.notes
        for note in state.notes:
            self._context.emit(Notice(text=note))
        return state

    def _still_right(self, plan: CachePlan, request: BuildCacheRequest, state: CompanionState) -> bool:
        """Say whether a cache of the same inputs is what these inputs give today.

        Without a rule on age it is. With one the tiles are looked at first: imagery may have changed, or become too
        old, since the cache was built.
        """
        if request.max_age_s is None and not plan.sectors:
            return True
        table = TileTable()
        try:
            with self._downloading(plan, request, anew=False) as download:
                for batch in download.batches():
                    table.add(batch)
        except (DamagedTileError, TakenBackError):
            return False
        return table.digest() == state.tiles_digest

    def _begun_again_once(self, work: Callable[[bool], _Result]) -> _Result:
        """Do the work, and a second time when the first found tiles that are no good and that are forgotten by now."""
        try:
            return work(False)
        except (DamagedTileError, TakenBackError) as error:
            self._notebook.tell_of_second_look(error)
        return work(True)

    def _download_and_transfer(
        self, plan: CachePlan, request: BuildCacheRequest, order: CacheOrder, link: CompanionLink, *, anew: bool
    ) -> TransferSummary:
        with self._downloading(plan, request, anew=anew) as download:
            reading = Reading(download)
            try:
                with self._notebook.phase("transfer"), _link_errors_as(TransferError):
                    transferred = link.through_breaks(
                        lambda session: self._parts.provisioner.transfer(session, order, reading),
                        progress=lambda: reading.pictures,
                    )
                    transferred = of_the_companion(self._parts.provisioner, "transfer", transferred, TransferSummary)
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

    def _downloading(
        self, plan: CachePlan, request: BuildCacheRequest, *, anew: bool
    ) -> AbstractContextManager[Download]:
        return self._supplies.running(plan, request, anew=anew, note=self._notebook.note_download)

    def _note_built(self, built: RemoteBuildReport, transferred: TransferSummary) -> None:
        """Accept the companion's word only where it agrees with what was sent."""
        if built.tiles_digest != transferred.tiles_digest or built.tiles != transferred.offered_tiles:
            raise VerifyError(
                f"the companion reports {built.tiles} tiles with digest {built.tiles_digest[:12]}, "
                f"sent were {transferred.offered_tiles} with digest {transferred.tiles_digest[:12]}"
            )
        self._note(generation_after=built.generation, recovered=built.recovered, signer=built.signer)

    def _note(self, **changes: object) -> None:
        assert self._notebook.companion is not None
        self._notebook.companion = msgspec.structs.replace(self._notebook.companion, **changes)


@contextmanager
def _link_errors_as(kind: type[TransferError] | type[BuildError]) -> Iterator[None]:
    """Turn a link that is given up into the error of the phase that it was needed in."""
    try:
        yield
    except LinkError as error:
        raise kind(
            error.message, hint=error.hint if error.hint != LinkError.default_hint else None, retryable=error.retryable
        ) from error
