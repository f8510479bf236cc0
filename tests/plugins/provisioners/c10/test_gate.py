"""The gate by itself: what it takes for a verb, what it refuses, and that a root is one root alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.desk import VERBS
from tests.support.c10_rig import order_of, request_of, snapshot

AGENT = "/opt/c10/agent/c10-agent-0123456789ab.pyz"
FORM = f"python3 -I -S -B {AGENT}"


def through_gate(
    file: Path, root: Path, command: str | None, request: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the forced command as sshd does, with what the client asked for."""
    asked = {} if command is None else {"SSH_ORIGINAL_COMMAND": command}
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(file), "gate", str(root)],
        input=request,
        capture_output=True,
        check=False,
        timeout=60,
        env={"HOME": str(root.parent), **environment, **asked},
    )


def hello(root: Path | str) -> bytes:
    """Return a request for a root."""
    return json.dumps({**request_of(Path("/"), order_of(1)), "root": str(root), "verb": "hello"}).encode() + b"\n"


TAKEN = [
    "hello",
    "status",
    "serve",
    f"{FORM} hello",
    f"exec {FORM} serve",
    "exec /usr/bin/python3.11 -I -S -B agent/c10-agent.pyz hello",
    "exec python3 -I -S -B '/data/two words; $(id)/c10-agent.pyz' hello",
]


@pytest.mark.parametrize("command", TAKEN)
def test_a_verb_is_taken_in_the_runner_s_own_forms(tmp_path: Path, file: Path, command: str) -> None:
    """Alone, or as operator-tool starts the agent; the answer says that the login is locked."""
    ended = through_gate(file, tmp_path / "cache", command, hello(tmp_path / "cache"))
    assert ended.returncode == 0, ended
    assert json.loads(ended.stdout.splitlines()[-1])["gated"] is True


def test_every_verb_passes_the_gate(tmp_path: Path, file: Path) -> None:
    """Each is begun; what is wrong with the request is the verb's own business."""
    for verb in VERBS:
        ended = through_gate(file, tmp_path / "cache", verb, hello(tmp_path / "cache"))
        assert json.loads(ended.stdout.splitlines()[0])["verb"] == verb


REFUSED = [
    None,
    "",
    " ",
    "sh",
    "sh -c id",
    "bash -i",
    "scp -t /tmp",
    "scp -f /etc/passwd",
    "/usr/lib/openssh/sftp-server",
    "internal-sftp",
    "rsync --server -logDtpre.iLsfxC . /tmp",
    "gate",
    "gate /",
    "run-stage",
    "consumer",
    "hello hello",
    " hello",
    "hello ",
    "exec hello",
    "hello; id",
    "hello;id",
    "hello && id",
    "hello|id",
    "hello\nid",
    "hello\n",
    "$(id)",
    "`id`",
    "'hello'",
    '"hello"',
    "h\\ello",
    "he''llo",
    f"{FORM} gate /",
    f"{FORM} gate",
    f"{FORM}",
    f"{FORM} hello more",
    f"{FORM} hello; id",
    f"{FORM} hello\nid",
    f"exec exec {FORM} hello",
    f"exec  {FORM} hello",
    f"env {FORM} hello",
    f"PYTHONPATH=/tmp {FORM} hello",
    f"python3 -S -B {AGENT} hello",
    f"python3 -I -S -c {AGENT} hello",
    f"python3 -i -S -B {AGENT} hello",
    f"python3 -I -S -B {AGENT}.sh hello",
    "python3 -I -S -B /tmp/evil.pyz hello",
    "python3 -I -S -B /tmp/c10-agent.pyz/x hello",
    f"sh -I -S -B {AGENT} hello",
    f"pythonx -I -S -B {AGENT} hello",
    f"'python3' -I -S -B {AGENT} hello",
    f"python3 -I -S -B {AGENT} 'hello'",
    f"python3 -I -S -B '{AGENT} hello",
    f"python3 -I -S -B {AGENT} hello # x",
    f"python3 -I -S -B {AGENT} hello\x1b[2J",
    "python3 -I -S -B '/x\n/c10-agent.pyz' hello",
    "python3 -I -S -B '/x\x1b[2J/c10-agent.pyz' hello",
    f"python3 -I -S -B {'x' * 5000}/c10-agent.pyz hello",
    "python3 -c 'import os; os.system(\"id\")'",
]


@pytest.mark.parametrize("command", REFUSED)
def test_case_066_everything_else_is_refused(tmp_path: Path, file: Path, command: str | None) -> None:
    """Exit 65, one printable line on standard error, nothing on standard output, nothing written."""
    root = tmp_path / "cache"
    before = snapshot(tmp_path)
    ended = through_gate(file, root, command, hello(root))
    assert ended.returncode == 65
    assert ended.stdout == b""
    (line,) = ended.stderr.decode("ascii").splitlines()
    assert line.startswith("c10 gate: refused ")
    assert line.isprintable()
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("asked", ["/", "other", "", "cache/../other", "cache/below", "stray", "~"])
def test_another_root_is_refused(tmp_path: Path, file: Path, asked: str) -> None:
    """A request is for the gate's own root, by its real path, or fails with the code ``refused``."""
    root = tmp_path / "cache"
    root.mkdir()
    (tmp_path / "stray").symlink_to("/")
    text = asked if asked[:1] in ("/", "~", "") else str(tmp_path / asked)
    for verb in ("serve", "receive"):
        ended = through_gate(file, root, verb, hello(text))
        report = json.loads(ended.stdout.splitlines()[-1])
        assert report["error"]["code"] == "refused", report
        assert str(root) in report["error"]["message"]


@pytest.mark.parametrize("asked", ["cache", "cache/", "link", "~/cache"])
def test_the_same_root_by_another_name_is_taken(tmp_path: Path, file: Path, asked: str) -> None:
    """A link to the root, and ~/, are the root where they lead there."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "link").symlink_to("cache")
    text = asked if asked.startswith("~") else f"{tmp_path}/{asked}"
    report = json.loads(through_gate(file, tmp_path / "cache", "hello", hello(text)).stdout.splitlines()[-1])
    assert report["ok"], report


def test_nothing_of_the_client_s_environment_is_left(tmp_path: Path, file: Path) -> None:
    """What an sshd with AcceptEnv passes on reaches neither Python nor a program that the agent runs."""
    root = tmp_path / "cache"
    root.mkdir()
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "json.py").write_text("raise SystemExit(99)")
    seen = tmp_path / "seen"
    program = tmp_path / "is-armed"
    program.write_text(f"#!/bin/sh\nenv >{seen}\n")
    program.chmod(0o755)
    (root / "companion.json").write_text(json.dumps({"armed_command": [str(program)]}))
    (root / "companion.json").chmod(0o644)
    evil = {"PYTHONPATH": str(tmp_path / "evil"), "SQLITE_TMPDIR": "/evil", "CLIENT": "evil"}
    ended = through_gate(file, root, "hello", hello(root), **evil)
    assert ended.returncode == 0, ended
    assert "evil" not in seen.read_text()
    check = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from c10_agent.__main__ import main;"
        "main(['agent', 'gate', sys.argv[2]]); sys.stderr.write(' '.join(sorted(os.environ)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", check, str(file), str(root)],
        input=hello(root),
        capture_output=True,
        check=True,
        env={"HOME": "/", "CLIENT": "evil", "SSH_ORIGINAL_COMMAND": "hello"},
    )
    assert said.stderr.split() == [b"HOME"]
