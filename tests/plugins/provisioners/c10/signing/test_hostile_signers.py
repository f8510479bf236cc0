"""A companion that says strange things of its signers: it is not believed, and nothing of it reaches the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import CompanionError, CompanionSession, NotReadyError, SignerEnrolment
from tests.support.c10_rig import context_of, order_of, provisioner_of

from .conftest import KeyFile

Key = Callable[..., KeyFile]
Player = Callable[[str, str], str]
HELLO = """
said = {{"protocol": {protocol}, "agent": "2", "agent_sha256": "", "python": "3", "companion_id": "0" * 32,
    "boot_id": "", "clock": int(time.time()), "root": "/", "reasons": [], "busy": None, "highest_seq": 0,
    "current": None, "verified": None, "staged_bytes": 0, "nonce": "0" * 32, "gated": True, "signers": {signers}}}
while True:
    line = sys.stdin.buffer.readline()
    if not line:
        break
    if line.strip():
        taken, verb = json.loads(line), "hello"
        request = ask()
        report(request, **said)
"""


def hello(signers: object) -> str:
    """Return what plays a companion with these signers."""
    from operator_tool_plugins.provisioners.c10.wire import PROTOCOL

    return HELLO.format(protocol=PROTOCOL, signers=repr(signers))


def enrol(session: CompanionSession, root: Path, signing: KeyFile, python: str) -> SignerEnrolment:
    """Enrol a key on a companion whose Python is ``python``."""
    provisioner_of(root, context_of(root.parent)).install(session)
    provisioner = provisioner_of(root, context_of(root.parent), signing_key=str(signing.path), python=python)
    return provisioner.enrol_signer(session, provisioner.offered_signer(session, "anna"))


ANSWERS = {
    "another key": ("'SHA256:other'", "[{'principal': 'a', 'fingerprint': 'SHA256:other'}]", "asked for SHA256:"),
    "not among them": ("taken['fp']", "[]", "asked for SHA256:"),
    "no list": ("taken['fp']", "None", "can't be relied on"),
    "no fingerprint": ("None", "[]", "can't be relied on"),
}


@pytest.mark.parametrize(("said", "signers", "why"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_enrolment_that_did_not_take_place_is_not_believed(
    session: CompanionSession, root: Path, key: Key, player: Player, said: str, signers: str, why: str
) -> None:
    """The report must name the key that was asked for, and have it among the signers."""
    one = key("one")
    script = f"""
request = ask()
taken["fp"] = {one.fingerprint!r}
report(request, principal="anna", fingerprint={said}, signers={signers}, revoked=[], written_to="/x", last=True)
"""
    with pytest.raises(CompanionError, match=why):
        enrol(session, root, one, player("enrol_signer", script))


def test_what_a_companion_calls_its_signers_can_t_reach_the_terminal(
    session: CompanionSession, root: Path, key: Key, player: Player
) -> None:
    """Neither in the reason why it is not ready, nor among those that it takes."""
    python = player("serve", hello([{"principal": "a\x1b[2Jb\nc\u202e", "fingerprint": "SHA256:\x9bx"}]))
    provisioner = provisioner_of(root, context_of(root.parent), signing_key=str(key("one").path), python=python)
    with pytest.raises(NotReadyError, match="is not enrolled there") as caught:
        provisioner.prepare(session, order_of(1))
    offer = provisioner.offered_signer(session, "anna")
    for text in (caught.value.message, *(f"{one.principal}{one.fingerprint}" for one in offer.enrolled)):
        assert text.isprintable(), repr(text)


@pytest.mark.parametrize("signers", ["all", {"principal": "a"}, [{"principal": "a"}], [None], 1, True])
def test_signers_of_another_form_are_no_answer(
    session: CompanionSession, root: Path, key: Key, player: Player, signers: object
) -> None:
    """It is not taken for a companion that takes anything."""
    provisioner = provisioner_of(root, context_of(root.parent), python=player("serve", hello(signers)))
    with pytest.raises(CompanionError, match="can't be relied on"):
        provisioner.prepare(session, order_of(1))
