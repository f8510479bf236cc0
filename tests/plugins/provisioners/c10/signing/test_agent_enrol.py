"""The verb ``enrol_signer``, by the agent's own process: who may add a key, and what is left on the disk."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from operator_tool_plugins.provisioners.c10.agent.layout import Layout, write_whole
from operator_tool_plugins.provisioners.c10.agent.signing import enrol_signer
from operator_tool_plugins.provisioners.c10.agent.signing.signature import (
    ORDER_NAMESPACE,
    SIGN_NAMESPACE,
    check_signature,
)
from operator_tool_plugins.provisioners.c10.agent.signing.signers import enrolled, signers
from tests.support.c10_rig import order_of, request_of

from .conftest import KeyFile, enrol, kept

Key = Callable[..., KeyFile]


class Serving:
    """An agent that serves, as the workstation has it: the nonce of its greeting is the one that orders name."""

    python: ClassVar[str] = sys.executable

    def __init__(self, file: Path, root: Path, *, gate: bool = False, through: tuple[str, ...] = ()) -> None:
        argv = [*through, self.python, "-I", "-S", "-B", str(file), *(["gate", str(root)] if gate else ["serve"])]
        environment = {**os.environ, "SSH_ORIGINAL_COMMAND": "serve"}
        self.root = root
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.greeting = self.ask("hello")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        """Return the report of a verb."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(
            json.dumps({**request_of(self.root, order_of(1)), "verb": verb, **fields}).encode() + b"\n"
        )
        self.process.stdin.flush()
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "report" in said:
                return said
        raise AssertionError("it ended without a report")

    def enrol(
        self,
        new: KeyFile,
        by: KeyFile | None = None,
        *,
        replace: bool = False,
        changes: dict[str, object] | None = None,
    ) -> dict[str, Any]:
        """Ask for a key to be enrolled, ordered by another; ``changes`` are what the order says otherwise."""
        asked = {"principal": "anna", "public_key": new.words, "replace": replace}
        order = {
            "verb": "enrol_signer",
            "companion_id": self.greeting["companion_id"],
            "nonce": self.greeting["nonce"],
            **asked,
            **(changes or {}),
        }
        text = json.dumps({name: value for name, value in order.items() if value is not None})
        signed = {} if by is None else {"order": text, "order_signature": by.sign(text.encode(), ORDER_NAMESPACE)}
        return self.ask("enrol_signer", **asked, **signed)


def code_of(report: dict[str, Any]) -> str:
    """Return the code of a failure."""
    assert report["ok"] is False, report
    return str(report["error"]["code"])


def test_the_first_signer_is_taken_from_whoever_has_a_shell(file: Path, root: Path, layout: Layout, key: Key) -> None:
    """Its line is for our two purposes alone, anybody may read it, and from then on it counts."""
    one = key("one")
    old = os.umask(0o077)
    try:
        with Serving(file, root) as agent:
            assert agent.greeting["signers"] is None
            report = agent.enrol(one)
    finally:
        os.umask(old)
    assert report["ok"], report
    path = root / "allowed_signers"
    assert path.read_text() == f'anna namespaces="{SIGN_NAMESPACE},{ORDER_NAMESPACE}" {one.words}\n'
    assert path.stat().st_mode & 0o777 == 0o644
    assert report["written_to"] == str(path)
    assert report["signers"] == [{"principal": "anna", "fingerprint": one.fingerprint}]
    assert check_signature(layout, b"data", one.sign(b"data"), SIGN_NAMESPACE) == "anna"
    with Serving(file, root) as agent:
        assert agent.greeting["signers"] == report["signers"]


def test_a_second_signer_needs_the_word_of_the_first(file: Path, root: Path, layout: Layout, key: Key) -> None:
    """What else stands in the file stays as it was, and a second time changes nothing."""
    one, two, stranger = key("one"), key("two"), key("stranger")
    kept(root / "allowed_signers", "# who flies\u2028here", f"boss {one.words} the boss")
    for by in (None, two, stranger):
        with Serving(file, root) as agent:
            assert code_of(agent.enrol(two, by)) == "signature"
    with Serving(file, root) as agent:
        assert agent.enrol(two, one)["ok"]
    lines = (root / "allowed_signers").read_text().split("\n")
    assert lines[:2] == ["# who flies\u2028here", f"boss {one.words} the boss"]
    assert [line["principal"] for line in signers(layout) or ()] == ["boss", "anna"]
    before = (root / "allowed_signers").stat()
    with Serving(file, root) as agent:
        again = agent.enrol(two, two)
    assert (again["ok"], again["written_to"]) == (True, "")
    assert (root / "allowed_signers").stat() == before


def test_a_key_is_rotated_and_the_old_one_revoked(file: Path, root: Path, layout: Layout, key: Key) -> None:
    """The old key signs for the new one, and counts no more; nor can it be brought back by anybody's word."""
    old, new = key("old"), key("new")
    enrol(root, old)
    with Serving(file, root) as agent:
        report = agent.enrol(new, old, replace=True)
    assert report["ok"], report
    assert report["revoked"] == [old.fingerprint]
    assert report["signers"] == [{"principal": "anna", "fingerprint": new.fingerprint}]
    assert old.words not in (root / "allowed_signers").read_text()
    assert (root / "revoked_signers").read_text() == old.words + "\n"
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(key("third"), old)) == "signature"
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(old, new)) == "signers"


def test_a_rotation_may_take_two_steps(file: Path, root: Path, key: Key) -> None:
    """Both keys count while the caches are built anew; then the old one, already replaced, is taken out."""
    old, new = key("old"), key("new")
    enrol(root, old, revoked=(key("older"),))
    with Serving(file, root) as agent:
        assert len(agent.enrol(new, old)["signers"]) == 2
    with Serving(file, root) as agent:
        report = agent.enrol(new, old, replace=True)
    assert [one["fingerprint"] for one in report["signers"]] == [new.fingerprint]
    assert (root / "revoked_signers").read_text().count("\n") == 2


@pytest.mark.parametrize("step", range(4))
def test_a_power_cut_between_two_steps_of_a_rotation_locks_nobody_out(
    root: Path, layout: Layout, key: Key, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before each of the three writes, and after the last: the lists can be relied on, and one of the keys counts."""
    old, new = key("old"), key("new")
    enrol(root, old)
    found = enrolled(layout)
    assert found is not None
    written: list[str] = []

    def until_the_cut(path: str, data: bytes) -> None:
        if len(written) == step:
            raise InterruptedError
        written.append(path)
        write_whole(path, data)

    monkeypatch.setattr(enrol_signer, "write_whole", until_the_cut)
    with contextlib.suppress(InterruptedError):
        enrol_signer._enrol(layout, found, "anna", found.signers[0].key[:-32] + raw(new), found.signers[0].key)
    assert len(written) == min(step, 3)
    known = {entry["fingerprint"] for entry in signers(layout) or ()}
    assert known == [{old.fingerprint}, {old.fingerprint, new.fingerprint}, {new.fingerprint}, {new.fingerprint}][step]


def raw(one: KeyFile) -> bytes:
    """Return the 32 bytes of a public key."""
    return base64.b64decode(one.words.split()[1])[-32:]


def test_a_key_can_t_replace_itself(file: Path, root: Path, key: Key) -> None:
    """It would lock everybody out."""
    one = key("one")
    before = enrol(root, one).read_bytes()
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(one, one, replace=True)) == "signers"
    assert (root / "allowed_signers").read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"verb": "rollback"},
        {"companion_id": "0" * 32},
        {"nonce": "0" * 32},
        {"nonce": None},
        {"principal": "bo"},
        {"replace": True},
        {"replace": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_an_order_counts_for_what_it_says_and_where_and_now(
    file: Path, root: Path, key: Key, changes: dict[str, object]
) -> None:
    """Another verb's, another companion's, another session's, or for other parameters: refused, nothing written."""
    one = key("one")
    before = enrol(root, one).read_bytes()
    with Serving(file, root) as agent:
        report = agent.enrol(key("two"), one, changes=changes)
    assert code_of(report) == "signature"
    assert (root / "allowed_signers").read_bytes() == before


def test_an_order_of_an_earlier_session_is_refused(file: Path, root: Path, key: Key) -> None:
    """The very bytes that were taken once are not taken by another process."""
    one, two = key("one"), key("two")
    enrol(root, one)
    with Serving(file, root) as first, Serving(file, root) as second:
        assert first.greeting["nonce"] != second.greeting["nonce"]
        assert code_of(second.enrol(two, one, changes={"nonce": first.greeting["nonce"]})) == "signature"


def test_a_manifest_s_signature_is_no_order(file: Path, root: Path, key: Key) -> None:
    """A key that is enrolled for manifests alone can't enrol others."""
    one = key("one")
    kept(root / "allowed_signers", f'bot namespaces="{SIGN_NAMESPACE}" {one.words}')
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(key("two"), one)) == "signature"


def test_through_the_gate_nobody_becomes_the_first_signer(file: Path, root: Path, key: Key) -> None:
    """The administrator is told the line; a later signer comes in by the word of the first, also through the gate."""
    one, two = key("one"), key("two")
    with Serving(file, root, gate=True) as agent:
        report = agent.enrol(one)
    assert code_of(report) == "refused"
    line = f'anna namespaces="{SIGN_NAMESPACE},{ORDER_NAMESPACE}" {one.words}'
    assert report["error"]["message"].endswith(f"/etc/c10/allowed_signers: {line}")
    assert not (root / "allowed_signers").exists()
    kept(root / "allowed_signers", line)
    with Serving(file, root, gate=True) as agent:
        assert agent.enrol(two, one)["ok"]


@pytest.mark.parametrize(
    "asked",
    [
        {"principal": "an na"},
        {"principal": ""},
        {"principal": "*"},
        {"principal": "a\nb"},
        {"public_key": "ssh-ed25519"},
        {"public_key": "ssh-rsa AAAA"},
        {"public_key": "ssh-ed25519 AAAA\nanna ssh-ed25519 AAAA"},
        {"replace": 1},
    ],
    ids=str,
)
def test_what_can_t_be_a_signer_is_refused(file: Path, root: Path, key: Key, asked: dict[str, object]) -> None:
    """Nothing of it reaches the list."""
    fields = {"principal": "anna", "public_key": key("one").words, **asked}
    with Serving(file, root) as agent:
        assert code_of(agent.ask("enrol_signer", **fields)) == "request"
    assert not (root / "allowed_signers").exists()


def test_while_the_vehicle_is_armed_nobody_is_enrolled(file: Path, root: Path, key: Key) -> None:
    """What a consumer holds to be sound must not change in flight."""
    kept(root / "companion.json", '{"armed_command": ["/bin/false"]}')
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(key("one"))) == "armed"
    assert not (root / "allowed_signers").exists()


def test_a_list_that_can_t_be_relied_on_is_no_list_to_add_to(file: Path, root: Path, key: Key) -> None:
    """An empty one is not "no signer": the administrator's own hand is needed."""
    kept(root / "allowed_signers")
    with Serving(file, root) as agent:
        assert any("can't be relied on" in reason for reason in agent.greeting["reasons"])
        assert code_of(agent.enrol(key("one"))) == "signers"


def test_loss_of_the_key_is_mended_at_the_companion(file: Path, root: Path, layout: Layout, key: Key) -> None:
    """The administrator takes the line out, and puts the key on the revocation list; then it begins anew."""
    lost, new = key("lost"), key("new")
    enrol(root, lost)
    with Serving(file, root) as agent:
        assert code_of(agent.enrol(new)) == "signature"
    (root / "allowed_signers").unlink()
    kept(root / "revoked_signers", lost.words)
    with Serving(file, root) as agent:
        assert agent.enrol(new)["ok"]
    assert signers(layout) == [{"principal": "anna", "fingerprint": new.fingerprint}]
