"""A link that breaks in the middle of what goes over it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from operator_tool.api import CompanionSession, CompanionTransport, LinkError, RunLimits

from ..making import Make
from .leftovers import Leftovers
from .over_sessions import OverSessions, said
from .spoken import Endless, never

_LIMITS = RunLimits(silence_s=3.0, run_s=60.0, exit_s=1.0)
_OLD, _NEW = b"old" * 1000, bytes(range(256)) * (32 * 1024)


class BreakingLinkChecks(OverSessions):
    """What a broken link looks like to whoever uses the session."""

    @pytest.fixture
    def break_link(self) -> Callable[[], None]:
        """Breaks all connections that are open now, as a cable that is pulled does; new ones get through."""
        pytest.fail(
            "override the fixture break_link: a function that breaks the connections that are open; for a transport "
            "whose link can't break inherit CompanionTransportContract"
        )

    def test_a_link_that_breaks_ends_the_lines(self, session: CompanionSession, break_link: Callable[[], None]) -> None:
        """The lines before are there; then comes a ``LinkError`` that says to try again, and no exit status."""
        with session.run(["sh", "-c", "echo one; cat"], stdin=never(), limits=_LIMITS) as run:
            lines = iter(run)
            assert next(lines) == b"one"
            break_link()
            broken_s = time.monotonic()
            with pytest.raises(LinkError) as caught:
                list(lines)
            assert (took_s := time.monotonic() - broken_s) < _LIMITS.silence_s + self.soon_s, f"it took {took_s:.1f} s"
            assert caught.value.retryable, "a link that broke may be taken up again: say retryable=True"
            assert run.exit_status is None, f"{self.plugin} knows an exit status that nobody told: {run.exit_status}"

    def test_a_link_that_breaks_lets_go_of_the_supply(
        self, session: CompanionSession, break_link: Callable[[], None]
    ) -> None:
        """Nobody pulls pieces any more that can't be sent."""
        endless = Endless(b"x" * 65_536, pause_s=0.001)
        pieces = iter(endless)
        with session.run(["sh", "-c", "echo one; cat >/dev/null"], stdin=pieces, limits=_LIMITS) as run:
            lines = iter(run)
            assert next(lines) == b"one"
            break_link()
            with pytest.raises(LinkError):
                list(lines)
        assert endless.closed.wait(self.soon_s), "standard input is still pulled"

    def test_a_broken_session_stays_broken(
        self, session: CompanionSession, transport: CompanionTransport, break_link: Callable[[], None]
    ) -> None:
        """Whatever is asked of it raises ``LinkError``; the transport then opens another one."""
        said(session, "echo", "up")
        break_link()
        with pytest.raises(LinkError):
            session.get("/etc/hostname")
        with pytest.raises(LinkError), session.run(["echo", "here"], limits=_LIMITS) as run:
            list(run)
        session.close()
        with transport.connect() as again:
            assert said(again, "echo", "again") == b"again"

    def test_a_put_over_a_link_that_breaks_is_whole_or_not_there(
        self,
        session: CompanionSession,
        transport: CompanionTransport,
        companion_folder: str,
        break_link: Callable[[], None],
    ) -> None:
        """The file is the old one or the new one, to the last byte, and nothing lies beside it."""
        path = f"{companion_folder}/file"
        session.put(_OLD, path)
        cutter = threading.Timer(0.1, break_link)
        cutter.start()
        try:
            session.put(_NEW, path)
        except LinkError:
            pass
        finally:
            cutter.join()
        session.close()
        with transport.connect() as again:
            until_s = time.monotonic() + self.soon_s
            # What was writing may still be on its way to seeing that nobody is there.
            while (listed := said(again, "ls", "-A", companion_folder)) != b"file" and time.monotonic() < until_s:
                time.sleep(0.1)
            assert listed == b"file", f"there is left behind: {listed!r}"
            got = again.get(path, max_bytes=len(_NEW) + 1)
            assert got in (_OLD, _NEW), f"{len(got):,} bytes are there, neither the old file nor the new one"

    def test_a_broken_link_leaves_nothing_behind(self, make: Make, break_link: Callable[[], None]) -> None:
        """Nor does a session that is closed after its link broke."""
        transport: CompanionTransport = make()
        before = Leftovers.now()
        with transport.connect() as session, session.run(["cat"], stdin=never(), limits=_LIMITS) as run:
            break_link()
            with pytest.raises(LinkError):
                list(run)
        assert not (left := Leftovers.beyond(before)), f"{self.plugin} left behind: {left}"
