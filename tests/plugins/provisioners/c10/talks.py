"""What either end of the agent's protocol may be told, and its promise: whatever comes, only its own errors come out.

Each talk takes any bytes, as fuzzing or a seeded run makes them of its samples, and raises where a promise is broken.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from operator_tool.api import (
    BuildError,
    CompanionError,
    CompanionState,
    GcReport,
    OperatorToolError,
    Soundness,
)
from operator_tool.build_cache.answers import of_the_companion
from operator_tool_plugins.provisioners.c10 import (
    artefacts,
    build,
    enrol,
    holdings,
    lookafter,
    prepare,
    status,
    transfer,
)
from operator_tool_plugins.provisioners.c10.agent.desk import Desk
from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.receiving.intake import Intake, Offer, Seal
from operator_tool_plugins.provisioners.c10.agent.wire import Inlet, Outlet
from operator_tool_plugins.provisioners.c10.aside import InstalledAgents
from operator_tool_plugins.provisioners.c10.conversation import Conversation, Progress
from operator_tool_plugins.provisioners.c10.report import AgentFailureError, Transcript, holder_text
from operator_tool_plugins.provisioners.c10.settings import C10Settings
from operator_tool_plugins.provisioners.c10.stage_events import last_lines, show_stage
from operator_tool_plugins.provisioners.c10.wire import (
    PROTOCOL,
    artefact_frame,
    data_frame,
    offer_frame,
    ping_frame,
    seal_frame,
)
from tests.support.c10_rig import Told, agent_file, context_of, manifest_of, order_of, request_of, supply_of, whole_way

MAX_LINE_BYTES = 1024 * 1024
_RUN = "run-1"
_KEY = "a" * 64
_GENERATION = "00000001-aaaaaaaaaaaa"
_SUPPLY = supply_of(4, size_bytes=64)
_ORDER = order_of(4)


class Talk(NamedTuple):
    """One thing that is told: samples of it, and what takes it."""

    samples: tuple[bytes, ...]
    take: Callable[[bytes], None]


def _hello(**fields: object) -> dict[str, object]:
    current = {"name": _GENERATION, "seq": 1, "content_key": _KEY, "run_id": _RUN, "tiles_digest": _KEY, "differs": ""}
    gaps = {
        "missing": 2,
        "by_zoom": {"16": 2},
        "nearest": dict.fromkeys(("z", "x", "y", "route_m", "waypoint", "off_m"), 1),
    }
    told = {"flight_id": "f", "operator": "a@b", "created_at": 1, "tiles": 4, "allow_gaps": 2, "gaps": gaps}
    return {
        "protocol": PROTOCOL, "agent": "2.0", "agent_sha256": _KEY, "python": "3.8.1", "machine": "x86_64",
        "gated": False, "armed": "no", "companion_id": "b" * 32, "boot_id": "c", "nonce": "d" * 32, "clock": 1,
        "root": "/r", "reasons": ["no"], "busy": {"operator": "a@b", "since": "1"},
        "signers": [{"principal": "a", "fingerprint": "f"}],
        "highest_seq": 1, "stages": [{"name": "s", "digest": _KEY}], "missing_files": ["/x: gone"],
        "current": {**current, **told}, "staged_bytes": 5, "free_bytes": 10**9, "free_inodes": 1000, "last": True,
        "verified": {"ok": True, "how": "full", "problem": "", "tiles": 4, "tiles_digest": _KEY}, **fields,
    }  # fmt: skip


_KEPT = {"name": _GENERATION, "seq": 1, "bytes": 5, "kept_for": ["current"], "problem": ""}
_PROBLEM = {"path": "tiles.mbtiles", "problem": "other bytes", "code": "verify", "name": _GENERATION}
_LOOKED = {"name": _GENERATION, "how": "full", "ok": False, "code": "verify", "problem": "x", "problems": [_PROBLEM]}
REPORTS: dict[str, tuple[Any, dict[str, object]]] = {
    "hello": (prepare.Greeting, _hello()),
    "status": (
        holdings.StatusGreeting,
        _hello(
            generations=[_KEPT], stagings={_KEY: 5}, quarantine={"x": 1}, audit=[{"event": "b", "n": [1]}], notes=["n"]
        ),
    ),
    "receive": (
        transfer.Received,
        dict.fromkeys(("tiles", "bytes", "received_tiles", "received_bytes", "copied_tiles"), 1),
    ),
    "artefacts": (artefacts.Taken, dict.fromkeys(("files", "bytes", "received_bytes", "copied_bytes"), 1)),
    "build": (
        build.Built,
        {"generation": _GENERATION, "previous_generation": None, "seq": 1, "tiles": 4, "bytes": 5, "tiles_digest": _KEY,
         "files": 1, "signer": "a", "tidied": {"notes": ["n"]}},
    ),
    "verify": (lookafter._Verified, {"generation": _GENERATION, "generations": [_LOOKED], "problems": [_PROBLEM]}),
    "rollback": (
        lookafter._Switched,
        {"generation": _GENERATION, "previous_generation": None, "seq": 1, "tiles": 4, "signer": ""},
    ),
    "gc": (
        lookafter.Tidied,
        {"removed": [{"name": "x", "kind": "staging", "bytes": 5}], "kept": [_KEPT], "freed_bytes": 5, "notes": ["n"]},
    ),
    "enrol_signer": (
        enrol.Enrolment,
        {"principal": "a", "fingerprint": "f", "signers": [{"principal": "a", "fingerprint": "f"}], "revoked": ["g"],
         "written_to": "/x"},
    ),
    "agents": (
        InstalledAgents,
        {"folder": "/x", "problem": "", "agents": [{"name": "c10-agent-aaaaaaaaaaaa.pyz", "sha256": _KEY,
         "version": "2.0", "protocol": 2, "problem": "", "linked": True}]},
    ),
}  # fmt: skip
_FAILURES: tuple[dict[str, object], ...] = (
    {"code": "busy", "message": "held", "holder": {"operator": "a", "pid": 1, "since": 1.5}},
    {"code": "disk", "message": "full", "free_bytes": 5, "needed_bytes": 9},
    {"code": "stage", "message": "it failed", "stage": "s", "tail": ["one", "two"]},
    {"code": "replaced", "message": "another", "current": {"name": _GENERATION, "flight_id": "f", "operator": "a"}},
    {"code": "verify", "message": "bad", "generations": [_LOOKED], "problems": [_PROBLEM]},
)
EVENTS: tuple[dict[str, object], ...] = (
    {"event": "lacks", "batch": 0, "count": 4, "bits": "8A=="},
    {"event": "stored", "batch": 0, "received": 4, "received_bytes": 5},
    {"event": "wants", "files": [[0, 0]]},
    {"event": "made", "files": [{"path": "tiles.mbtiles", "sha256": _KEY, "bytes": 5}]},
    {"event": "ready", "generation": _GENERATION},
    {"event": "progress", "done": 1, "total": 2},
    {"event": "waiting", "holder": {"operator": "a", "since": 1}},
    {"event": "heartbeat", "doing": "hello", "for_s": 5},
    {"event": "stage", "stage": "s", "state": "ended", "files": 1, "bytes": 2, "took_s": 0.5},
    {"event": "stage", "stage": "s", "line": "x"},
)


def take_report(data: bytes) -> None:
    """Judge a line as the report of the verb that it names, and do with it all that this side does with one."""
    verb = next((verb for verb in REPORTS if b'"%s"' % verb.encode() in data), "hello")
    transcript = Transcript(verb, _RUN)
    transcript.feed(json.dumps({"event": "begin", "verb": verb, "protocol": PROTOCOL, "run_id": _RUN}).encode())
    for line in data.split(b"\n"):
        transcript.feed(line)
    transcript.ended = True
    try:
        _used(verb, transcript.judge(REPORTS[verb][0], BuildError, exit_status=0, stderr_tail=""))
    except AgentFailureError as error:
        _check_words(error.message)
        _used_failure(verb, error)
    except OperatorToolError as error:
        _check_words(error.message, error.hint)


def _used_failure(verb: str, error: AgentFailureError) -> None:
    told: list[OperatorToolError] = [
        lookafter.failure_of(error, verb),
        transfer.as_transfer_error(error, "the tiles"),
        prepare.replaced_error(error),
    ]
    for one in told:
        _check_words(one.message, one.hint)
    _check_words(last_lines(error), holder_text(error.details.get("holder")) or "")
    try:
        if "generations" in error.details:
            _used("verify", lookafter._details(error))
    except OperatorToolError as flaw:
        _check_words(flaw.message, flaw.hint)


def _used(verb: str, report: Any) -> None:
    settings, order = C10Settings(cache_root="/r"), _ORDER
    made: list[tuple[object, Any]] = []
    match verb:
        case "hello" | "status":
            made.append((status._state(report, settings), CompanionState))
            try:
                made.append((prepare.state_of(report, settings, order, None), CompanionState))
            except OperatorToolError as error:
                _check_words(error.message)
            if verb == "status":
                made.append((status._held(report, settings), CompanionState))
        case "verify":
            made.append((lookafter._soundness(report), Soundness))
        case "gc":
            made.append((lookafter.report_of(report, dry_run=False), GcReport))
        case "agents":
            _check_words(report.words, report.version)
        case "enrol_signer":
            enrol._shown(report.signers)
    for answer, kind in made:
        # As the core takes it and tells it: a whole document, in characters that there are.
        json.dumps(msgspec.to_builtins(of_the_companion(_NOBODY, verb, answer, kind))).encode("ascii")


def take_event(data: bytes) -> None:
    """Give a line to all that listens for events, after the call has begun."""
    transcript = Transcript("build", _RUN)
    transcript.feed(b'{"event":"begin","verb":"build","protocol":%d,"run_id":"run-1"}' % PROTOCOL)
    said = transcript.feed(data)
    if said is None:
        return
    told = Told()
    context = context_of(Path("/nowhere"), told)
    conversation: Any = _Heard()
    prepared: Any = _Prepared()
    steps = build._Steps(conversation, prepared, Progress(context, "build"), context)
    sender = transfer.Sender(_SUPPLY, context)
    sender._offer(_SUPPLY.records)
    files = artefacts.ArtefactSender((), context)
    talk = Conversation(conversation, ("x",), C10Settings(cache_root="/r"), context)
    for listen in (
        steps.on_event,
        lambda event: talk._note(event, lambda _event: None),
        lambda event: show_stage(context, event),
        lambda event: sender.answered(event.get("batch"), event.get("bits")),
        lambda event: sender.tiles_up_to(event.get("batch")),
        lambda event: files.answered(event.get("files")),
    ):
        try:
            listen(said)
        except OperatorToolError as error:
            _check_words(error.message, error.hint)
    _pictures(sender)
    for event in told:
        _check_words(getattr(event, "text", ""))
        msgspec.json.encode(event)


def _pictures(sender: transfer.Sender) -> None:
    sender.end()
    try:
        for _frame in sender._send(until_room=True):
            pass
    except OperatorToolError as error:
        _check_words(error.message)


def take_frames(data: bytes) -> None:
    """Read them as ``receive`` does, asking for every picture that is offered."""
    there, here = os.pipe()
    try:
        os.set_blocking(here, False)
        os.write(here, data[:65_536])
        os.close(here)
        intake = Intake(Inlet(there))
        while not isinstance(job := intake.get(20.0), Seal | None):
            if isinstance(job, Offer):
                intake.expect(job.batch, job.entries)
    except AgentError as error:
        if error.code not in ("protocol", "hash"):
            raise
    finally:
        os.close(there)


def take_request(data: bytes) -> None:
    """Have a desk that is locked to one root answer a line: whatever it was, one report comes, and none is internal."""
    desk, written = _desk()
    before = written.stat().st_size
    for line in data.split(b"\n"):
        answer = desk._answer(line, None)
        assert answer.fault is None or answer.fault.code != "internal", answer.fault
        desk._report(answer)
    said = written.read_bytes()[before:].splitlines()
    reports = [line for line in said if b'"report"' in line[:12]]
    assert len(reports) == data.count(b"\n") + 1
    assert all(len(line) <= MAX_LINE_BYTES and json.loads(line)["ok"] in (True, False) for line in reports)
    if written.stat().st_size > 16 * MAX_LINE_BYTES:
        os.truncate(written, 0)


@functools.cache
def _desk() -> tuple[Desk, Path]:
    folder = Path(tempfile.mkdtemp(prefix="talks-"))
    root = folder / "cache"
    whole_way(agent_file(folder), root, _ORDER, _SUPPLY)
    written = folder / "said"
    out = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    desk = Desk(Inlet(os.open(os.devnull, os.O_RDONLY)), Outlet(out, serving=True), str(root))
    return desk, written


def request_samples() -> tuple[bytes, ...]:
    """Return a good request for each verb."""
    root = Path(_desk()[1]).parent / "cache"
    ordered = manifest_of(_ORDER, _SUPPLY, seq=2, companion_id="b" * 32)
    more: dict[str, dict[str, object]] = {
        "hello": {"required_files": ["/x"], "mount_point": "", "only_look": True, "artefacts": []},
        "status": {"agent_sha256": _KEY},
        "agents": {"agent_dir": "/x"},
        "artefacts": {"artefacts": [{"path": "artefacts/x", "sha256": _KEY, "bytes": 5}], "keep_free_bytes": 0},
        "receive": {"wanted_tiles": 4, "replaces": None},
        "build": {"manifest": ordered, "signature": None, "last": False},
        "verify": {"how": "quick", "sample": 2, "all": True},
        "rollback": {"to": 0, "order": "{}", "order_signature": "x"},
        "gc": {"dry_run": True},
        "enrol_signer": {"principal": "a", "public_key": "ssh-ed25519 AAAA", "replace": False},
    }
    return tuple(
        json.dumps({"verb": verb, **request_of(root, _ORDER), "lock_wait_s": 0, "orphan_wait_s": 0, **fields}).encode()
        for verb, fields in more.items()
    )


def frame_samples() -> tuple[bytes, ...]:
    """Return whole conversations of frames, and each kind alone."""
    records = _SUPPLY.records
    pictures = [_SUPPLY.pictures[record.sha256] for record in records]
    size = sum(map(len, pictures))
    whole = offer_frame(0, records) + ping_frame() + data_frame(0, pictures) + seal_frame(4, size)
    two = offer_frame(0, records[:2]) + offer_frame(1, records[2:]) + data_frame(0, pictures[:2])
    return (
        whole,
        two + data_frame(1, pictures[2:]) + seal_frame(4, size),
        artefact_frame(0, b"x"),
        offer_frame(0, records),
    )


def report_samples() -> tuple[bytes, ...]:
    """Return a good report of each verb, and failures."""
    good = [json.dumps({"report": verb, "run_id": _RUN, "ok": True, **said}) for verb, (_, said) in REPORTS.items()]
    bad = [json.dumps({"report": "verify", "run_id": _RUN, "ok": False, "error": error}) for error in _FAILURES]
    return tuple(line.encode() for line in good + bad)


@functools.cache
def talks() -> dict[str, Talk]:
    """Return them all, by name."""
    return {
        "agent-requests": Talk(request_samples(), take_request),
        "agent-frames": Talk(frame_samples(), take_frames),
        "companion-reports": Talk(report_samples(), take_report),
        "companion-events": Talk(tuple(json.dumps(event).encode() for event in EVENTS), take_event),
    }


NAMES = ("agent-requests", "agent-frames", "companion-reports", "companion-events")


def _check_words(*texts: str) -> None:
    for text in texts:
        assert text.isprintable(), ascii(text)[:300]
        assert len(text) < 100_000


class _Heard:
    """A conversation that only listens."""

    def say(self, data: bytes) -> None:
        """Hear it."""


class _Manifest(NamedTuple):
    tiles: int = 4
    stages: tuple[object, ...] = ()


class _Prepared:
    """A build that any database answers."""

    manifest = _Manifest()
    signer = None

    def final(self, files: object) -> object:
        """Return what was made."""
        return files


_NOBODY: Any = CompanionError("nobody made it")
