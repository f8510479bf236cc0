"""Leaving a run, closing a session."""

from __future__ import annotations

import threading
import time

import pytest

from operator_tool.api import CompanionSession, CompanionTransport, LinkError, RunLimits

from ..making import Make
from ..plugin_contract import close_object
from .leftovers import Leftovers
from .over_sessions import PATIENT, OverSessions, is_gone, is_running, said
from .spoken import never


class EndChecks(OverSessions):
    """However a run or a session is left, nothing of it stays."""

    def test_leaving_early_ends_a_program_that_reads(self, session: CompanionSession) -> None:
        """A program that minds the end of its input is gone when the run was left."""
        with session.run(["sh", "-c", "echo $$; exec cat"], stdin=never(), limits=PATIENT) as run:
            process = int(next(iter(run)))
            assert is_running(session, process)
        assert is_gone(session, process, self.soon_s)

    def test_leaving_early_ends_a_program_that_doesn_t_read(self, session: CompanionSession) -> None:
        """The caller is not held by a program that minds nothing."""
        limits = RunLimits(silence_s=20, exit_s=0.3)
        with session.run(["sh", "-c", "echo up; sleep 30"], stdin=never(), limits=limits) as run:
            assert next(iter(run)) == b"up"
            left_s = time.monotonic()
        assert (took_s := time.monotonic() - left_s) < self.soon_s, f"it took {took_s:.1f} s"

    def test_a_program_may_finish_what_it_does(self, session: CompanionSession, companion_folder: str) -> None:
        """After its input was closed it has ``exit_s`` to end by itself, and may still talk meanwhile."""
        script = 'echo up; cat; dd if=/dev/zero bs=65536 count=16 2>/dev/null; : >"$1"'
        with session.run(
            ["sh", "-c", script, "sh", f"{companion_folder}/tidied"], stdin=never(), limits=PATIENT
        ) as run:
            assert next(iter(run)) == b"up"
        assert said(session, "ls", companion_folder) == b"tidied"

    def test_another_thread_may_close_the_session(self, transport: CompanionTransport) -> None:
        """It makes an iteration that waits end, and nothing more can be asked of the session."""
        with (
            transport.connect() as session,
            session.run(["sh", "-c", "echo up; exec cat"], stdin=never(), limits=PATIENT) as run,
        ):
            lines = iter(run)
            assert next(lines) == b"up"
            closer = threading.Timer(0.2, session.close)
            closer.start()
            began_s = time.monotonic()
            with pytest.raises(LinkError):
                next(lines)
            assert (took_s := time.monotonic() - began_s) < self.soon_s, f"it took {took_s:.1f} s"
            closer.join()
            with pytest.raises(LinkError):
                session.run(["true"])
            with pytest.raises(LinkError):
                session.get("/etc/hostname")

    def test_a_session_can_be_closed_twice(self, transport: CompanionTransport) -> None:
        """Closing again does nothing."""
        session = transport.connect()
        session.close()
        session.close()

    def test_a_run_can_be_left_twice(self, session: CompanionSession) -> None:
        """Leaving again does nothing; what was learnt stays."""
        run = session.run(["sh", "-c", "echo why >&2; exit 3"], limits=PATIENT)
        with run:
            list(run)
        with run:
            assert (run.exit_status, run.stderr_tail) == (3, "why\n")

    def test_it_connects_again(self, transport: CompanionTransport) -> None:
        """After a session is closed the same transport opens another."""
        for word in ("one", "two"):
            with transport.connect() as session:
                assert said(session, "echo", word) == word.encode()

    def test_it_leaves_nothing_behind(self, make: Make, companion_folder: str) -> None:
        """After a session no thread, no open file and no child process of it is left in this process."""
        before = Leftovers.now()
        transport: CompanionTransport = make()
        with transport.connect() as session:
            said(session, "echo", "up")
            session.put(b"data", f"{companion_folder}/file")
            session.get(f"{companion_folder}/file")
            with session.run(["cat"], stdin=never(), limits=PATIENT):
                pass
        close_object(transport)
        assert not (left := Leftovers.beyond(before)), f"{self.plugin} left behind: {left}"
