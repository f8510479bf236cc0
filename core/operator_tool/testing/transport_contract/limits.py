"""Whatever passes a limit ends the run with a ``LinkError``."""

from __future__ import annotations

import dataclasses
import time

import pytest

from operator_tool.api import (
    CompanionSession,
    CompanionTransport,
    Deadline,
    LinkError,
    LinkStalledError,
    RunContext,
    RunLimits,
)

from ..making import Make
from ..plugin_contract import close_object
from .over_sessions import SHORT, OverSessions
from .spoken import Endless, never


class LimitChecks(OverSessions):
    """The caps of ``RunLimits``, the run's deadline and its cancellation."""

    def test_case_086_a_line_without_end(self, session: CompanionSession) -> None:
        """A line beyond its cap is not gathered; the lines before it are there."""
        script = "echo before; dd if=/dev/zero bs=65536 count=800 2>/dev/null"
        with session.run(["sh", "-c", script], limits=RunLimits(line_bytes=1000, silence_s=20)) as run:
            lines = iter(run)
            assert next(lines) == b"before"
            with pytest.raises(LinkError) as caught:
                next(lines)
        assert not caught.value.retryable, "the program would say the same again: say retryable=False"

    def test_a_line_of_just_the_cap_passes(self, session: CompanionSession) -> None:
        """The cap is the longest line that is allowed, without its end."""
        with session.run(["printf", "%01000d\n", "7"], limits=RunLimits(line_bytes=1000, silence_s=20)) as run:
            assert [len(line) for line in run] == [1000]

    def test_case_087_too_many_lines(self, session: CompanionSession) -> None:
        """The total is capped; what came within it was yielded."""
        seen: list[bytes] = []
        script = "while echo 1234567; do :; done"
        with (
            session.run(["sh", "-c", script], limits=RunLimits(total_bytes=80_000, silence_s=20, run_s=20)) as run,
            pytest.raises(LinkError) as caught,
        ):
            seen.extend(run)
        assert seen == [b"1234567"] * 10_000
        assert not caught.value.retryable, "the program would say the same again: say retryable=False"

    def test_case_089_silence(self, session: CompanionSession) -> None:
        """A program that says nothing is given up at its deadline, also when it dribbles without ending a line."""
        began_s = time.monotonic()
        with (
            session.run(["cat"], stdin=Endless(b".", pause_s=0.1), limits=SHORT) as run,
            pytest.raises(LinkStalledError),
        ):
            list(run)
        assert (took_s := time.monotonic() - began_s) < SHORT.silence_s + self.soon_s, f"it took {took_s:.1f} s"

    def test_the_callers_own_time_is_no_silence(self, session: CompanionSession) -> None:
        """Only waiting for a line counts, not what the caller does between two of them."""
        with session.run(["printf", r"1\n2\n"], limits=SHORT) as run:
            lines = iter(run)
            next(lines)
            time.sleep(SHORT.silence_s + 0.1)
            assert list(lines) == [b"2"]

    def test_a_program_that_never_ends(self, session: CompanionSession) -> None:
        """However much it says, a run ends at its deadline."""
        limits = RunLimits(run_s=0.5, exit_s=0.3, silence_s=20)
        began_s = time.monotonic()
        with (
            session.run(["cat"], stdin=Endless(b".\n", pause_s=0.05), limits=limits) as run,
            pytest.raises(LinkError),
        ):
            list(run)
        assert (took_s := time.monotonic() - began_s) < self.soon_s, f"it took {took_s:.1f} s"

    def test_a_program_that_closes_its_output_must_exit(self, session: CompanionSession) -> None:
        """The end of the output is not the end of the program."""
        with (
            session.run(["sh", "-c", "exec >&- 2>&-; cat; sleep 5"], limits=SHORT) as run,
            pytest.raises(LinkError),
        ):
            list(run)

    def test_the_run_can_be_cancelled(self, session: CompanionSession, context: RunContext) -> None:
        """The run's own cancellation ends the iteration within a second or so."""
        with session.run(["sh", "-c", "echo started; cat"], stdin=never()) as run:
            lines = iter(run)
            assert next(lines) == b"started"
            context.cancelled.set()
            began_s = time.monotonic()
            with pytest.raises(LinkError):
                next(lines)
            assert (took_s := time.monotonic() - began_s) < 1, f"it took {took_s:.1f} s"

    def test_the_runs_deadline_ends_a_program(self, make: Make, context: RunContext) -> None:
        """No wait goes beyond the deadline of the whole run."""
        began_s = time.monotonic()
        with make().connect():
            connecting_s = time.monotonic() - began_s
        hurried = dataclasses.replace(context, deadline=Deadline.after(0.7 + 5 * connecting_s))
        transport: CompanionTransport = make(None, hurried)
        try:
            with transport.connect() as session, session.run(["sh", "-c", "echo up; cat"], stdin=never()) as run:
                lines = iter(run)
                assert next(lines) == b"up"
                with pytest.raises(LinkError):
                    next(lines)
                late_s = time.monotonic() - began_s - connecting_s - (0.7 + 5 * connecting_s)
        finally:
            close_object(transport)
        assert late_s < 1, f"{self.plugin}: a program went on for {late_s:.1f} s after the run's deadline"
