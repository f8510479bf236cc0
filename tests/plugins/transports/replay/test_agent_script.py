"""An agent of docs/reference/agent-protocol.md, played to a workstation that cuts what it sends in its own way."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_tool.api import LinkError, PictureFormat, RunContext, RunLimits, StreamedRun, TileId, TileRecord
from operator_tool_plugins._recording import Ended, Fault, Line, Position
from operator_tool_plugins.provisioners.c10.wire import data_frame, lacking, offer_frame, seal_frame
from operator_tool_plugins.transports.replay.agent_answers import Answer, Answers, bits_of, mask_of
from operator_tool_plugins.transports.replay.agent_script import AgentScript, is_agent
from operator_tool_plugins.transports.replay.program import ReplayedProgram
from operator_tool_plugins.transports.replay.reading import PlayedRun
from operator_tool_plugins.transports.replay.same_words import Translation
from operator_tool_plugins.transports.replay.script import Script
from operator_tool_plugins.transports.replay.settings import ReplaySettings

bits = st.lists(st.integers(0, 1), max_size=60)
cuts = st.lists(st.integers(1, 20), min_size=1, max_size=10)


@given(bits=bits, then=cuts, now=cuts)
def test_every_tile_is_answered_once_however_it_is_offered(bits: list[int], then: list[int], now: list[int]) -> None:
    """As many answers as tiles, and as many of them lacking as then; one more tile has no answer."""
    answers = Answers((_recorded(piece) for piece in _cut(bits, then)), len(bits))
    given: list[int] = []
    for piece in _cut(bits, now):
        answer = answers.to(len(piece))
        assert answer is not None
        assert len(answer.bits) == len(piece)
        given += answer.bits
    assert sum(given) == sum(bits)
    assert answers.to(1) is None


@given(bits=bits, cut=cuts)
def test_the_same_offers_have_the_same_answers(bits: list[int], cut: list[int]) -> None:
    """Bit for bit, as long as the workstation cuts as it did then."""
    answers = Answers((_recorded(piece) for piece in _cut(bits, cut)), len(bits))
    for piece in _cut(bits, cut):
        assert answers.to(len(piece)) == Answer(0.0, tuple(piece))


@given(bits=bits)
def test_bits_are_written_as_they_are_read(bits: list[int]) -> None:
    """The highest bit of the first byte is the first tile, and what is beyond the tiles is 0."""
    assert list(bits_of(mask_of(tuple(bits))))[: len(bits)] == bits
    assert not any(bits_of(mask_of(tuple(bits)))[len(bits) :])
    assert bits_of("not base64!") == bits_of(None) == ()


def _recorded(piece: Sequence[int]) -> Answer:
    return Answer(0.0, tuple(piece) + (0,) * (-len(piece) % 8))


def _cut(bits: Sequence[int], sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    at = number = 0
    while at < len(bits):
        size = sizes[number % len(sizes)]
        yield bits[at : at + size]
        at += size
        number += 1


def recording_of(*said: dict[str, Any], ended: Ended | None = None, taken: int = 10**6) -> PlayedRun:
    """Return a run in which the agent said this, each line late in its standard input."""
    position = Position(pieces=1, size_bytes=taken)
    lines = [Line(run=1, at_s=0.0, stdin=position, text=json.dumps(one, separators=(",", ":"))) for one in said]
    return PlayedRun(("python3", "agent", "serve"), 0.0, lines, ended)


def ended(exit_status: int | None = 0, fault: Fault | None = None, taken: int = 10**6) -> Ended:
    """Return the end of a run."""
    position = Position(pieces=1, size_bytes=taken, closed=fault is None)
    return Ended(run=1, at_s=0.0, stdin=position, stdin_sha256="", exit_status=exit_status, stderr="", fault=fault)


def begin(verb: str) -> dict[str, Any]:
    """Return a call's first line."""
    return {"event": "begin", "verb": verb, "protocol": 2, "run_id": "r"}


def report(verb: str, **fields: Any) -> dict[str, Any]:
    """Return a call's last line."""
    return {"report": verb, "run_id": "r", "ok": True, **fields}


def lacks(batch: int, *bits: int) -> dict[str, Any]:
    """Return an answer to an offer."""
    return {"event": "lacks", "batch": batch, "count": sum(bits), "bits": mask_of(bits)}


class Workstation:
    """The other end: says what a test has it say, and reads what has come."""

    def __init__(self, run: PlayedRun, *, patience_s: float = 60.0, later_s: float = 0.0) -> None:
        settings = ReplaySettings(file="x", patience_s=patience_s)
        self.program = ReplayedProgram(run, AgentScript(run, later_s), Translation({}), settings)

    def say(self, *pieces: bytes) -> list[dict[str, Any]]:
        """Say these, and return the lines that come of it at once."""
        for piece in pieces:
            self.program.write_stdin(memoryview(piece), 0.0)
        return self.heard()

    def heard(self, wait_s: float = 0.0) -> list[dict[str, Any]]:
        """Return the lines that are there."""
        lines = []
        while data := self.program.read_stdout(wait_s):
            lines.append(json.loads(data))
        return lines


def request(verb: str, **fields: Any) -> bytes:
    """Return a call's request."""
    return json.dumps({"verb": verb, **fields}).encode() + b"\n"


def records(number: int) -> list[TileRecord]:
    """Return tiles to offer."""
    return [TileRecord(TileId(10, i, 1), bytes([i % 256]) * 32, 100 + i, PictureFormat.JPEG) for i in range(number)]


def test_an_answer_comes_with_its_offer_and_not_by_the_count_of_bytes() -> None:
    """Two offers of then are five of now; the report counts what was sent now, and comes with the seal."""
    run = recording_of(
        *(begin("receive"), lacks(0, *[1] * 20), lacks(1, *[1] * 30)),
        {"event": "stored", "batch": 1, "received": 50, "received_bytes": 6225},
        report("receive", tiles=50, bytes=6225, received_tiles=50, received_bytes=6225, copied_tiles=0),
        ended=ended(),
    )
    assert is_agent(run)
    tiles = records(50)
    other = Workstation(run)
    assert [one["event"] for one in other.say(request("receive"))] == ["begin"]
    for batch in range(5):
        offered = tiles[batch * 10 : batch * 10 + 10]
        (answer,) = other.say(offer_frame(batch, offered))
        assert (answer["event"], answer["batch"], answer["count"]) == ("lacks", batch, 10)
        wanted = lacking(offered, answer["bits"])
        said = other.say(data_frame(batch, [b"x" * one.length_bytes for one in wanted]))
        assert [one["event"] for one in said] == (["stored"] if batch == 4 else [])
    (last,) = other.say(seal_frame(50, sum(one.length_bytes for one in tiles)))
    assert (last["received_tiles"], last["received_bytes"]) == (50, 6225)
    other.program.close_stdin()
    assert other.program.read_stdout(0.0) == b""
    assert other.program.exit_status == 0


def test_frames_and_requests_may_arrive_in_any_pieces() -> None:
    """A transport cuts as it likes; a ping, and an empty line, are nothing that is asked."""
    run = recording_of(
        *(begin("receive"), lacks(0, 1, 0, 1), report("receive", tiles=3, bytes=303, received_tiles=2)),
        *(begin("build"), report("build")),
        ended=ended(),
    )
    tiles = records(3)
    stream = b"".join(
        [
            *(b"\n", request("receive"), b"\x00\x00\x00\x00\x00", offer_frame(0, tiles)),
            *(
                data_frame(0, [b"x" * 100, b"y" * 102]),
                seal_frame(3, 303),
                b"\n",
                request("build", follows_receive=True),
            ),
        ]
    )
    chance = random.Random(1)
    other, heard = Workstation(run), []
    while stream:
        size = chance.randrange(1, 7)
        heard += other.say(stream[:size])
        stream = stream[size:]
    assert [one.get("event", one.get("report")) for one in heard] == ["begin", "lacks", "receive", "begin", "build"]
    assert heard[2]["received_bytes"] == 202


def test_a_build_waits_for_the_manifest_and_for_the_word() -> None:
    """``ready`` comes after the final manifest, the report after ``commit``."""
    run = recording_of(begin("build"), {"event": "made"}, {"event": "ready"}, report("build"), ended=ended())
    other = Workstation(run)
    assert [one["event"] for one in other.say(request("build"))] == ["begin", "made"]
    assert other.say(b"\n") == []
    assert [one["event"] for one in other.say(b'{"manifest":"..."}\n')] == ["ready"]
    assert [one["report"] for one in other.say(b"commit\n")] == ["build"]


def test_files_are_waited_for_up_to_the_seal() -> None:
    """What is wanted comes at once."""
    run = recording_of(begin("artefacts"), {"event": "wants", "files": [[0, 0]]}, report("artefacts"), ended=ended())
    other = Workstation(run)
    assert len(other.say(request("artefacts"))) == 2
    assert other.say(b"\x05\x00\x00\x00\x05\x00\x00\x00\x00x") == []
    assert [one["report"] for one in other.say(seal_frame(0, 0))] == ["artefacts"]


def test_a_clock_is_as_wrong_as_it_was() -> None:
    """What the agent's clock said is moved by the time since then."""
    other = Workstation(recording_of(begin("status"), report("status", clock=1000), ended=ended()), later_s=86_400.4)
    assert other.say(request("status"))[-1]["clock"] == 87_400


def test_a_failure_in_the_midst_comes_where_it_came() -> None:
    """Not before as much was sent; and a request that was sent right behind is passed over, as the agent does."""
    failure = {**report("receive"), "ok": False, "error": {"code": "disk", "message": "full"}}
    run = recording_of(begin("receive"), lacks(0, 1, 1), failure, ended=ended(1), taken=400)
    other = Workstation(run)
    assert len(other.say(request("receive"), offer_frame(0, records(2)))) == 2
    assert [one["ok"] for one in other.say(data_frame(0, [b"x" * 300]))] == [False]
    assert other.say(b"\x04\x00\x00\x00\x00", request("build", follows_receive=True)) == []


def test_a_link_that_broke_breaks_when_no_answer_is_left() -> None:
    """The recorded error, without waiting for as many bytes."""
    broken = Fault(type="LinkError", message="the link is gone", retryable=True)
    other = Workstation(recording_of(begin("receive"), lacks(0, 1, 1), ended=ended(None, broken)))
    assert len(other.say(request("receive"), offer_frame(0, records(2)))) == 2
    with pytest.raises(LinkError, match="the link is gone") as error:
        other.say(offer_frame(1, records(2)))
    assert error.value.retryable


def test_it_beats_while_it_has_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workstation whose tiles take longer than then is not given up for silence."""
    monkeypatch.setattr("operator_tool_plugins.transports.replay.program._BEAT_S", 0.05)
    run = recording_of(begin("receive"), report("receive", tiles=1), ended=ended())
    other = Workstation(run)
    other.say(request("receive"))
    assert json.loads(other.program.read_stdout(0.1) or b"") == {"event": "heartbeat"}


@pytest.mark.parametrize("stays_open", [True, False], ids=["input open", "input closed"])
def test_who_waits_for_one_that_has_nothing_to_say_asks_it_seldom(
    monkeypatch: pytest.MonkeyPatch, stays_open: bool
) -> None:
    """Once patience is over there is nothing new until something is heard, or it is time to beat."""
    asked: list[bool] = []
    inner = AgentScript.next

    def counted(script: AgentScript, *, stalled: bool) -> object:
        asked.append(stalled)
        return inner(script, stalled=stalled)

    monkeypatch.setattr(AgentScript, "next", counted)
    run = recording_of(begin("receive"), report("receive", tiles=1, bytes=100), ended=ended())
    other = Workstation(run, patience_s=0.01)
    other.say(request("receive"))
    asked.clear()
    assert other.program.read_stdout(0.3) is None
    assert True in asked
    assert len(asked) <= 6
    if stays_open:
        assert other.say(seal_frame(1, 100))[-1]["report"] == "receive"
    else:
        other.program.close_stdin()
        assert other.program.read_stdout(10.0) == b""


@pytest.mark.parametrize(
    "said",
    [
        (begin("receive"), report("receive", tiles=1)),
        (begin("hello"),),
        (begin("hello"), report("hello")),
    ],
    ids=["before its turn", "in a call", "after a call"],
)
def test_a_recording_that_was_cut_short_is_no_agents_failure(said: tuple[dict[str, Any], ...]) -> None:
    """How it ended nobody knows: it is not told as an end without an exit status, and no retry mends it."""
    other = Workstation(recording_of(*said))
    other.say(request(said[0]["verb"]))
    other.program.close_stdin()
    with pytest.raises(LinkError, match="it was cut short here") as error:
        other.program.read_stdout(0.0)
    assert not error.value.retryable


HASHES = ("a1" * 32, "b2" * 32)


@pytest.mark.parametrize(
    ("recorded", "said", "answered"),
    [
        (HASHES[0], HASHES[0], HASHES[1]),
        (HASHES[0], "c3" * 32, "c3" * 32),
        ("0" * 64, HASHES[0], HASHES[0]),
    ],
    ids=["whole", "damaged then", "of another name"],
)
def test_the_agents_own_hash_is_this_runs_where_it_was_whole(recorded: str, said: str, answered: str) -> None:
    """A new version asks for its own agent; one that was damaged in the recording is damaged for it, too."""
    run = recording_of(begin("hello"), report("hello", agent_sha256=said), ended=ended())
    run.argv = ("python3", f"/opt/c10-agent-{recorded[:12]}.pyz", "serve")
    other = Workstation(run)
    assert other.say(request("hello", agent_sha256=HASHES[1]))[-1]["agent_sha256"] == answered
    assert Workstation(run).say(request("hello"))[-1]["agent_sha256"] == said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([request("receive"), offer_frame(0, records(9))], "more tiles are offered"),
        ([request("receive"), offer_frame(0, records(2)), seal_frame(2, 1)], "2 tiles of 1 bytes are offered"),
        ([request("build")], "build is asked where the recording has receive"),
        ([request("\x1b[2Jx")], r"\\x1b"),
        ([request("receive"), b"\x01\x00\x00\x00\x01x"], "not the one that was recorded"),
    ],
)
def test_what_was_not_said_then_is_another_run(said: list[bytes], words: str) -> None:
    """It fails for good, and says what differs."""
    run = recording_of(begin("receive"), lacks(0, 1, 1), report("receive", tiles=2, bytes=201), ended=ended())
    other = Workstation(run)
    with pytest.raises(LinkError, match=words) as error:
        other.say(*said)
    assert not error.value.retryable


def test_a_call_beyond_the_last_is_another_run() -> None:
    """The recorded agent had ended by then."""
    other = Workstation(recording_of(begin("hello"), report("hello"), ended=ended()))
    assert len(other.say(request("hello"))) == 2
    with pytest.raises(LinkError, match="gc is asked, and the recorded agent had ended"):
        other.say(request("gc"))


def test_other_programs_are_no_agents() -> None:
    """Another protocol, or words that only look so, are played by how far standard input had gone."""
    for text in ('{"event":"begin","protocol":3}', "{", "hello", "[" * 5000):
        line = Line(run=1, at_s=0.0, stdin=Position(), text=text)
        assert not is_agent(PlayedRun(("x",), 0.0, [line]))


def test_limits_hold_for_a_replay_too(tmp_path: Path) -> None:
    """A line beyond the caller's cap ends the run as over any transport."""
    line = Line(run=1, at_s=0.0, stdin=Position(), text="x" * 100_000)
    run = PlayedRun(("x",), 0.0, [line], ended())
    program = ReplayedProgram(run, Script(run), Translation({}), ReplaySettings(file="x"))
    context = RunContext(run_id="r", state_dir=tmp_path)
    with (
        StreamedRun(program, stdin=(), limits=RunLimits(exit_s=0.1), context=context, closed=lambda _run: None) as made,
        pytest.raises(LinkError, match="a line of more than"),
    ):
        list(made)


def test_bits_are_base64_of_whole_bytes() -> None:
    """As the protocol has them."""
    assert mask_of((1, 0, 0, 0, 0, 0, 0, 0, 1)) == base64.b64encode(b"\x80\x80").decode()
