"""One contract for every companion transport, run over this machine and over a real OpenSSH server."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import msgspec
import pytest

from operator_tool.api import CompanionSession, CompanionTransport, LinkError, RunContext, RunLimits
from operator_tool_plugins.transports import local, openssh, ssh
from tests.support.real_parts import RealSshd, real_sshd

SHORT = RunLimits(silence_s=0.6, run_s=30.0, exit_s=0.4)
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSshd]:
    """One server for all tests of this file: none of them hurts it."""
    with real_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """A run with a deadline of its own for nothing."""
    return RunContext(run_id="run", state_dir=tmp_path / "state")


@pytest.fixture(
    params=[
        "local",
        pytest.param("ssh", marks=pytest.mark.real_parts),
        pytest.param("openssh", marks=pytest.mark.real_parts),
    ]
)
def transport(request: pytest.FixtureRequest, context: RunContext) -> CompanionTransport:
    """Each transport in turn."""
    if request.param == "local":
        return local.make_companion_transport(context)
    server: RealSshd = request.getfixturevalue("sshd")
    if request.param == "openssh":
        return openssh.make_companion_transport(msgspec.convert(server.options(), openssh.OpensshSettings), context)
    return ssh.make_companion_transport(msgspec.convert(server.options(), ssh.SshSettings), context)


@pytest.fixture
def session(transport: CompanionTransport) -> Iterator[CompanionSession]:
    """An open session; after it no thread and no file of ours is left."""
    threads = set(threading.enumerate())
    descriptors = _descriptors()
    with transport.connect() as opened:
        yield opened
    left = set(threading.enumerate()) - threads
    assert not left, f"threads were left behind: {left}"
    assert _descriptors() <= descriptors


class TestAProgram:
    """Lines, exit status and standard error of a program."""

    def test_lines_come_before_the_program_ends(self, session: CompanionSession, tmp_path: Path) -> None:
        """A line can be read while the program still waits for what the caller will do."""
        go = tmp_path / "go"
        script = 'echo first; while [ ! -e "$1" ]; do sleep 0.05; done; echo second'
        with session.run(["sh", "-c", script, "sh", str(go)]) as run:
            lines = iter(run)
            assert next(lines) == b"first"
            go.touch()
            assert list(lines) == [b"second"]
            assert run.exit_status == 0

    @pytest.mark.parametrize("status", [0, 3, 255])
    def test_the_exit_status_is_the_programs(self, session: CompanionSession, status: int) -> None:
        """What a program exits with is what the caller gets."""
        with session.run(["sh", "-c", f"exit {status}"]) as run:
            assert list(run) == []
            assert run.exit_status == status

    def test_case_080_a_killed_program_has_no_exit_status(self, session: CompanionSession) -> None:
        """A signal is not a status; the lines before it are there."""
        with session.run(["sh", "-c", "echo said; kill -9 $$"]) as run:
            assert list(run) == [b"said"]
            assert run.exit_status is None

    def test_case_081_a_missing_program_is_status_127(self, session: CompanionSession) -> None:
        """As a shell would, the transport says so in standard error, and raises nothing."""
        with session.run(["no-such-program-here"], stdin=[b"x" * MEGABYTE]) as run:
            assert list(run) == []
            assert run.exit_status == 127
            assert "no-such-program-here" in run.stderr_tail
            assert "not found" in run.stderr_tail

    def test_case_081_a_file_that_cant_be_executed_is_status_126(
        self, session: CompanionSession, tmp_path: Path
    ) -> None:
        """The same for a file that may not be executed."""
        (tmp_path / "data").write_bytes(b"data")
        with session.run([str(tmp_path / "data")]) as run:
            assert list(run) == []
            assert run.exit_status == 126

    def test_arguments_are_passed_as_they_are(self, session: CompanionSession) -> None:
        """No shell expands, splits or drops anything of an argument."""
        arguments = [
            "a b",
            "it's",
            '"quoted"',
            "$(echo no) `echo no`",
            "$HOME",
            "*",
            "line\nline",
            "",
            "~",
            "-n",
            "é\\n",
        ]
        with session.run(["printf", "%s|", *arguments]) as run:
            assert b"\n".join(run) == "".join(f"{argument}|" for argument in arguments).encode()

    @pytest.mark.parametrize("argv", [[], [""], ["echo", "a\0b"]])
    def test_impossible_arguments_are_refused(self, session: CompanionSession, argv: list[str]) -> None:
        """No program, or a NUL in an argument, is a mistake of the caller's."""
        with pytest.raises(ValueError, match="argument"):
            session.run(argv)

    def test_case_088_three_megabytes_of_errors_don_t_block(self, session: CompanionSession) -> None:
        """Standard error is drained while nobody reads standard output, and only its tail is kept."""
        script = "head -c 3145728 /dev/zero | tr '\\0' e >&2; echo end >&2; echo done"
        with session.run(["sh", "-c", script], limits=RunLimits(silence_s=30, stderr_tail_bytes=100)) as run:
            assert list(run) == [b"done"]
            assert run.stderr_tail == "e" * 96 + "end\n"

    def test_case_090_lines_are_raw_bytes(self, session: CompanionSession) -> None:
        """Not UTF-8, NUL and a carriage return pass as they are; the last line may lack its end."""
        with session.run(["printf", r"\377\000\033[0m\r\n\nlast"]) as run:
            assert list(run) == [b"\xff\x00\x1b[0m\r", b"", b"last"]

    def test_case_090_the_errors_tail_can_be_printed(self, session: CompanionSession) -> None:
        """Controls and undecodable bytes of standard error are escaped."""
        with session.run(["sh", "-c", r"printf 'a\033]52;\377\r\342\200\256b\n' >&2"]) as run:
            assert list(run) == []
            assert run.stderr_tail == "a\\x1b]52;\\xff\\r\\u202eb\n"

    def test_case_091_a_background_child_doesn_t_hold_the_run(self, session: CompanionSession) -> None:
        """The end is judged by the program's exit, not by the end of an output that its child keeps open."""
        began_s = time.monotonic()
        with session.run(["sh", "-c", "sleep 8 & echo said; exit 4"], limits=RunLimits(exit_s=0.3)) as run:
            assert list(run) == [b"said"]
            assert run.exit_status == 4
        assert time.monotonic() - began_s < 5

    def test_an_iteration_goes_on_where_the_last_one_stopped(self, session: CompanionSession) -> None:
        """A caller may read one line, and later the others."""
        with session.run(["printf", r"1\n2\n3\n"]) as run:
            assert next(iter(run)) == b"1"
            assert list(run) == [b"2", b"3"]
            assert list(run) == []

    def test_programs_run_side_by_side(self, session: CompanionSession) -> None:
        """One session runs more than one program at a time."""
        with session.run(["cat"], stdin=[b"first\n"]) as first, session.run(["cat"], stdin=[b"second\n"]) as second:
            assert list(second) == [b"second"]
            assert list(first) == [b"first"]


class TestStandardInput:
    """The iterable that is streamed to the program."""

    def test_ten_megabytes_come_back_whole(self, session: CompanionSession) -> None:
        """A stream larger than every buffer on the way goes in while it comes out."""
        pieces = [bytes([65 + i % 26]) * 65_535 + b"\n" for i in range(160)]
        with session.run(["cat"], stdin=iter(pieces)) as run:
            assert [line + b"\n" for line in run] == pieces
            assert run.exit_status == 0

    def test_one_large_piece_is_cut_as_the_link_needs(self, session: CompanionSession) -> None:
        """A piece of any size is sent whole."""
        with session.run(["wc", "-c"], stdin=[bytes(5 * MEGABYTE), b"tail", b""]) as run:
            assert [int(line) for line in run] == [5 * MEGABYTE + 4]

    def test_a_dialogue(self, session: CompanionSession) -> None:
        """The iterable may wait for what the caller learns from a line."""
        answers: SimpleQueue[bytes | None] = SimpleQueue()
        with session.run(["cat"], stdin=iter(answers.get, None)) as run:
            lines = iter(run)
            for number in range(20):
                answers.put(b"%d\n" % number)
                assert next(lines) == b"%d" % number
            answers.put(None)
            assert list(lines) == []

    def test_what_the_iterable_raises_is_raised_again(self, session: CompanionSession) -> None:
        """The caller gets the very exception, at once, and the program sees the end of its input."""

        class OddError(Exception):
            """Nobody else's."""

        def failing() -> Iterator[bytes]:
            yield b"one\n"
            raise OddError("the supply failed")

        with (
            session.run(["sh", "-c", "cat; sleep 5"], stdin=failing(), limits=SHORT) as run,
            pytest.raises(OddError, match="supply"),
        ):
            list(run)

    def test_a_program_that_stops_reading_tells_why_itself(self, session: CompanionSession) -> None:
        """A broken pipe is no error of its own: the exit status and the last lines are what counts."""
        closed = threading.Event()

        def endless() -> Iterator[bytes]:
            try:
                while True:
                    yield b"x" * 65_536
            finally:
                closed.set()

        source = endless()  # held here, so that nobody but the transport closes it
        with session.run(["sh", "-c", "head -c 5 >/dev/null; echo enough; exit 7"], stdin=source) as run:
            assert list(run) == [b"enough"]
            assert run.exit_status == 7
        assert closed.wait(5), "the generator was not closed"

    def test_a_blocked_iterable_doesn_t_hold_the_caller(self, session: CompanionSession) -> None:
        """Leaving the run is possible while the iterable waits for something that never comes."""
        wake = threading.Event()
        before = set(threading.enumerate())

        def blocked() -> Iterator[bytes]:
            wake.wait(60)
            yield b""

        began_s = time.monotonic()
        with session.run(["echo", "line"], stdin=blocked(), limits=SHORT) as run:
            assert list(run) == [b"line"]
        assert time.monotonic() - began_s < 10
        wake.set()
        _wait_until(lambda: all(one.name != "companion-stdin" for one in set(threading.enumerate()) - before))


class TestLimits:
    """Whatever passes a limit ends the run with a ``LinkError``."""

    def test_case_086_a_line_without_end(self, session: CompanionSession) -> None:
        """A line beyond its cap is not gathered; the lines before it are there."""
        script = "echo before; head -c 50000000 /dev/zero"
        with session.run(["sh", "-c", script], limits=RunLimits(line_bytes=1000)) as run:
            lines = iter(run)
            assert next(lines) == b"before"
            with pytest.raises(LinkError, match="line of more than 1,000 bytes"):
                next(lines)

    def test_a_line_of_just_the_cap_passes(self, session: CompanionSession) -> None:
        """The cap is the longest line that is allowed, without its end."""
        with session.run(["printf", "%01000d\n", "7"], limits=RunLimits(line_bytes=1000)) as run:
            assert [len(line) for line in run] == [1000]

    def test_case_087_too_many_lines(self, session: CompanionSession) -> None:
        """The total is capped; what came within it was yielded."""
        seen: list[bytes] = []
        with (
            session.run(["yes", "1234567"], limits=RunLimits(total_bytes=80_000)) as run,
            pytest.raises(LinkError, match="more than 80,000 bytes"),
        ):
            seen.extend(run)
        assert seen == [b"1234567"] * 10_000

    def test_case_089_silence(self, session: CompanionSession) -> None:
        """A program that says nothing is given up at its deadline, also when it dribbles without ending a line."""
        began_s = time.monotonic()
        with (
            session.run(["sh", "-c", "while printf .; do sleep 0.1; done"], limits=SHORT) as run,
            pytest.raises(LinkError, match=r"said nothing for 0\.6 s"),
        ):
            list(run)
        assert time.monotonic() - began_s < 8

    def test_the_callers_own_time_is_no_silence(self, session: CompanionSession) -> None:
        """Only waiting for a line counts, not what the caller does between two of them."""
        with session.run(["printf", r"1\n2\n"], limits=SHORT) as run:
            lines = iter(run)
            next(lines)
            time.sleep(SHORT.silence_s + 0.1)
            assert list(lines) == [b"2"]

    def test_a_program_that_never_ends(self, session: CompanionSession) -> None:
        """However much it says, a run ends at its deadline."""
        limits = RunLimits(run_s=0.5, exit_s=0.3)
        script = "while echo .; do sleep 0.05; done"
        with session.run(["sh", "-c", script], limits=limits) as run, pytest.raises(LinkError, match=r"within 0\.5 s"):
            list(run)

    def test_a_program_that_closes_its_output_must_exit(self, session: CompanionSession) -> None:
        """The end of the output is not the end of the program."""
        with (
            session.run(["sh", "-c", "exec >&- 2>&-; cat; sleep 5"], limits=SHORT) as run,
            pytest.raises(LinkError, match="did not exit"),
        ):
            list(run)

    def test_the_run_can_be_cancelled(self, session: CompanionSession, context: RunContext) -> None:
        """The run's own cancellation ends the iteration within a second or so."""
        with session.run(["sh", "-c", "echo started; cat; sleep 0.1"], stdin=_never()) as run:
            lines = iter(run)
            assert next(lines) == b"started"
            context.cancelled.set()
            began_s = time.monotonic()
            with pytest.raises(LinkError, match="given up"):
                next(lines)
            assert time.monotonic() - began_s < 1


class TestTheEnd:
    """Leaving a run, closing a session."""

    def test_leaving_early_ends_a_program_that_reads(self, session: CompanionSession) -> None:
        """A program that minds the end of its input is gone when the run was left."""
        with session.run(["sh", "-c", "echo $$; exec cat"], stdin=_never()) as run:
            process = int(next(iter(run)))
            assert _runs(process)
        _wait_until(lambda: not _runs(process))

    def test_a_program_may_finish_what_it_does(self, session: CompanionSession, tmp_path: Path) -> None:
        """After its input was closed it has ``exit_s`` to end by itself, and may still talk meanwhile."""
        script = 'echo up; cat; head -c 1000000 /dev/zero; sleep 0.2; touch "$1"'
        with session.run(["sh", "-c", script, "sh", str(tmp_path / "tidied")], stdin=_never()) as run:
            next(iter(run))
        assert (tmp_path / "tidied").exists()

    def test_another_thread_may_close_the_session(self, transport: CompanionTransport) -> None:
        """It makes an iteration that waits end, and nothing more can be asked of the session."""
        with transport.connect() as session, session.run(["sh", "-c", "echo up; exec cat"], stdin=_never()) as run:
            lines = iter(run)
            next(lines)
            closer = threading.Timer(0.2, session.close)
            closer.start()
            began_s = time.monotonic()
            with pytest.raises(LinkError):
                next(lines)
            assert time.monotonic() - began_s < 5
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
        run = session.run(["sh", "-c", "echo why >&2; exit 3"])
        with run:
            list(run)
        with run:
            assert (run.exit_status, run.stderr_tail) == (3, "why\n")

    def test_the_identity_names_the_address(self, transport: CompanionTransport, session: CompanionSession) -> None:
        """A session is with whom the transport said it would connect to."""
        assert session.identity.address == transport.address


class TestFiles:
    """Putting and getting one file."""

    @pytest.mark.parametrize(
        "data",
        [b"", b"line\n", b"\n\n", b"no end", bytes(range(256)) * 4096],
        ids=["empty", "line", "ends", "cut", "1MB"],
    )
    def test_what_was_put_is_got(self, session: CompanionSession, tmp_path: Path, data: bytes) -> None:
        """Any bytes come back as they were, and the file has its mode; nothing else is left in the folder."""
        path = tmp_path / "new folder" / "it's a file"
        session.put(data, str(path), mode=0o750)
        assert path.read_bytes() == data
        assert path.stat().st_mode & 0o7777 == 0o750
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
        assert session.get(str(path)) == data

    def test_a_put_replaces(self, session: CompanionSession, tmp_path: Path) -> None:
        """A file that is there is replaced by rename: who has it open reads the old one to its end."""
        path = tmp_path / "file"
        path.write_bytes(b"old")
        with path.open("rb") as reader:
            session.put(b"new", str(path))
            assert (reader.read(), path.read_bytes()) == (b"old", b"new")

    def test_a_put_that_fails_leaves_nothing(self, session: CompanionSession, tmp_path: Path) -> None:
        """Where a folder has the name, the put fails and its temporary file is gone."""
        (tmp_path / "taken").mkdir()
        with pytest.raises(LinkError, match="taken could not be written"):
            session.put(b"data", str(tmp_path / "taken"))
        assert [entry.name for entry in tmp_path.glob(".*")] == []
        assert list((tmp_path / "taken").iterdir()) == []

    def test_a_missing_file(self, session: CompanionSession, tmp_path: Path) -> None:
        """It can't be got, and the message says why."""
        with pytest.raises(LinkError, match=r"absent could not be read: .*[Nn]o such file"):
            session.get(str(tmp_path / "absent"))

    def test_a_folder_or_a_pipe_is_no_file(self, session: CompanionSession, tmp_path: Path) -> None:
        """Neither is read, and nobody waits for a writer of the pipe."""
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(LinkError, match="could not be read"):
                session.get(str(path))

    def test_a_file_that_is_too_large(self, session: CompanionSession, tmp_path: Path) -> None:
        """One byte beyond the cap is too much, the cap itself is not."""
        (tmp_path / "file").write_bytes(b"\n" * 1001)
        with pytest.raises(LinkError, match="larger than 1,000 bytes"):
            session.get(str(tmp_path / "file"), max_bytes=1000)
        assert session.get(str(tmp_path / "file"), max_bytes=1001) == b"\n" * 1001


def _never() -> Iterator[bytes]:
    """Yield nothing, but stay open for as long as a test may take; ends soon after the run is left."""
    for _ in range(600):
        yield b""
        time.sleep(0.05)


def _descriptors() -> set[str]:
    found: set[str] = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} {entry.readlink()}")
    return {entry for entry in found if "/proc/" not in entry}


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
