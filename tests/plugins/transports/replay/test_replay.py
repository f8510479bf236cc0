"""A recorded companion, played again: the same lines, in the order in which one thing followed from another."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from operator_tool.api import (
    CompanionError,
    CompanionSession,
    CompanionTransport,
    ConfigError,
    Event,
    LinkError,
    LinkStalledError,
    Notice,
    RunContext,
    RunLimits,
    SimulatedTransport,
)
from operator_tool.plugin_host.protocols import meets
from operator_tool_plugins.listeners.record.recording import Recording
from operator_tool_plugins.listeners.record.transport import recorded
from operator_tool_plugins.transports import local
from tests.support.recordings import recording, replayed

RUN_ID = "0123456789abcdef"
ENDS = RunLimits(exit_s=0.2, silence_s=20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the recording goes."""
    return tmp_path / "recording.jsonl"


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """The recorded run."""
    return RunContext(run_id=RUN_ID, state_dir=tmp_path / "plugins" / "local")


def made_of(
    file: Path,
    context: RunContext,
    work: Callable[[CompanionSession], object],
    transport: CompanionTransport | None = None,
) -> None:
    """Record one session of this machine, or of another transport."""
    inner = transport or local.make_companion_transport(context)
    with recording(file, inner, context) as made, made.connect() as session:
        work(session)


def ran(
    session: CompanionSession, argv: Sequence[str], stdin: Sequence[bytes] = ()
) -> tuple[list[bytes], int | None, str]:
    """Run a program to its end and return all that came of it."""
    with session.run(argv, stdin=iter(stdin), limits=ENDS) as run:
        lines = list(run)
        return lines, run.exit_status, run.stderr_tail


PROGRAMS: dict[str, tuple[list[str], tuple[bytes, ...]]] = {
    "lines": (["printf", "one\\n\\ntwo"], ()),
    "status": (["sh", "-c", "echo bye; echo why >&2; exit 7"], ()),
    "killed": (["sh", "-c", "echo last; kill -9 $$"], ()),
    "missing": (["/no/such/program"], ()),
    "echo": (["cat"], (b"one\n", b"two\n", b"three")),
    "all of its input first": (["sh", "-c", "wc -c; echo done"], (b"x" * 100_000, b"y" * 50_000)),
    "other bytes": (["printf", "\\377\\376\\000\\033[31m\\r\\n\\303\\n"], ()),
    "many lines": (["seq", "3000"], ()),
    "unread input": (["sh", "-c", "echo no need; exec 0<&-"], (b"z" * 1_000_000,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_the_same_and_ends_the_same(file: Path, context: RunContext, name: str) -> None:
    """Lines byte for byte, exit status, standard error."""
    argv, stdin = PROGRAMS[name]
    was: list[object] = []
    made_of(file, context, lambda session: was.append(ran(session, argv, stdin)))
    with replayed(file, context, patience_s=0.2).connect() as session:
        assert [ran(session, argv, stdin)] == was


def answering(session: CompanionSession, say: Callable[[threading.Event], Iterator[bytes]]) -> list[bytes]:
    """Run ``cat`` and return its lines; what is said may wait for the first of them."""
    came = threading.Event()
    lines = []
    with session.run(["cat"], stdin=say(came), limits=ENDS) as run:
        for line in run:
            lines.append(line)
            came.set()
    return lines


def in_turn(came: threading.Event) -> Iterator[bytes]:
    """Say the second word when the first was answered."""
    yield b"one\n"
    assert came.wait(10)
    yield b"two\n"


class TestOrder:
    """A line comes when what it answers was said, and never too late for who waits for it."""

    def test_an_answer_waits_for_what_it_answers(self, file: Path, context: RunContext) -> None:
        """Though patience would last for ever: the second answer is not there before the second word."""
        made_of(file, context, lambda session: answering(session, in_turn))
        go = threading.Event()

        def later(came: threading.Event) -> Iterator[bytes]:
            yield b"one\n"
            assert came.wait(10)
            assert go.wait(10)
            yield b"two\n"

        came = threading.Event()
        with (
            replayed(file, context, patience_s=60.0).connect() as session,
            session.run(["cat"], stdin=later(came), limits=RunLimits(silence_s=0.4)) as run,
        ):
            lines = iter(run)
            assert next(lines) == b"one"
            came.set()
            with pytest.raises(LinkStalledError):
                next(lines)
            go.set()
            assert next(iter(run)) == b"two"

    def test_who_waits_for_an_answer_before_going_on_gets_it(self, file: Path, context: RunContext) -> None:
        """The recording may have taken more by then than the answer needs: nobody waits for ever."""

        def at_once(_came: threading.Event) -> Iterator[bytes]:
            yield b"one\n"
            yield b"two\n"

        made_of(file, context, lambda session: answering(session, at_once))
        with replayed(file, context, patience_s=0.1).connect() as session:
            assert answering(session, in_turn) == [b"one", b"two"]

    def test_other_pieces_of_the_same_input_do(self, file: Path, context: RunContext) -> None:
        """How a caller cuts what it says is its own business."""
        made_of(file, context, lambda session: answering(session, in_turn))

        def in_small_pieces(came: threading.Event) -> Iterator[bytes]:
            yield from (b"o", b"n", b"e\n")
            assert came.wait(10)
            yield from (b"tw", b"o\n")

        with replayed(file, context, patience_s=60.0).connect() as session:
            assert answering(session, in_small_pieces) == [b"one", b"two"]

    def test_the_recordings_pace_can_be_kept(self, file: Path, context: RunContext) -> None:
        """``recorded`` takes as long as it took then; ``fast`` doesn't."""
        argv = ["sh", "-c", "echo one; sleep 0.5; echo two"]
        made_of(file, context, lambda session: ran(session, argv))
        for pace, most_s, least_s in (("fast", 0.45, 0.0), ("recorded", 5.0, 0.5)):
            with replayed(file, context, pace=pace).connect() as session:
                began_s = time.monotonic()
                assert ran(session, argv)[0] == [b"one", b"two"]
                assert least_s <= time.monotonic() - began_s < most_s


class TestThisRun:
    """What is this run's own stands in the lines in place of what was the recorded one's."""

    def test_the_run_id_is_this_runs(self, file: Path, context: RunContext) -> None:
        """In arguments, lines, standard error and files."""
        script = ["sh", "-c", 'echo "$1 says"; echo "$1 fails" >&2', "sh"]
        (file.parent / "kept").write_text(f"by {RUN_ID}")

        def work(session: CompanionSession, run_id: str) -> tuple[list[bytes], str, bytes]:
            lines, _status, stderr = ran(session, [*script, run_id])
            return lines, stderr, session.get(str(file.parent / "kept"))

        made_of(file, context, lambda session: work(session, RUN_ID))
        with replayed(file, context).connect() as session:
            lines, stderr, content = work(session, "replayed-run-id0")
        assert lines == [b"replayed-run-id0 says"]
        assert stderr == "replayed-run-id0 fails\n"
        assert content == b"by replayed-run-id0"

    def test_a_made_up_word_is_this_calls(self, file: Path, context: RunContext) -> None:
        """Who knows an answer by a word of 32 digits is answered with the one that it made up now."""
        made_of(file, context, lambda session: ran(session, ["echo", "a" * 32, "yes"]))
        with replayed(file, context).connect() as session:
            assert ran(session, ["echo", "b" * 32, "yes"])[0] == [b"b" * 32 + b" yes"]

    def test_folders_and_pythons_do_not_count(self, file: Path, context: RunContext, tmp_path: Path) -> None:
        """A recording can be played elsewhere than it was made; the names of files do count."""
        (tmp_path / "tool.py").write_text("print('hi')")
        made_of(file, context, lambda session: ran(session, ["/usr/bin/env", "python3", str(tmp_path / "tool.py")]))
        with replayed(file, context).connect() as session:
            with pytest.raises(LinkError, match="no such program"):
                ran(session, ["/usr/bin/env", "python3", "/else/other.py"])
            ran(session, ["/bin/env", "/opt/python3.12", "/else/tool.py"])

    def test_another_version_of_a_program_is_the_program_and_is_told(self, file: Path, context: RunContext) -> None:
        """The hash in its file's name is no other program, and what it says of itself is this run's; a hash of
        anything else is what was asked for, and must be the same."""
        was, now, data = "a" * 64, "b" * 64, "c" * 64
        old, new = f"agent-{was[:12]}.pyz", f"agent-{now[:12]}.pyz"
        script = ["sh", "-c", 'echo "$1 is $2"', "sh"]
        made_of(file, context, lambda session: ran(session, [*script, f"/a/{old}", was, data]))
        events: list[Event] = []
        told = dataclasses.replace(context, emit=events.append)
        transport = replayed(file, told)
        with transport.connect() as session:
            for other in (
                [f"/a/{new}", now, "d" * 64],
                [f"/a/{new}", "d" * 64, data],
                [f"/a/other-{now[:12]}.pyz", now, data],
                [f"/a/{old}", now, data],
                [f"/a/{new}x", now, data],
            ):
                with pytest.raises(LinkError, match="no such program"):
                    ran(session, [*script, *other])
            assert events == []
            assert ran(session, [*script, f"/b/{new}", now, data])[0] == [f"/a/{new} is {now}".encode()]
        assert [event.text for event in events if isinstance(event, Notice)] == [
            f"the recorded program is {old}, and this run's is {new}: what that one said is played"
        ]

    def test_another_version_of_the_tool_is_told_once(self, file: Path, context: RunContext) -> None:
        """And the same one is not."""
        with recording(file, local.make_companion_transport(context), context) as made:
            for _ in range(2):
                made.connect().close()
        events: list[Event] = []
        for tool in (context.user_agent, "operator-tool/99"):
            now = dataclasses.replace(context, emit=events.append, user_agent=tool)
            transport = replayed(file, now)
            transport.connect().close()
            transport.connect().close()
        assert [event.text for event in events if isinstance(event, Notice)] == [
            "operator-tool made the recording, and operator-tool/99 plays it: the companion answers as it did then"
        ]

    def test_whose_recording_it_is_is_said(self, file: Path, context: RunContext) -> None:
        """The address is told apart from the companion's, the session has the companion's identity."""
        made_of(file, context, lambda session: ran(session, ["true"]))
        transport = replayed(file, context)
        assert meets(transport, SimulatedTransport)
        assert transport.address == "replay of local"
        assert transport.simulation.startswith("a recording of local of 20")
        with transport.connect() as session:
            assert session.identity.address == "local"


class Scripted:
    """A transport to this machine that fails as it is told, session after session."""

    address = "scripted"

    def __init__(self, context: RunContext, *failures: Exception | None) -> None:
        self._context = context
        self._failures = list(failures)

    def connect(self) -> CompanionSession:
        """Fail, or open a session."""
        failure = self._failures.pop(0)
        if failure is not None:
            raise failure
        return local.make_companion_transport(self._context).connect()


class TestFailures:
    """What failed in the recording fails again, in the same place."""

    def test_a_link_that_broke_breaks_again_and_the_next_session_is_the_next(
        self, file: Path, context: RunContext
    ) -> None:
        """After the same lines, with the same words; connecting again goes on where the recording went on."""
        refused = CompanionError("no route to it", hint="Walk there.", retryable=True)
        with recording(file, Scripted(context, None, refused, None), context) as made:
            with made.connect() as session, session.run(["sh", "-c", "echo one; sleep 60"], limits=ENDS) as run:
                lines = iter(run)
                assert next(lines) == b"one"
                session.close()
                with pytest.raises(LinkError, match="was closed"):
                    next(lines)
            with pytest.raises(CompanionError, match="no route"):
                made.connect()
            with made.connect() as session:
                ran(session, ["echo", "two"])

        transport = replayed(file, context, patience_s=0.2)
        with transport.connect() as session, session.run(["sh", "-c", "echo one; sleep 60"], limits=ENDS) as run:
            lines = iter(run)
            assert next(lines) == b"one"
            with pytest.raises(LinkError, match="was closed while a program was running") as broken:
                next(lines)
            assert broken.value.retryable
        with pytest.raises(CompanionError, match="no route") as again:
            transport.connect()
        assert (again.value.retryable, again.value.hint) == (True, "Walk there.")
        with transport.connect() as session:
            assert ran(session, ["echo", "two"])[0] == [b"two"]
        with pytest.raises(LinkError, match="no further session") as over:
            transport.connect()
        assert not over.value.retryable

    def test_a_stall_is_a_stall_and_takes_no_time(self, file: Path, context: RunContext) -> None:
        """The silence itself is not waited for again."""

        def stalls(session: CompanionSession) -> None:
            with (
                session.run(["sleep", "60"], limits=RunLimits(silence_s=0.7, exit_s=0.1)) as run,
                pytest.raises(LinkStalledError, match=r"said nothing for 0\.7 s"),
            ):
                list(run)

        made_of(file, context, stalls)
        began_s = time.monotonic()
        with replayed(file, context, patience_s=0.2).connect() as session:
            stalls(session)
        assert time.monotonic() - began_s < 0.7

    def test_what_was_never_asked_fails_and_says_so(self, file: Path, context: RunContext) -> None:
        """Another program, the same once more, another file: no answer is made up, and asking again is no use."""
        made_of(file, context, lambda session: ran(session, ["echo", "x"]))
        with replayed(file, context).connect() as session:
            asked: tuple[Callable[[], object], ...] = (
                lambda: ran(session, ["echo", "y"]),
                lambda: session.get("/etc/hostname"),
                lambda: session.put(b"x", "/tmp/x"),
            )
            for ask in asked:
                with pytest.raises(LinkError, match="the recording has no") as error:
                    ask()
                assert not error.value.retryable
                assert "--record" in error.value.hint
            assert ran(session, ["echo", "x"])[0] == [b"x"]
            with pytest.raises(LinkError, match="no such program"):
                ran(session, ["echo", "x"])

    def test_files_are_as_they_were(self, file: Path, context: RunContext, tmp_path: Path) -> None:
        """What was read is read, what was written must be as long; what failed fails."""
        there, binary = str(tmp_path / "there"), os.urandom(500) + b"\xff"

        def work(session: CompanionSession) -> bytes:
            session.put(binary, there)
            with pytest.raises(LinkError, match="could not be read"):
                session.get(str(tmp_path / "gone"))
            return session.get(there)

        made_of(file, context, work)
        with replayed(file, context).connect() as session:
            assert work(session) == binary
        with replayed(file, context).connect() as session, pytest.raises(LinkError, match="501 bytes"):
            session.put(b"other", there)

    def test_where_the_recorded_caller_left_there_is_no_more(self, file: Path, context: RunContext) -> None:
        """Who wants more than it heard then is told that the recording goes no further; who leaves may leave."""
        argv = ["sh", "-c", "echo one; sleep 60"]

        def leaves(session: CompanionSession) -> None:
            with session.run(argv, limits=ENDS) as run:
                assert next(iter(run)) == b"one"

        made_of(file, context, leaves)
        with replayed(file, context).connect() as session:
            leaves(session)
        with (
            replayed(file, context, patience_s=0.2).connect() as session,
            session.run(argv, stdin=_waiting(), limits=ENDS) as run,
            pytest.raises(LinkError, match="goes no further"),
        ):
            list(run)

    def test_a_run_that_was_killed_is_played_as_far_as_it_goes(self, file: Path, context: RunContext) -> None:
        """Its whole lines are a recording; behind them it says that it was cut short."""
        made_of(file, context, lambda session: ran(session, ["seq", "5"]))
        kept = file.read_bytes().splitlines(keepends=True)[:6]
        file.write_bytes(b"".join(kept))
        with (
            replayed(file, context, patience_s=0.2).connect() as session,
            session.run(["seq", "5"], stdin=_waiting(), limits=ENDS) as run,
        ):
            lines = iter(run)
            assert [next(lines), next(lines)] == [b"1", b"2"]
            with pytest.raises(LinkError, match="cut short"):
                next(lines)

    @pytest.mark.parametrize("whole_lines", range(4, 9))
    def test_wherever_it_was_cut_short_that_is_said(self, file: Path, context: RunContext, whole_lines: int) -> None:
        """Also to a caller that has nothing to say: never that the companion's program ended without a word."""

        def work(session: CompanionSession) -> None:
            assert ran(session, ["echo", "x"]) == ([b"x"], 0, "")
            assert ran(session, ["true"])[1] == 0
            session.get("/etc/hostname")

        made_of(file, context, work)
        kept = file.read_bytes().splitlines(keepends=True)
        assert len(kept) == 11
        file.write_bytes(b"".join(kept[:whole_lines]))
        with (
            replayed(file, context, patience_s=60.0).connect() as session,
            pytest.raises(LinkError, match="cut short") as error,
        ):
            work(session)
        assert not error.value.retryable


def _waiting() -> Iterator[bytes]:
    """Say nothing for a while."""
    threading.Event().wait(1.0)
    yield from ()


ESC, SHOWN = "\x1b]0;owned\x07\u202e", r"\x1b]0;owned\x07\u202e"


class TestWhatIsShown:
    """Anybody can have written the file: what it has in it moves no cursor, sets no title, turns no text."""

    def altered(self, file: Path, context: RunContext, kind: str, **fields: object) -> None:
        """Record a session in which two files are asked for, and alter the records of a kind."""

        def work(session: CompanionSession) -> None:
            session.put(b"x", str(file.parent / "there"))
            with pytest.raises(LinkError):
                session.get(str(file.parent / "gone"))

        made_of(file, context, work)
        lines = [json.loads(line) for line in file.read_bytes().splitlines()]
        altered = [line | fields if line["record"] == kind else line for line in lines]
        file.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in altered))

    def test_who_made_it(self, file: Path, context: RunContext) -> None:
        """In the error of another version, and in the note."""
        self.altered(file, context, "recording", version=9, tool=f"operator-tool{ESC}")
        with pytest.raises(ConfigError) as error:
            replayed(file, context)
        assert SHOWN in str(error.value)
        assert ESC not in str(error.value)
        file.unlink()
        self.altered(file, context, "recording", tool=f"operator-tool{ESC}")
        events: list[Event] = []
        replayed(file, dataclasses.replace(context, emit=events.append)).connect()
        (told,) = [event.text for event in events if isinstance(event, Notice)]
        assert SHOWN in told
        assert ESC not in told

    def test_the_companion(self, file: Path, context: RunContext) -> None:
        """Its name, its address, and what was asked for in its place."""
        self.altered(file, context, "companion", name=f"left{ESC}", address=f"at{ESC}")
        transport = replayed(file, context)
        assert (transport.address, ESC in transport.simulation) == (f"replay of at{SHOWN}", False)
        with pytest.raises(ConfigError) as error:
            replayed(file, context, companion=f"right{ESC}")
        assert f"no companion right{SHOWN}: it has left{SHOWN}" in str(error.value)

    def test_the_sessions_identity(self, file: Path, context: RunContext) -> None:
        """Address and key go into the report."""
        self.altered(file, context, "connected", address=f"at{ESC}", fingerprint=f"SHA256:{ESC}")
        with replayed(file, context).connect() as session:
            assert (session.identity.address, session.identity.fingerprint) == (f"at{SHOWN}", f"SHA256:{SHOWN}")

    def test_an_error(self, file: Path, context: RunContext) -> None:
        """Its words and its hint."""
        fault = {"type": "LinkError", "message": f"why{ESC}", "hint": f"do{ESC}", "retryable": False}
        self.altered(file, context, "got", fault=fault)
        with replayed(file, context).connect() as session, pytest.raises(LinkError) as error:
            session.get(str(file.parent / "gone"))
        assert (error.value.message, error.value.hint) == (f"why{SHOWN}", f"do{SHOWN}")

    def test_what_this_run_asks_for(self, file: Path, context: RunContext) -> None:
        """A file that isn't there, and one that is written otherwise."""
        self.altered(file, context, "put", path=f"/x/there{ESC}")
        with replayed(file, context).connect() as session:
            for ask in (lambda: session.get(f"/x/{ESC}"), lambda: session.put(b"xx", f"/x/there{ESC}")):
                with pytest.raises(LinkError) as error:
                    ask()
                assert SHOWN in str(error.value)
                assert ESC not in str(error.value)

    def test_the_files_own_name_and_a_line_that_is_none(self, tmp_path: Path, context: RunContext) -> None:
        """A name can have anything in it, also bytes that are no text."""
        file = tmp_path / os.fsdecode(b"r\x1b[2J\xff.jsonl")
        made_of(file, context, lambda session: ran(session, ["true"]))
        whole = file.read_bytes()
        for more in (b'{"record":"da\xc2\x9b\xe2\x80\xaence"}\n', b"cut", None):
            if more is None:
                file.unlink()
            else:
                file.write_bytes(whole + more)
            with pytest.raises(ConfigError) as error:
                replayed(file, context)
            assert str(error.value).isprintable(), repr(str(error.value))
            assert r"r\x1b[2J\udcff.jsonl" in str(error.value)


class TestTheFile:
    """Whatever is no recording is an error of the configuration, before anything is asked."""

    @pytest.fixture
    def sound(self, file: Path, context: RunContext) -> list[bytes]:
        """The lines of a sound recording, which is written anew by the test."""
        made_of(file, context, lambda session: ran(session, ["echo", "x"]))
        return file.read_bytes().splitlines(keepends=True)

    @pytest.mark.parametrize("cut", [-1, -20, -200])
    def test_one_that_is_cut_in_a_line(self, file: Path, context: RunContext, sound: list[bytes], cut: int) -> None:
        """The line is named."""
        file.write_bytes(b"".join(sound)[:cut])
        with pytest.raises(ConfigError, match=r"is cut off in line \d"):
            replayed(file, context)

    def test_one_of_another_version(self, file: Path, context: RunContext, sound: list[bytes]) -> None:
        """Both versions are named, and who made it."""
        head = json.loads(sound[0]) | {"version": 2, "tool": "operator-tool/9"}
        file.write_bytes(json.dumps(head).encode() + b"\n" + b"".join(sound[1:]))
        with pytest.raises(ConfigError, match=r"version 2, made by operator-tool/9; this program plays version 1"):
            replayed(file, context)

    @pytest.mark.parametrize(
        "content",
        [b"", b"\n", b"GIF89a", b'{"a":1}\n', b"[" * 100_000, random.Random(0).randbytes(3000)],
        ids=["empty", "a line's end", "a picture", "another document", "deep", "noise"],
    )
    def test_what_never_was_one(self, file: Path, context: RunContext, content: bytes) -> None:
        """Garbage is called what it is."""
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"is not a recording|is cut off"):
            replayed(file, context)

    @pytest.mark.parametrize(
        "line",
        [
            b"garbage",
            b"",
            b'{"record":"dance"}',
            b'{"record":"line","run":1,"at_s":"soon","stdin":{}}',
            b'{"record":"line","run":77,"at_s":1,"stdin":{},"text":"x"}',
            b'{"record":"closed","session":77,"at_s":1}',
            b'{"record":"started","run":9,"session":77,"at_s":1,"argv":["x"]}',
        ],
    )
    def test_a_line_that_is_none_of_a_recordings(
        self, file: Path, context: RunContext, sound: list[bytes], line: bytes
    ) -> None:
        """Its number is named."""
        file.write_bytes(b"".join([*sound[:4], line + b"\n", *sound[4:]]))
        with pytest.raises(ConfigError, match=r"line 5 is not a recording's"):
            replayed(file, context)

    def test_lines_behind_its_end_or_out_of_turn(self, file: Path, context: RunContext, sound: list[bytes]) -> None:
        """Two recordings in one file are none."""
        for lines in ([*sound, *sound], [*sound[:6], sound[4], *sound[6:]], [sound[0], *sound]):
            file.write_bytes(b"".join(lines))
            with pytest.raises(ConfigError, match="is not a recording's"):
                replayed(file, context)

    def test_one_without_a_session(self, file: Path, context: RunContext, sound: list[bytes]) -> None:
        """A run that was killed before it reached anybody left nothing to play."""
        file.write_bytes(sound[0])
        with pytest.raises(ConfigError, match="holds nothing"):
            replayed(file, context)

    def test_what_is_no_file(self, file: Path, context: RunContext, tmp_path: Path) -> None:
        """A pipe is not waited for."""
        with pytest.raises(ConfigError, match="can't be read: No such file"):
            replayed(file, context)
        os.mkfifo(file)
        for path in (file, tmp_path, Path("/dev/zero")):
            with pytest.raises(ConfigError, match="can't be read"):
                replayed(path, context)


def test_which_companion_of_several_is_played(file: Path, context: RunContext) -> None:
    """By the run's own name for it, or as the setting says; where neither tells, all are named."""
    made = Recording.begun(file, context)
    for name in ("left", "right"):
        its = dataclasses.replace(context, companion=name)
        transport = recorded(local.make_companion_transport(its), made, made.companion(its, f"at {name}"))
        with transport.connect() as session:
            ran(session, ["echo", name])
    made.end()

    for asked in (
        replayed(file, dataclasses.replace(context, companion="right")),
        replayed(file, context, companion="right"),
        replayed(file, context, companion="at right"),
    ):
        assert asked.address == "replay of at right"
        with asked.connect() as session:
            assert ran(session, ["echo", "right"])[0] == [b"right"]
    for companion in ("", "middle"):
        with pytest.raises(ConfigError, match="it has left, right"):
            replayed(file, context, companion=companion)
