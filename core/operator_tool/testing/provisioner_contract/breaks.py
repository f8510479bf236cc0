"""A link that breaks, wherever it does: the core calls the same method again, with another session."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from operator_tool.api import CompanionState, LinkError, Provisioner, RemoteBuildReport, TransferSummary

from ..making import Make
from .companion import Built, Connect, WithCompanion, problems_of
from .sample_cache import SampleCache
from .watched_session import WatchedSession


class BreakChecks(WithCompanion):
    """The old cache stays until the new one is whole, and nothing has to begin anew."""

    @pytest.mark.usefixtures("installed")
    def test_a_link_that_breaks_while_asking(
        self, make: Make, connect: Connect, watch: Callable[[], WatchedSession]
    ) -> None:
        """``LinkError`` passes, and the second call answers."""
        made: Provisioner = make()
        cache = SampleCache(1)
        with watch() as session:
            session.break_at_step(0)
            with pytest.raises(LinkError):
                made.prepare(session, cache.order)
        with watch() as session:
            session.break_at_step(1)
            try:
                made.prepare(session, cache.order)
            except LinkError:
                pass
            else:
                assert not session.broken.is_set(), f"{self.plugin} answers over a broken link"
        with connect() as again:
            assert not made.prepare(again, cache.order).up_to_date

    def test_a_link_that_breaks_while_sending(
        self,
        make: Make,
        connect: Connect,
        watch: Callable[[], WatchedSession],
        build: Callable[[SampleCache], Built],
        ask: Callable[..., CompanionState],
        current_files: Callable[[], Mapping[str, bytes]],
    ) -> None:
        """``LinkError`` passes, the old cache is current byte for byte, and the second call sends the rest."""
        build(SampleCache(1))
        old = current_files()
        made: Provisioner = make()
        cache = SampleCache(3)
        with watch() as session:
            made.prepare(session, cache.order)
            session.break_at_bytes(session.sent_bytes + cache.bytes // 2)
            with pytest.raises(LinkError):
                made.transfer(session, cache.order, cache.supply)
        assert session.broken.is_set()
        assert current_files() == old, f"{self.plugin}: half of a transfer has changed the current cache"
        assert ask(SampleCache(1)).up_to_date, f"{self.plugin}: half of a transfer has spoilt the current cache"
        with connect() as again:
            summary = made.transfer(again, cache.order, cache.supply)
            assert current_files() == old, f"{self.plugin}: a transfer has changed the current cache"
            report = made.build(again, cache.order, summary)
        assert (summary.offered_tiles, summary.tiles_digest) == (cache.tiles, cache.digest)
        assert summary.sent_bytes + summary.saved_bytes >= cache.bytes
        assert not (found := problems_of(report, cache)), f"{self.plugin}'s report: {'; '.join(found)}"
        assert ask(cache).up_to_date

    @pytest.mark.usefixtures("installed")
    def test_a_link_that_breaks_while_building(
        self,
        make: Make,
        watch: Callable[[], WatchedSession],
        ask: Callable[..., CompanionState],
        current_files: Callable[[], Mapping[str, bytes]],
    ) -> None:
        """``LinkError`` passes; the old cache is current or the new one, whole; the second call ends well.

        It breaks at the first step, half-way, and at the last: where the switch was made by then and its report was
        lost, the second call says ``recovered``.
        """
        steps = self._steps_of_a_build(make, watch)
        report: RemoteBuildReport | None = None
        for number, step in ((3, 0), (5, steps // 2), *((7 + 2 * fewer, steps - 1 - fewer) for fewer in range(steps))):
            old = current_files()
            made: Provisioner = make()
            cache = SampleCache(number)
            with watch() as session:
                state = made.prepare(session, cache.order)
                summary = made.transfer(session, cache.order, cache.supply)
                session.break_at_step(step)
                try:
                    made.build(session, cache.order, summary)
                except LinkError:
                    pass
                else:
                    # It said less than the first build did: what comes when is not the same each time.
                    assert not session.broken.is_set(), f"{self.plugin} builds on over a broken link (step {step})"
                    continue
            switched = ask(cache, dry_run=True).up_to_date
            if not switched:
                assert current_files() == old, f"{self.plugin}: half a cache is current (step {step} of {steps})"
            with watch() as session:
                report = made.build(session, cache.order, summary)
            found = problems_of(report, cache)
            assert not found, f"{self.plugin}'s report (step {step} of {steps}): {'; '.join(found)}"
            assert report.previous_generation == state.generation
            assert report.recovered or not switched, f"{self.plugin} built again what was there: say recovered=True"
            if number >= 7:
                break
        assert report is not None, f"{self.plugin}: no link broke while it built"
        after = ask(cache)
        assert (after.up_to_date, after.generation, after.tiles_digest) == (True, report.generation, cache.digest)

    def _steps_of_a_build(self, make: Make, watch: Callable[[], WatchedSession]) -> int:
        """Build one cache whole, and return how many steps its last part took."""
        made: Provisioner = make()
        cache = SampleCache(1)
        with watch() as session:
            made.prepare(session, cache.order)
            summary: TransferSummary = made.transfer(session, cache.order, cache.supply)
            before = session.steps
            made.build(session, cache.order, summary)
            return session.steps - before
