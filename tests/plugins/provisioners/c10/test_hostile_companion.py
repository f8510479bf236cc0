"""Whatever a broken or hostile companion says: the error of the phase, one printable line, and the old cache stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import (
    BuildError,
    CompanionError,
    CompanionSession,
    LinkStalledError,
    NotReadyError,
    OperatorToolError,
    RemoteLine,
    RunLimits,
    TransferError,
    VerifyError,
)
from tests.support.c10_rig import (
    Told,
    build_cache,
    context_of,
    order_of,
    provisioner_of,
    supply_of,
)


def failure_of(session: CompanionSession, tmp_path: Path, python: str, **settings: Any) -> OperatorToolError:
    """Return what the whole way ends with over this player."""
    with pytest.raises(OperatorToolError) as caught:
        build_cache(session, tmp_path / "cache", supply_of(300), python=python, **settings)
    assert not (tmp_path / "cache" / "current").exists()
    assert caught.value.message.isprintable()
    return caught.value


REAL_THEN = """
import subprocess
child = subprocess.Popen(real, stdin=0, stdout=subprocess.PIPE)
for line in child.stdout:
    say(change(line))
sys.exit(child.wait())
"""


CHANGED = """
def change(line):
    said = json.loads(line)
    if said.get("report") == {verb!r}:
        said[{name!r}] = {value!r}
    return json.dumps(said).encode() + b"\\n"
"""


@pytest.mark.parametrize(
    ("name", "value"), [("tiles_digest", "0" * 64), ("tiles", 299), ("bytes", 1), ("generation", "00000001-x")]
)
def test_case_111_a_report_that_differs_from_ours(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], name: str, value: object
) -> None:
    """The companion's counts and digest must be those of what was sent: else VERIFY."""
    change = CHANGED.format(verb="build", name=name, value=value)
    with pytest.raises(VerifyError, match=name):
        build_cache(session, tmp_path / "cache", supply_of(300), python=player("serve", change + REAL_THEN))


@pytest.mark.parametrize(("clock", "words"), [(0, "behind"), (10**10, "ahead of")])
def test_case_063_a_wrong_clock_is_only_noted(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], clock: int, words: str
) -> None:
    """A companion whose clock says 1970 or the year 2286 can be built; the difference is told."""
    python = player("serve", CHANGED.format(verb="hello", name="clock", value=clock) + REAL_THEN)
    state = provisioner_of(tmp_path / "cache", context_of(tmp_path), python=python).prepare(session, order_of(5))
    assert words in state.notes[0]


def test_case_061_too_few_inodes(session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str]) -> None:
    """A volume can be full of files with room for bytes."""
    python = player("serve", CHANGED.format(verb="hello", name="free_inodes", value=3) + REAL_THEN)
    with pytest.raises(NotReadyError, match="inodes"):
        provisioner_of(tmp_path / "cache", context_of(tmp_path), python=python).prepare(session, order_of(5))


def test_case_075_a_companion_that_claims_to_hold_what_it_lacks(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str]
) -> None:
    """A receiver that asks for nothing and reports success has no database to build from: the build finds it."""
    script = """
import base64, struct
request = ask()
tiles = size = 0
while True:
    kind, length = struct.unpack(">BI", sys.stdin.buffer.read(5))
    payload = sys.stdin.buffer.read(length)
    if kind == 3:
        break
    n = (length - 4) // 46
    tiles += n
    size += sum(struct.unpack_from(">I", payload, 4 + 46 * i + 41)[0] for i in range(n))
    bits = base64.b64encode(bytes((n + 7) // 8)).decode()
    say({"event": "lacks", "batch": struct.unpack(">I", payload[:4])[0], "bits": bits})
report(request, tiles=tiles, bytes=size, received_tiles=0, received_bytes=0, copied_tiles=0)
request = json.loads(sys.stdin.buffer.readline())
del request["follows_receive"]
child = subprocess.Popen(real, stdin=subprocess.PIPE)
child.stdin.write(json.dumps(request).encode() + b"\\n")
child.stdin.flush()
for line in sys.stdin.buffer:
    child.stdin.write(line)
    child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""
    error = failure_of(session, tmp_path, player("receive", script))
    assert isinstance(error, BuildError | VerifyError)
    assert "nothing was received" in error.message


KILLED = "ask(); os.kill(os.getpid(), 9)"
LISTEN = "sys.stdin.buffer.read()"
NOTHING = "tiles=0, bytes=0, received_tiles=0, received_bytes=0, copied_tiles=0"
NEWER = "say({'event': 'begin', 'protocol': 9, 'run_id': taken['run_id']})"

HOSTILE: list[tuple[str, str, type[OperatorToolError], str]] = [
    ("receive", KILLED, TransferError, "killed"),
    ("build", KILLED, BuildError, "killed"),
    ("hello", KILLED, CompanionError, "killed"),
    ("build", "ask()", BuildError, "not a report"),
    ("build", "report(ask(), generation=1)", BuildError, r"\$\.generation"),
    ("build", "r = ask(); report(r); say(b'bye\\n')", BuildError, "not the last line"),
    ("build", "ask(); sys.exit(127)", BuildError, "exit 127"),
    ("build", "ask(); say(b'x' * 3000000)", BuildError, "line of more than"),
    ("receive", f"ask(); say({{'event': 'lacks', 'batch': 5, 'bits': ''}}); {LISTEN}", TransferError, "out of turn"),
    ("receive", f"report(ask(), {NOTHING})", TransferError, "counted"),
    ("receive", "ask(); say({'event': 'stored', 'batch': [1]}); sys.exit(1)", TransferError, "not a report"),
    ("hello", f"say(b'\\x1b[2J\\xff noise\\n' * 2000); {LISTEN}", CompanionError, "not the agent's"),
    ("hello", "report(ask(), protocol=1)", CompanionError, "required field"),
    ("hello", NEWER, CompanionError, "protocol 9"),
]


@pytest.mark.parametrize(
    ("verb", "script", "kind", "words"), HOSTILE, ids=[f"{h[0]}-{i}" for i, h in enumerate(HOSTILE)]
)
def test_a_hostile_companion_ends_in_the_phase_s_error(
    session: CompanionSession,
    tmp_path: Path,
    player: Callable[[str, str], str],
    verb: str,
    script: str,
    kind: type[OperatorToolError],
    words: str,
) -> None:
    """Whatever it says or doesn't say: the error of the phase, one printable line, and the old cache stays."""
    error = failure_of(session, tmp_path, player(verb, script))
    assert isinstance(error, kind)
    assert re.search(words, error.message), error.message


def test_case_060_a_message_of_the_day_is_let_be(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str]
) -> None:
    """Noise before the agent's first line changes nothing."""
    python = player("serve", "say(b'Welcome!\\n\\x07\\xff\\n'); os.execv(real[0], real)")
    _summary, report = build_cache(session, tmp_path / "cache", supply_of(5), python=python)
    assert report.tiles == 5


def test_case_087_a_flood_of_short_lines_does_not_drown_the_log(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str]
) -> None:
    """Of 50,000 lines some hundreds are shown, with how many were left out, and the report is still found."""
    told = Told()
    script = "r = ask(); say(b'{}\\n' * 50000); report(r, ok=False, error={'code': 'c', 'message': 'm'}); sys.exit(1)"
    with pytest.raises(BuildError, match="c: m"):
        build_cache(session, tmp_path / "cache", supply_of(5), told=told, python=player("build", script))
    lines = [event.text for event in told if isinstance(event, RemoteLine)]
    assert len(lines) < 3000
    assert any("were left out" in line for line in lines)


def test_case_089_silence_ends_the_build(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a heartbeat the run is ended after the limit of silence."""
    monkeypatch.setattr(
        "operator_tool_plugins.provisioners.c10.conversation._LIMITS", RunLimits(silence_s=60, exit_s=0.2)
    )
    python = player("build", "ask(); time.sleep(60)")
    error = failure_of(session, tmp_path, python, silence_s=0.5)
    assert isinstance(error, LinkStalledError)
    assert "said nothing" in error.message


def test_case_070_silence_ends_the_sending(
    session: CompanionSession, tmp_path: Path, player: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A companion that stops in the middle of a transfer is given up after the limit for just that."""
    monkeypatch.setattr(
        "operator_tool_plugins.provisioners.c10.conversation._LIMITS", RunLimits(silence_s=60, exit_s=0.2)
    )
    python = player("receive", "ask(); time.sleep(60)")
    error = failure_of(session, tmp_path, python, no_progress_s=0.5)
    assert isinstance(error, LinkStalledError)
    assert "said nothing for 0.5 s" in error.message
