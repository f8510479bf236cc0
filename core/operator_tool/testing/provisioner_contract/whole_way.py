"""A cache from the first question to the switch, and what the companion answers afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import pytest

from operator_tool.api import CompanionState, OperatorToolError, Provisioner

from ..making import Make, Options
from ..transport_contract.connecting import connections_refused
from .companion import Built, Connect, WithCompanion, go_on, problems_of, type_problem
from .sample_cache import SampleCache
from .watched_session import WatchedSession

Ask = Callable[..., CompanionState]
Build = Callable[[SampleCache], Built]
Files = Callable[[], Mapping[str, bytes]]


def _names(listing: object) -> object:
    """Return the names of a listing alone: a folder in which a file was made and removed has another time."""
    return set(listing) if isinstance(listing, Mapping) else listing


class WholeWayChecks(WithCompanion):
    """Nothing goes wrong here but the disk."""

    def test_its_site_is_known_without_connecting(self, make: Make) -> None:
        """The place of the cache names the lock before anything is sent, and is the same each time."""
        with connections_refused(self.plugin):
            one: Provisioner = make()
            other: Provisioner = make()
            sites = one.site, other.site
        assert sites[0] == sites[1], f"{self.plugin}: two sites for one cache: {sites}"
        assert sites[0], f"{self.plugin}: site is empty; it names the lock"
        assert sites[0].isprintable(), f"{self.plugin}: site is shown to people: {sites[0]!r}"

    @pytest.mark.usefixtures("installed")
    def test_an_empty_companion_is_not_up_to_date(
        self, ask: Ask, listing: Callable[[], object], current_files: Files
    ) -> None:
        """``prepare`` says that nothing is there, and leaves nothing: it may try what the place can do."""
        before = listing()
        state = ask(SampleCache(1))
        assert not state.up_to_date
        assert (state.generation, state.verified_tiles, state.tiles_digest) == (None, 0, None)
        assert _names(listing()) == _names(before), f"{self.plugin}: prepare left something on the companion"
        assert not current_files(), f"{self.plugin}: there is a current cache before one was built"

    def test_a_dry_run_writes_nothing(self, ask: Ask, listing: Callable[[], object]) -> None:
        """Where nothing is installed yet it may say so; it installs nothing."""
        before = listing()
        with contextlib.suppress(OperatorToolError):
            assert not ask(SampleCache(1), dry_run=True).up_to_date
        assert listing() == before, f"{self.plugin}: a dry run wrote on the companion"

    def test_a_dry_run_over_a_cache_writes_nothing(self, ask: Ask, build: Build, listing: Callable[[], object]) -> None:
        """It says whether that is the cache; verifying may leave no note either."""
        build(SampleCache(1))
        before = listing()
        assert ask(SampleCache(1), dry_run=True).up_to_date
        assert listing() == before, f"{self.plugin}: a dry run wrote on the companion"

    def test_builds_what_was_ordered(self, build: Build, current_files: Files) -> None:
        """The summary and the report agree with the tiles that were supplied, to the digest, and have their types.

        Pictures are read in the thread that pulls the batches: nobody else uses the store behind them there.
        """
        cache = SampleCache(1)
        state, summary, report = build(cache)
        wrong = [problem for one in (state, summary, report) if (problem := type_problem(one))]
        assert not wrong, f"{self.plugin} returns {'; '.join(wrong)}: they end in a JSON document"
        assert not cache.supply.problems, f"{self.plugin}: {cache.supply.problems[0]}"
        pictures = {len(picture) for picture in cache.pictures.values()}
        assert (summary.offered_tiles, summary.tiles_digest) == (cache.tiles, cache.digest)
        assert len(pictures) <= summary.sent_tiles <= cache.tiles
        assert 0 < summary.sent_bytes <= cache.bytes
        assert summary.sent_bytes + summary.saved_bytes >= cache.bytes, "bytes were neither sent nor there already"
        assert not (found := problems_of(report, cache)), f"{self.plugin}'s report: {'; '.join(found)}"
        assert (report.previous_generation, report.recovered) == (None, False)
        assert current_files(), f"{self.plugin} reports a cache, and a consumer finds none"

    def test_the_same_again_is_there_already(
        self,
        build: Build,
        make: Make,
        watch: Callable[[], WatchedSession],
        current_files: Files,
    ) -> None:
        """``prepare`` then says that this very cache is there, bytes verified, and sends no picture."""
        cache = SampleCache(1)
        report = build(cache).report
        before = current_files()
        with watch() as session:
            state = make().prepare(session, SampleCache(1, run_id="another-run").order)
        assert state.up_to_date, f"{self.plugin} would build the same cache again: {state}"
        found = (state.verified_tiles, state.tiles_digest, state.generation)
        assert found == (cache.tiles, cache.digest, report.generation)
        assert not state.damage
        sent = [tile for tile, picture in cache.pictures.items() if picture in session.sent]
        assert not sent, f"{self.plugin} sends pictures to ask whether they are there: {len(sent)} of them"
        assert current_files() == before

    def test_another_cache_takes_its_place(self, ask: Ask, build: Build, current_files: Files) -> None:
        """The report names both; then the new one is there and the old one isn't current."""
        first = build(SampleCache(1)).report
        old = current_files()
        second = build(SampleCache(2)).report
        assert second.previous_generation == first.generation
        assert second.generation != first.generation
        assert current_files() != old
        assert not ask(SampleCache(1)).up_to_date

    @pytest.mark.usefixtures("installed")
    def test_what_arrived_is_not_sent_again(self, make: Make, connect: Connect, ask: Ask) -> None:
        """A run that ended after its transfer leaves the next one nothing to send."""
        cache = SampleCache(1)
        made: Provisioner = make()
        with connect() as session:
            made.prepare(session, cache.order)
            made.transfer(session, cache.order, cache.supply)
        again = SampleCache(1, run_id="the-next-run")
        assert not ask(again).up_to_date, f"{self.plugin}: tiles that were sent are no cache before they are built"
        made = make()
        with connect() as session:
            summary, report = go_on(made, session, again, made.prepare(session, again.order))[1:]
        assert (summary.sent_tiles, summary.sent_bytes, again.supply.read_tiles) == (0, 0, 0)
        assert summary.saved_bytes == again.bytes
        assert not (found := problems_of(report, again)), f"{self.plugin}'s report: {'; '.join(found)}"

    def test_a_damaged_tile_is_noticed(self, ask: Ask, build: Build, damage: Callable[[], None]) -> None:
        """A cache of which a byte has changed is not up to date, and the same order mends it."""
        build(SampleCache(1))
        damage()
        assert not ask(SampleCache(1)).up_to_date, f"{self.plugin} calls a damaged cache up to date: read every byte"
        again = SampleCache(1, run_id="mending")
        assert not (found := problems_of(build(again).report, again)), f"{self.plugin}'s report: {'; '.join(found)}"
        assert ask(SampleCache(1)).up_to_date

    @pytest.mark.usefixtures("installed")
    def test_sends_no_secret(
        self, make: Make, plugin_options: Options, secret_options: Options, watch: Callable[[], WatchedSession]
    ) -> None:
        """Nothing that is secret goes to the companion: it may be lost with the drone."""
        cache = SampleCache(1)
        made: Provisioner = make({**plugin_options, **secret_options})
        with watch() as session, contextlib.suppress(OperatorToolError):
            go_on(made, session, cache, made.prepare(session, cache.order))
        found = [name for name, secret in secret_options.items() if str(secret).encode() in session.sent]
        assert not found, f"{self.plugin} sends a secret to the companion: {', '.join(found)}"
