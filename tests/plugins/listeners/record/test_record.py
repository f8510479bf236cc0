"""What passes between the tool and a companion, written down as it happens."""

from __future__ import annotations

import base64
import errno
import hashlib
import logging
import os
import stat
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from operator_tool.api import (
    CompanionError,
    CompanionSession,
    CompanionTransport,
    ConfigError,
    EagerTransport,
    EnrollableTransport,
    Event,
    HostKeyOffer,
    LinkError,
    Notice,
    RunContext,
    RunLimits,
    Secret,
    SimulatedTransport,
)
from operator_tool.plugin_host.protocols import meets
from operator_tool.redaction import Redactor
from operator_tool_plugins._recording import Closed, Complete, Connected, Ended, Got, Header, Line, NotConnected, Put
from operator_tool_plugins.listeners.record.recording import Recording
from operator_tool_plugins.listeners.record.transport import recorded
from operator_tool_plugins.transports import local
from tests.support.recordings import recording, records

_Kind = TypeVar("_Kind")
KEYS = ("canary/4711+Käse&key=%7E", "plain-canary-0815")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the recording goes."""
    return tmp_path / "recording.jsonl"


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """A run that knows the canaries."""
    redactor = Redactor()
    for key in KEYS:
        redactor.add(Secret(key))
    return RunContext(
        run_id="0123456789abcdef",
        state_dir=tmp_path / "plugins" / "local",
        redact=redactor.text,
        redacted_lines=redactor.lines,
    )


@pytest.fixture
def transport(file: Path, context: RunContext) -> Iterator[CompanionTransport]:
    """The transport to this machine, recorded."""
    with recording(file, local.make_companion_transport(context), context) as made:
        yield made


def of_kind(file: Path, kind: type[_Kind]) -> list[_Kind]:
    """Return the records of one kind."""
    return [record for record in records(file) if isinstance(record, kind)]


def test_a_session_is_told_from_its_beginning_to_its_end(
    transport: CompanionTransport, file: Path, tmp_path: Path
) -> None:
    """Head, companion, session, program with lines, errors and status, files, end: in that order."""
    with transport.connect() as session:
        with session.run(["sh", "-c", "read a; echo got $a; echo oops >&2; exit 3"], stdin=(b"one\n",)) as run:
            assert list(run) == [b"got one"]
            assert run.exit_status == 3
        session.put(b"content", str(tmp_path / "there"), mode=0o600)
        assert session.get(str(tmp_path / "there")) == b"content"

    kinds = [type(record).__name__ for record in records(file)]
    assert kinds == ["Header", "Companion", "Connected", "Started", "Line", "Ended", "Put", "Got", "Closed"]
    (line,), (ended,) = of_kind(file, Line), of_kind(file, Ended)
    assert line.text == "got one"
    assert (ended.exit_status, ended.stderr, ended.left) == (3, "oops\n", False)
    assert ended.stdin.size_bytes == 4
    assert ended.stdin_sha256 == hashlib.sha256(b"one\n").hexdigest()
    (put,), (got,) = of_kind(file, Put), of_kind(file, Got)
    assert (put.size_bytes, put.sha256, put.mode) == (7, hashlib.sha256(b"content").hexdigest(), 0o600)
    assert got.text == "content"


def test_each_line_says_how_far_standard_input_had_gone(transport: CompanionTransport, file: Path) -> None:
    """What a line answers had been taken by then, and what follows had not."""
    heard: list[bytes] = []
    came = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first\n"
        assert came.wait(10)
        yield b"second\n"

    with transport.connect() as session, session.run(["cat"], stdin=pieces()) as run:
        for line in run:
            heard.append(line)
            came.set()
    assert heard == [b"first", b"second"]
    first, second = of_kind(file, Line)
    assert (first.stdin.pieces, first.stdin.size_bytes, first.stdin.closed) == (1, 6, False)
    assert (second.stdin.pieces, second.stdin.size_bytes) == (2, 13)


def test_what_is_sent_is_counted_and_not_kept(transport: CompanionTransport, file: Path) -> None:
    """Of standard input, and of a file that is written, the recording has sizes and hashes alone."""
    picture = os.urandom(200_000)
    with transport.connect() as session, session.run(["wc", "-c"], stdin=(picture, picture)) as run:
        (counted,) = list(run)
    assert counted.strip() == b"400000"
    assert file.stat().st_size < 2000
    (ended,) = of_kind(file, Ended)
    assert (ended.stdin.pieces, ended.stdin.size_bytes, ended.stdin.closed) == (2, 400_000, True)
    assert ended.stdin_sha256 == hashlib.sha256(picture * 2).hexdigest()


def test_it_is_written_as_it_happens(transport: CompanionTransport, file: Path) -> None:
    """A line that was read stands in the file though the program, and the run, go on: a killed run leaves it."""
    with transport.connect() as session, session.run(["sh", "-c", "echo here; read wait"], stdin=_never()) as run:
        assert next(iter(run)) == b"here"
        assert of_kind(file, Line)[0].text == "here"
        assert not of_kind(file, Complete)
    assert of_kind(file, Ended)[0].left


def _never() -> Iterator[bytes]:
    threading.Event().wait(0.2)
    yield from ()


class TestTheFile:
    """Whose it is, and what is in its way."""

    def test_only_its_owner_can_read_it(self, file: Path, context: RunContext) -> None:
        """From the first moment on, whatever the umask."""
        before = os.umask(0)
        try:
            Recording.begun(file, context)
        finally:
            os.umask(before)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    @pytest.mark.parametrize("there", ["empty", "link", "folder"])
    def test_one_that_is_there_is_never_written_over(self, file: Path, context: RunContext, there: str) -> None:
        """An empty one neither, nor one behind a link: whose it is nobody knows."""
        if there == "empty":
            file.touch()
        elif there == "link":
            file.symlink_to(file.with_suffix(".elsewhere"))
        else:
            file.mkdir()
        with pytest.raises(ConfigError, match="is there already"):
            Recording.begun(file, context)
        assert not file.with_suffix(".elsewhere").exists()

    @pytest.mark.parametrize("name", ["no/such/folder/file", "a\0b"])
    def test_one_that_can_not_be_made_is_an_error_of_the_configuration(
        self, tmp_path: Path, context: RunContext, name: str
    ) -> None:
        """Before anything is connected."""
        with pytest.raises(ConfigError, match="can't be made"):
            Recording.begun(tmp_path / name, context)

    def test_a_recording_of_nothing_is_taken_away(self, file: Path, context: RunContext) -> None:
        """A command that ended before it reached anybody can be given again as it was."""
        with recording(file, local.make_companion_transport(context), context):
            assert of_kind(file, Header)[0].run_id == context.run_id
        assert not file.exists()

    def test_a_file_that_took_its_place_is_left_alone(self, file: Path, context: RunContext) -> None:
        """What is taken away is ours."""
        with recording(file, local.make_companion_transport(context), context):
            file.unlink()
            file.write_text("somebody's")
        assert file.read_text() == "somebody's"

    def test_a_full_disk_ends_the_recording_and_not_the_run(self, tmp_path: Path) -> None:
        """It is told once; the program's lines come all the same."""
        events: list[Event] = []
        context = RunContext(run_id="r", state_dir=tmp_path / "local", emit=events.append)
        full = Recording(os.open("/dev/full", os.O_WRONLY), Path("full.jsonl"), context)
        made = recorded(local.make_companion_transport(context), full, full.companion(context, "local"))
        with made.connect() as session, session.run(["echo", "x"]) as run:
            assert list(run) == [b"x"]
        full.end()
        assert events == [Notice(text="the recording full.jsonl ends here: No space left on device")]

    def test_a_disk_that_is_full_at_the_end_is_told_in_the_log(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No event follows the end of listening: an event would be told to nobody."""
        events: list[Event] = []
        context = RunContext(run_id="r", state_dir=tmp_path / "local", emit=events.append)
        full = Recording(os.open("/dev/full", os.O_WRONLY), Path("full.jsonl"), context)
        full._has_sessions = True
        with caplog.at_level(logging.WARNING):
            full.end()
        assert events == []
        assert caplog.messages == ["the recording full.jsonl ends here: No space left on device"]

    def test_a_line_that_does_not_fit_is_taken_back(
        self, file: Path, context: RunContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What stands in the file can be played: no line is there in part."""
        written: list[int] = []

        def write(descriptor: int, data: memoryview) -> int:
            if len(written) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(_write(descriptor, data[:10] if len(written) == 2 else data))
            return written[-1]

        _write = os.write
        monkeypatch.setattr(os, "write", write)
        made = Recording.begun(file, context)
        for number in range(9):
            made.write(Closed(session=number, at_s=0.0))
        made.end()
        assert written[2] == 10
        assert [type(record).__name__ for record in records(file)] == ["Header", "Closed"]


class Breaking:
    """A transport whose every step fails in its turn."""

    address = "broken"

    def __init__(self, inner: CompanionTransport, fails: str) -> None:
        self._inner = inner
        self._fails = fails

    def connect(self) -> CompanionSession:
        """Connect, or fail."""
        if self._fails == "connect":
            raise CompanionError("no route to it", hint="Walk there.", retryable=True)
        return self._inner.connect()


class TestWhatFails:
    """Failures are written down and passed on as they are."""

    def test_a_session_that_could_not_be_had(self, file: Path, context: RunContext) -> None:
        """With all that the error said."""
        inner = Breaking(local.make_companion_transport(context), "connect")
        with (
            recording(file, inner, context) as made,
            pytest.raises(CompanionError, match="no route"),
        ):
            made.connect()
        (refused,) = of_kind(file, NotConnected)
        fault = refused.fault
        assert (fault.type, fault.message, fault.hint, fault.retryable) == (
            "CompanionError",
            "no route to it",
            "Walk there.",
            True,
        )

    def test_a_link_that_goes_silent(self, transport: CompanionTransport, file: Path) -> None:
        """The error stands where the next line would be."""
        with (
            transport.connect() as session,
            session.run(["sh", "-c", "echo one; sleep 60"], limits=RunLimits(silence_s=0.2, exit_s=0.1)) as run,
            pytest.raises(LinkError),
        ):
            list(run)
        (ended,) = of_kind(file, Ended)
        assert ended.fault is not None
        assert ended.fault.type == "LinkStalledError"

    def test_files_that_are_not_there(self, transport: CompanionTransport, file: Path, tmp_path: Path) -> None:
        """A get and a put that fail are told with why."""
        with transport.connect() as session:
            with pytest.raises(LinkError):
                session.get(str(tmp_path / "nothing"))
            with pytest.raises(LinkError):
                session.put(b"x", "/proc/nowhere/x")
        assert all(got.fault is not None for got in of_kind(file, Got))
        assert all(put.fault is not None for put in of_kind(file, Put))

    def test_what_standard_input_raises_reaches_the_caller(self, transport: CompanionTransport, file: Path) -> None:
        """It is the caller's own, and is told as such."""

        def pieces() -> Iterator[bytes]:
            yield b"one\n"
            raise KeyError("the caller's")

        with transport.connect() as session, session.run(["cat"], stdin=pieces()) as run, pytest.raises(KeyError):
            list(run)
        assert [record.fault.type for record in of_kind(file, Ended) if record.fault] == ["KeyError"]


class TestOptionalProtocols:
    """A recorded transport can do what the transport can that it wraps, and nothing more."""

    def test_a_plain_one_stays_plain(self, transport: CompanionTransport) -> None:
        """Nothing to begin, no key, no simulation."""
        assert meets(transport, CompanionTransport)
        for protocol in (EagerTransport, EnrollableTransport, SimulatedTransport):
            assert not meets(transport, protocol)

    @pytest.mark.parametrize("style", ["class", "instance", "slots", "hands on", "hands on twice"])
    @pytest.mark.parametrize("protocol", [EagerTransport, EnrollableTransport, SimulatedTransport])
    def test_one_thing_more_is_handed_on_however_a_wrapper_has_it(
        self, file: Path, context: RunContext, style: str, protocol: type
    ) -> None:
        """It meets what the wrapped one meets, and no other Protocol; what is asked reaches it."""
        asked: list[str] = []
        inner = in_style(style, protocol, asked, local.make_companion_transport(context))
        with recording(file, inner, context) as made:
            for one in (EagerTransport, EnrollableTransport, SimulatedTransport):
                assert meets(made, one) == (one is protocol), one
            assert isinstance(made, protocol)
            if isinstance(made, SimulatedTransport):
                assert made.simulation == "a stand-in"
            if isinstance(made, EagerTransport):
                made.begin()
                made.close()
                assert asked == ["begin", "close"]
            if isinstance(made, EnrollableTransport):
                assert made.pin(made.offered_key()) == "pinned x"

    def test_what_is_in_no_protocol_is_handed_on_too(self, file: Path, context: RunContext) -> None:
        """A rig's own methods are there for its own wrappers; what nobody has is not."""
        inner = Breaking(local.make_companion_transport(context), "")
        inner.volts = 12  # type: ignore[attr-defined]
        with recording(file, inner, context) as made:
            assert made.volts == 12  # type: ignore[attr-defined]
            assert not hasattr(made, "amperes")

    def test_a_wrapper_that_fails_when_it_is_asked_does_not_have_it(self, file: Path, context: RunContext) -> None:
        """As for the core: what it does then is no reason to end the run."""

        class Grumpy(Breaking):
            def __getattr__(self, name: str) -> object:
                raise RuntimeError(name)

        with recording(file, Grumpy(local.make_companion_transport(context), ""), context) as made:
            assert not meets(made, EagerTransport)
            assert made.address == "broken"


def in_style(style: str, protocol: type, asked: list[str], plain: CompanionTransport) -> CompanionTransport:
    """Return a transport that meets one further Protocol, as a wrapper of some style does."""
    key = HostKeyOffer(label="x", type="t", fingerprint="SHA256:x", blob=b"")
    can: dict[type, dict[str, object]] = {
        EagerTransport: {"begin": lambda: asked.append("begin"), "close": lambda: asked.append("close")},
        EnrollableTransport: {"offered_key": lambda: key, "pin": lambda offer: f"pinned {offer.label}"},
        SimulatedTransport: {"simulation": "a stand-in"},
    }
    more = can[protocol]
    if style in ("class", "slots"):
        on_class = {name: staticmethod(one) if callable(one) else one for name, one in more.items()}
        if style == "class":
            made: CompanionTransport = type("Styled", (Breaking,), on_class)(plain, "")
            return made
        made = type("Slotted", (), {"__slots__": ("address", "connect", *more)})()
        for name, one in {"address": "broken", "connect": plain.connect, **more}.items():
            setattr(made, name, one)
        return made
    inner = Breaking(plain, "")
    vars(inner).update(more)
    return inner if style == "instance" else Handing(inner) if style == "hands on" else Handing(Handing(inner))


class Handing:
    """A wrapper that hands on whatever it has not itself, as the one that the documentation teaches."""

    def __init__(self, inner: CompanionTransport) -> None:
        self._inner = inner
        self.address = inner.address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def connect(self) -> CompanionSession:
        """Connect."""
        return self._inner.connect()


def spoil_argv(session: CompanionSession, key: str, _folder: Path) -> None:
    with session.run(["true", key, f"--key={urllib.parse.quote(key)}"]) as run:
        list(run)


def spoil_lines(session: CompanionSession, key: str, _folder: Path) -> None:
    forms = [f"x {key} y", base64.b64encode(key.encode()).decode(), urllib.parse.quote(key, safe="")]
    with session.run(["printf", "%s\\n", *forms]) as run:
        list(run)


def spoil_split_lines(session: CompanionSession, key: str, _folder: Path) -> None:
    with session.run(["cat"], stdin=(f"{key[:9]}\n{key[9:]}\n".encode(),)) as run:
        assert len(list(run)) == 2


def spoil_other_bytes(session: CompanionSession, key: str, _folder: Path) -> None:
    with session.run(["cat"], stdin=(b"\xff\xfe " + key.encode() + b" \xc3\n", key.encode("utf-16-le") + b"\n")) as run:
        list(run)


def spoil_errors(session: CompanionSession, key: str, folder: Path) -> None:
    with session.run(["sh", "-c", 'echo "$0" >&2', key]) as run:
        list(run)
    with pytest.raises(LinkError):
        session.get(str(folder / "missing" / key))


def spoil_content(session: CompanionSession, key: str, folder: Path) -> None:
    (folder / "config").write_text(f"[x]\nkey = {key}\n")
    session.get(str(folder / "config"))
    (folder / "binary").write_bytes(b"\0\xff" + key.encode())
    session.get(str(folder / "binary"))


SPOILERS = (spoil_argv, spoil_lines, spoil_split_lines, spoil_other_bytes, spoil_errors, spoil_content)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("spoil", SPOILERS)
def test_no_secret_is_in_a_recording(
    spoil: Callable[[CompanionSession, str, Path], None], key: str, file: Path, context: RunContext, tmp_path: Path
) -> None:
    """In arguments, lines, lines that it is split over, other bytes, errors and files: covered, in every form."""
    with recording(file, local.make_companion_transport(context), context) as made, made.connect() as session:
        spoil(session, key, tmp_path)
    assert not [form for form in forms(key) if form in everything_in(file)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("spoil", SPOILERS)
def test_without_a_redactor_the_canary_would_be_found(
    spoil: Callable[[CompanionSession, str, Path], None], key: str, file: Path, tmp_path: Path
) -> None:
    """The search finds what is there: a run whose redactor is blind leaves the key in the file."""
    blind = RunContext(run_id="r", state_dir=tmp_path / "local")
    with recording(file, local.make_companion_transport(blind), blind) as made, made.connect() as session:
        spoil(session, key, tmp_path)
    assert [form for form in forms(key) if form in everything_in(file)]


def everything_in(file: Path) -> bytes:
    """Return all that a recording tells: the file itself, what its bytes stand for, and its lines in one."""
    said = [record.raw for record in records(file) if isinstance(record, Line | Got)]
    return b"\n".join([file.read_bytes(), *said, b"".join(said), b"".join(said).replace(b"\0", b"")])


def forms(key: str) -> list[bytes]:
    """Return the forms in which a key must be nowhere."""
    plain = key.encode()
    return [
        plain,
        urllib.parse.quote(key, safe="").encode(),
        urllib.parse.quote(key).encode(),
        base64.b64encode(plain).rstrip(b"="),
    ]


def test_sessions_and_runs_of_two_companions_are_told_apart(file: Path, context: RunContext) -> None:
    """One file has all companions of a run; every number is one's own, also where they work at once."""
    made = Recording.begun(file, context)
    both = [
        recorded(local.make_companion_transport(context), made, made.companion(context, f"local-{number}"))
        for number in range(2)
    ]

    def work(transport: CompanionTransport) -> None:
        with transport.connect() as session:
            for _ in range(5):
                with session.run(["echo", "x"]) as run:
                    list(run)

    threads = [threading.Thread(target=work, args=(transport,)) for transport in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.end()
    assert len({record.run for record in of_kind(file, Ended)}) == 10
    assert sorted(record.companion for record in of_kind(file, Connected)) == [0, 1]
    assert len(of_kind(file, Closed)) == 2
    assert isinstance(records(file)[-1], Complete)
