"""Lines, exit status and standard error of a program."""

from __future__ import annotations

import time

import pytest

from operator_tool.api import CompanionSession, CompanionTransport, RunLimits

from ..making import Make
from .connecting import connections_refused
from .over_sessions import PATIENT, OverSessions
from .spoken import Spoken

MEGABYTE = 1024 * 1024
ODD_ARGUMENTS = (
    *("a b", "it's", '"quoted"', "$(echo no) `echo no`", "$HOME", "*", "line\nline", "", "~", "-n"),
    *("é\\n", "a;b", "a&b", "a|b", "#", "!x", "{a,b}", "\\", "\t"),
)


class ProgramChecks(OverSessions):
    """What a program says, and how it ends."""

    def test_its_address_is_known_without_connecting(self, make: Make) -> None:
        """The address names the lock before anything is sent, and is the same each time."""
        with connections_refused(self.plugin):
            one: CompanionTransport = make()
            other: CompanionTransport = make()
            addresses = one.address, other.address
        assert addresses[0] == addresses[1], f"{self.plugin}: two addresses for one companion: {addresses}"
        assert addresses[0], f"{self.plugin}: the address is empty; it names the lock"
        assert addresses[0].isprintable(), f"{self.plugin}: the address is shown to people: {addresses[0]!r}"

    def test_the_identity_names_the_address(self, transport: CompanionTransport, session: CompanionSession) -> None:
        """A session is with whom the transport said it would connect to."""
        assert session.identity.address == transport.address

    def test_lines_come_before_the_program_ends(self, session: CompanionSession) -> None:
        """A line can be read while the program still waits for what the caller will do."""
        with (
            Spoken() as spoken,
            session.run(["sh", "-c", "echo first; read go; echo second"], stdin=spoken, limits=PATIENT) as run,
        ):
            lines = iter(run)
            assert next(lines) == b"first"
            spoken.say(b"go\n")
            spoken.end()
            assert list(lines) == [b"second"]
            assert run.exit_status == 0

    @pytest.mark.parametrize("status", [0, 3, 255])
    def test_the_exit_status_is_the_programs(self, session: CompanionSession, status: int) -> None:
        """What a program exits with is what the caller gets."""
        with session.run(["sh", "-c", f"exit {status}"], limits=PATIENT) as run:
            assert list(run) == []
            assert run.exit_status == status

    def test_case_080_a_killed_program_has_no_exit_status(self, session: CompanionSession) -> None:
        """A signal is not a status; the lines before it are there."""
        with session.run(["sh", "-c", "echo said; kill -9 $$"], limits=PATIENT) as run:
            assert list(run) == [b"said"]
            assert run.exit_status is None

    def test_case_081_a_missing_program_is_status_127(self, session: CompanionSession) -> None:
        """As a shell would, the transport says so in standard error, and raises nothing."""
        with session.run(["no-such-program-here"], stdin=[b"x" * MEGABYTE], limits=PATIENT) as run:
            assert list(run) == []
            assert run.exit_status == 127
            assert "no-such-program-here" in run.stderr_tail
            assert "not found" in run.stderr_tail

    def test_case_081_a_file_that_cant_be_executed_is_status_126(
        self, session: CompanionSession, companion_folder: str
    ) -> None:
        """The same for a file that may not be executed."""
        session.put(b"data", f"{companion_folder}/data")
        with session.run([f"{companion_folder}/data"], limits=PATIENT) as run:
            assert list(run) == []
            assert run.exit_status == 126

    def test_arguments_are_passed_as_they_are(self, session: CompanionSession) -> None:
        """No shell expands, splits or drops anything of an argument."""
        with session.run(["printf", "%s|", *ODD_ARGUMENTS], limits=PATIENT) as run:
            assert b"\n".join(run) == "".join(f"{argument}|" for argument in ODD_ARGUMENTS).encode()

    @pytest.mark.parametrize("argv", [[], [""], ["echo", "a\0b"]], ids=["no program", "empty program", "a NUL"])
    def test_impossible_arguments_are_refused(self, session: CompanionSession, argv: list[str]) -> None:
        """No program, or a NUL in an argument, is a mistake of the caller's: ``check_argv`` raises for it."""
        with pytest.raises(ValueError, match="argument"):
            session.run(argv)

    def test_case_088_three_megabytes_of_errors_don_t_block(self, session: CompanionSession) -> None:
        """Standard error is drained while nobody reads standard output, and only its tail is kept."""
        script = "dd if=/dev/zero bs=65536 count=48 2>/dev/null | tr '\\0' e >&2; echo end >&2; echo done"
        with session.run(["sh", "-c", script], limits=RunLimits(silence_s=30, stderr_tail_bytes=100)) as run:
            assert list(run) == [b"done"]
            assert run.stderr_tail == "e" * 96 + "end\n"

    def test_case_090_lines_are_raw_bytes(self, session: CompanionSession) -> None:
        """Not UTF-8, NUL and a carriage return pass as they are; the last line may lack its end."""
        with session.run(["printf", r"\377\000\033[0m\r\n\nlast"], limits=PATIENT) as run:
            assert list(run) == [b"\xff\x00\x1b[0m\r", b"", b"last"]

    def test_case_090_the_errors_tail_can_be_printed(self, session: CompanionSession) -> None:
        """Controls and undecodable bytes of standard error are escaped, as ``escape_bytes`` does."""
        with session.run(["sh", "-c", r"printf 'a\033]52;\377\r\342\200\256b\n' >&2"], limits=PATIENT) as run:
            assert list(run) == []
            shown = run.stderr_tail
        assert shown.startswith("a")
        assert shown.rstrip("\n").endswith("b")
        assert shown.rstrip("\n").isprintable(), f"{self.plugin}: standard error is shown to people: {shown!r}"

    def test_case_091_a_background_child_doesn_t_hold_the_run(self, session: CompanionSession) -> None:
        """The end is judged by the program's exit, not by the end of an output that its child keeps open."""
        began_s = time.monotonic()
        with session.run(["sh", "-c", "sleep 8 & echo said; exit 4"], limits=RunLimits(exit_s=0.3)) as run:
            assert list(run) == [b"said"]
            assert run.exit_status == 4
        assert (took_s := time.monotonic() - began_s) < self.soon_s, f"it took {took_s:.1f} s"

    def test_an_iteration_goes_on_where_the_last_one_stopped(self, session: CompanionSession) -> None:
        """A caller may read one line, and later the others."""
        with session.run(["printf", r"1\n2\n3\n"], limits=PATIENT) as run:
            assert next(iter(run)) == b"1"
            assert list(run) == [b"2", b"3"]
            assert list(run) == []

    def test_programs_run_side_by_side(self, session: CompanionSession) -> None:
        """One session runs more than one program at a time."""
        with (
            session.run(["cat"], stdin=[b"first\n"], limits=PATIENT) as first,
            session.run(["cat"], stdin=[b"second\n"], limits=PATIENT) as second,
        ):
            assert list(second) == [b"second"]
            assert list(first) == [b"first"]
