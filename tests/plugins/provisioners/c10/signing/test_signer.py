"""The workstation's signatures: what ssh-keygen says of them, from a file and from a real ssh-agent."""

from __future__ import annotations

import base64
import dataclasses
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool.api import ConfigError, EnrolledSigner, RunContext
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signing.signature import check_signature
from operator_tool_plugins.provisioners.c10.settings import C10Settings
from operator_tool_plugins.provisioners.c10.signing import (
    ORDER_NAMESPACE,
    SIGN_NAMESPACE,
    Signer,
    key_file,
    signer_of,
    signing_reasons,
    ssh_agent,
)
from operator_tool_plugins.provisioners.c10.signing.keys import signer_for
from tests.support.c10_rig import context_of

from .conftest import KeyFile, enrol

Key = Callable[..., KeyFile]
DATA = b'{"seq": 1}'


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose tests these are may have an agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(key_file, "_opened", {})


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    """A run's context where nobody can be asked."""
    return context_of(tmp_path)


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A real ssh-agent, and what adds keys to it."""
    # A socket's path is short.
    where = tmp_path_factory.mktemp("a") / "s"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens, once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", str(where))

    def add(path: Path, *options: str) -> None:
        subprocess.run(["ssh-add", "-q", *options, str(path)], check=True, capture_output=True, timeout=60)

    yield add
    process.terminate()
    process.communicate()


def ssh_keygen(tmp_path: Path, armored: str, words: str, data: bytes, namespace: str) -> bool:
    """Ask ssh-keygen itself, in its three ways, whether the signature is this key's over this."""
    signature, allowed = tmp_path / "s.sig", tmp_path / "allowed"
    signature.write_text(armored)
    allowed.write_text(f"anna {words}\n")
    where = ["-f", str(allowed), "-s", str(signature)]
    asked = [
        ["check-novalidate", "-n", namespace, "-s", str(signature)],
        ["find-principals", *where],
        ["verify", "-n", namespace, "-I", "anna", *where],
    ]
    ended = [subprocess.run(["ssh-keygen", "-Y", *one], input=data, capture_output=True, timeout=60) for one in asked]
    assert ended[1].returncode != 0 or ended[1].stdout == b"anna\n"
    return all(one.returncode == 0 for one in ended)


def test_a_key_file_signs_as_ssh_keygen_does(tmp_path: Path, context: RunContext, key: Key) -> None:
    """Byte for byte, since Ed25519 has no chance in it; and ssh-keygen verifies it for that and nothing else."""
    one = key("one")
    signer = signer_for(str(one.path), context)
    assert (signer.fingerprint, signer.public_key) == (one.fingerprint, one.words)
    for namespace in (SIGN_NAMESPACE, ORDER_NAMESPACE):
        for data in (DATA, b"", b"x" * 1_000_000):
            armored = signer.sign(data, namespace)
            assert armored == one.sign(data, namespace)
            assert ssh_keygen(tmp_path, armored, one.words, data, namespace)
    assert not ssh_keygen(tmp_path, armored, one.words, DATA, namespace)
    assert not ssh_keygen(tmp_path, armored, one.words, data, SIGN_NAMESPACE)
    assert not ssh_keygen(tmp_path, armored, key("two").words, data, namespace)


def test_the_companion_takes_it(context: RunContext, root: Path, layout: Layout, key: Key) -> None:
    """The other side of the same tool."""
    one = key("one")
    enrol(root, one)
    signer = signer_for(str(one.path), context)
    assert check_signature(layout, DATA, signer.sign(DATA, SIGN_NAMESPACE), SIGN_NAMESPACE) == "op0"


@pytest.mark.parametrize("how", ["comment", "fingerprint", "public key's file"])
def test_a_key_of_a_real_agent_signs_as_ssh_keygen_does(
    context: RunContext, agent: Callable[..., None], key: Key, how: str
) -> None:
    """Named in each of the three ways, among others; its file need not be there."""
    one, two, other = key("one"), key("two"), key("other", "rsa")
    subprocess.run(["ssh-keygen", "-q", "-c", "-C", "anna at the desk", "-f", str(one.path)], check=True, timeout=60)
    expected = one.sign(DATA)
    for added in (other, two, one):
        agent(added.path)
    one.path.unlink()
    named = {
        "comment": "agent:anna at the desk",
        "fingerprint": f"agent:{one.fingerprint}=",
        "public key's file": str(one.public),
    }
    signer = signer_for(named[how], context)
    assert (signer.fingerprint, signer.public_key) == (one.fingerprint, one.words)
    signer.make_ready()
    assert signer.sign(DATA, SIGN_NAMESPACE) == expected


def test_which_key_of_the_agent_is_meant_must_be_clear(
    context: RunContext, agent: Callable[..., None], key: Key
) -> None:
    """None of that name, and two of one name; what it holds is told."""
    agent(key("one").path)
    agent(key("two").path)
    with pytest.raises(ConfigError, match="holds several keys 'test'"):
        signer_for("agent:test", context)
    with pytest.raises(ConfigError, match="holds no key 'other'; it holds SHA256:"):
        signer_for("agent:other", context)
    signer = signer_for(str(key("three").public), context)
    with pytest.raises(ConfigError, match="does not hold"):
        signer.make_ready()
    with pytest.raises(ConfigError, match=r"did not sign.*it refused"):
        signer.sign(DATA, SIGN_NAMESPACE)


def test_an_agent_whose_user_says_no_is_no_signer(
    context: RunContext, agent: Callable[..., None], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ssh-add -c``, and nobody there to agree; a locked agent holds nothing."""
    one = key("one")
    agent(one.path, "-c")
    signer = signer_for(str(one.public), context)
    signer.make_ready()
    with pytest.raises(ConfigError, match="did not sign"):
        signer.sign(DATA, SIGN_NAMESPACE)


ANSWERS = {
    "it hangs": None,
    "it hangs up": b"",
    "too long": struct.pack(">I", 2**31),
    "empty": struct.pack(">I", 0),
    "another kind": struct.pack(">IB", 1, 99),
    "cut short": struct.pack(">IBI", 100, 14, 99),
    "another length": struct.pack(">IBI", 5, 14, 99),
    "another's signature": struct.pack(">IBII", 5 + 4 + 11 + 4 + 64, 14, 4 + 11 + 4 + 64, 11)
    + b"ssh-ed25519"
    + struct.pack(">I", 64)
    + b"\0" * 64,
    "many keys": struct.pack(">IBI", 5, 12, 2**32 - 1),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_strange_agent_is_told_and_waited_for_no_longer_than_agreed(
    context: RunContext,
    key: Key,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
) -> None:
    """Whatever it says is an error of the configuration, and a signature that isn't one is never sent."""
    where = tmp_path_factory.mktemp("a") / "s"
    held = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(where))
        listener.listen()

        def serve() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                held.append(connection)
                connection.recv(100_000)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(where))
        monkeypatch.setattr(ssh_agent, "ANSWER_S", 0.3)
        monkeypatch.setattr(ssh_agent, "SIGN_S", 0.3)
        signer = signer_for(str(key("one").public), context)
        with pytest.raises(ConfigError):
            signer.make_ready()
        with pytest.raises(ConfigError):
            signer.sign(DATA, SIGN_NAMESPACE)
        thread.join(10)
        for connection in held:
            connection.close()


def test_without_an_agent_the_setting_is_told(context: RunContext, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not set, and nobody listening."""
    for where in (None, "/nowhere"):
        if where:
            monkeypatch.setenv("SSH_AUTH_SOCK", where)
        with pytest.raises(ConfigError, match=r"^c10\.signing_key: the ssh-agent can't be asked"):
            signer_for("agent:x", context)


def test_a_passphrase_is_asked_for_once_in_a_run_and_only_when_it_is_needed(
    tmp_path: Path, context: RunContext, key: Key
) -> None:
    """A wrong one is asked for again; the second companion's signer asks nobody."""
    one = key("one", passphrase="correct horse")
    typed = iter(["wrong horse", "correct horse"])
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    asking = dataclasses.replace(context, ask_secret=ask)
    first, second = signer_for(str(one.path), asking), signer_for(str(one.path), asking)
    assert first.fingerprint == one.fingerprint
    assert not asked
    first.make_ready()
    assert len(asked) == 2
    assert "It does not fit" in asked[1]
    assert ssh_keygen(tmp_path, second.sign(DATA, SIGN_NAMESPACE), one.words, DATA, SIGN_NAMESPACE)
    assert len(asked) == 2


def test_a_locked_key_that_the_agent_holds_needs_no_passphrase(
    tmp_path: Path, context: RunContext, agent: Callable[..., None], key: Key
) -> None:
    """Nobody is asked, as with ssh itself."""
    one = key("one")
    agent(one.path)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", "correct horse", "-f", str(one.path)], check=True, timeout=60
    )
    signer = signer_for(str(one.path), context)
    assert ssh_keygen(tmp_path, signer.sign(DATA, SIGN_NAMESPACE), one.words, DATA, SIGN_NAMESPACE)


@pytest.mark.parametrize("typed", [None, "", "wrong horse"])
def test_a_key_that_stays_locked_is_an_error_of_the_configuration(
    context: RunContext, key: Key, typed: str | None
) -> None:
    """Nobody to be asked, nothing typed, or never the right words: it says what to run."""
    one = key("one", passphrase="correct horse")
    asking = dataclasses.replace(context, ask_secret=None if typed is None else lambda _prompt: typed)
    with pytest.raises(ConfigError, match="passphrase") as caught:
        signer_for(str(one.path), asking).make_ready()
    assert f"ssh-add {one.path}" in caught.value.hint


FLAWS = {
    "0644": "has mode 0644",
    "0660": "has mode 0660",
    "link": "symbolic link",
    "missing": "No such file",
    "folder": "not a regular file",
    "fifo": "not a regular file",
    "large": "larger than",
    "owner": "belongs to another user",
    "rsa": "not an Ed25519 key: it is a key of the type ssh-rsa",
    "ecdsa": "not an Ed25519 key",
    "pem": "not a private key in OpenSSH's format",
    "public": "not a private key in OpenSSH's format",
    "empty": "not a private key in OpenSSH's format",
    "torn": "damaged|not an Ed25519 key|can't|can be used",
    "two keys": "not of one key|can be used",
    "another seed": "its two parts are not of one key",
}


@pytest.mark.parametrize(("flaw", "why"), FLAWS.items(), ids=FLAWS.keys())
def test_case_119_a_key_file_that_can_t_be_relied_on_is_an_error_of_the_configuration(
    tmp_path: Path, context: RunContext, key: Key, flaw: str, why: str
) -> None:
    """Others could read it, a link leads to it, or it is no such key: the file and the reason are named."""
    one = key("one", flaw) if flaw in ("rsa", "ecdsa") else key("one")
    path = one.path
    match flaw:
        case "0644" | "0660":
            path.chmod(int(flaw, 8))
        case "link":
            path.rename(tmp_path / "aside")
            path.symlink_to("aside")
        case "missing":
            path.unlink()
        case "folder" | "fifo":
            path.unlink()
            path.mkdir() if flaw == "folder" else os.mkfifo(path, 0o600)
        case "large":
            path.write_bytes(b"x" * 70_000)
        case "owner" if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        case "owner":
            os.chown(path, 12345, 12345)
        case "pem":
            path.write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
        case "public":
            path.write_bytes(one.public.read_bytes())
        case "empty":
            path.write_bytes(b"")
        case "torn":
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join([*lines[:2], lines[-1]]))
        case "another seed":
            path.write_bytes(with_another_seed(path.read_bytes(), base64.b64decode(one.words.split()[1])[-32:]))
        case "two keys":
            path.write_bytes(with_public_of(path.read_bytes(), key("two").path.read_bytes()))
    with pytest.raises(ConfigError, match=why) as caught:
        signer_for(str(path), context).make_ready()
    assert str(path) in caught.value.message
    if flaw == "0644":
        assert caught.value.hint == f"chmod 600 {path}"


def with_public_of(private: bytes, other: bytes) -> bytes:
    """Return a key file whose open part is another key's."""

    def body(data: bytes) -> bytes:
        return base64.b64decode(b"".join(data.strip().splitlines()[1:-1]))

    start = len(b"openssh-key-v1\0") + (4 + 4) + (4 + 4) + 4 + 4 + 4
    mixed = body(private)[:start] + body(other)[start : start + 51] + body(private)[start + 51 :]
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.b64encode(mixed) + b"\n-----END OPENSSH PRIVATE KEY-----\n"


def with_another_seed(private: bytes, public: bytes) -> bytes:
    """Return a key file whose private part makes other signatures than its public part is for."""
    lines = private.strip().splitlines()
    body = bytearray(base64.b64decode(b"".join(lines[1:-1])))
    seed = body.rindex(public) - 32
    body[seed] ^= 1
    return b"\n".join([lines[0], base64.b64encode(body), lines[-1]]) + b"\n"


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAB3NzaC1yc2E="])
def test_a_public_key_s_file_must_hold_one(tmp_path: Path, context: RunContext, text: str) -> None:
    """Of the type that we sign with."""
    path = tmp_path / "x.pub"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"public key|Ed25519"):
        signer_for(str(path), context)
    with pytest.raises(ConfigError, match="No such file"):
        signer_for(str(tmp_path / "y.pub"), context)


def test_without_the_setting_nothing_is_signed(tmp_path: Path, context: RunContext, key: Key) -> None:
    """And with it the key's home folder may be meant."""
    assert signer_of(C10Settings(cache_root="/x"), context) is None
    signer = signer_of(C10Settings(cache_root="/x", signing_key=str(key("one").path)), context)
    assert signer is not None


def test_what_keeps_a_companion_from_taking_our_caches_is_told_before_anything_is_downloaded(
    context: RunContext, key: Key
) -> None:
    """No key, a key that it doesn't know, and a companion that knows nobody any more."""
    one, two = key("one"), key("two")
    signer: Signer = signer_for(str(one.path), context)
    anna = EnrolledSigner(principal="anna", fingerprint=one.fingerprint)
    bo = EnrolledSigner(principal="bo", fingerprint=two.fingerprint)
    assert signing_reasons(None, None) == signing_reasons(None, signer) == []
    assert signing_reasons([bo, anna], signer) == []
    (reason,) = signing_reasons([bo], None)
    assert "set c10.signing_key" in reason
    assert two.fingerprint in reason
    (reason,) = signing_reasons([bo], signer)
    assert f"the key {one.fingerprint} of c10.signing_key is not enrolled there" in reason
    (reason,) = signing_reasons([], signer)
    assert "nobody: all were revoked" in reason
