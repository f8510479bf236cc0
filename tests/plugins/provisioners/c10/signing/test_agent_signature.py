"""The companion's judgement of a signature that ssh-keygen made: who, over what, what for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signing import signature, sshsig
from operator_tool_plugins.provisioners.c10.agent.signing.signature import (
    ORDER_NAMESPACE,
    SIGN_NAMESPACE,
    check_signature,
    signers_enrolled,
)
from operator_tool_plugins.provisioners.c10.agent.signing.signers import enrolled

from .conftest import KeyFile, enrol, kept

DATA = b'{\n "seq": 1\n}'
Key = Callable[..., KeyFile]


def refused(layout: Layout, data: bytes, armored: str | None, namespace: str = SIGN_NAMESPACE) -> str:
    """Return why a signature is refused, which it must be."""
    with pytest.raises(AgentError) as caught:
        check_signature(layout, data, armored, namespace)
    assert caught.value.code == "signature"
    return caught.value.message


def test_where_nobody_is_enrolled_nothing_is_judged(layout: Layout) -> None:
    """A companion without the file takes anything, and a signature that is there says nothing."""
    assert not signers_enrolled(layout)
    assert check_signature(layout, DATA, None, SIGN_NAMESPACE) == ""
    assert check_signature(layout, DATA, "nonsense", SIGN_NAMESPACE) == ""


def test_the_signer_is_named_as_the_companion_knows_it(layout: Layout, root: Path, key: Key) -> None:
    """Whoever signed, of several; each namespace by itself."""
    one, two = key("one"), key("two")
    enrol(root, one, two)
    assert signers_enrolled(layout)
    assert check_signature(layout, DATA, two.sign(DATA), SIGN_NAMESPACE) == "op1"
    assert check_signature(layout, DATA, one.sign(DATA), SIGN_NAMESPACE) == "op0"
    assert check_signature(layout, DATA, one.sign(DATA, ORDER_NAMESPACE), ORDER_NAMESPACE) == "op0"


def test_unsigned_is_refused_where_a_signer_is_enrolled(layout: Layout, root: Path, key: Key) -> None:
    """Nothing at all is not a signature, and nor is nothing in it."""
    enrol(root, key("one"))
    assert "not signed" in refused(layout, DATA, None)
    refused(layout, DATA, "")


@pytest.mark.parametrize(("namespaces", "taken"), [("c10-order@operator-tool", False), (f"a,{SIGN_NAMESPACE}", True)])
def test_a_key_may_be_enrolled_for_one_purpose(
    layout: Layout, root: Path, key: Key, namespaces: str, taken: bool
) -> None:
    """``namespaces=`` means what it means to OpenSSH."""
    one = key("one")
    kept(root / "allowed_signers", f'op0 namespaces="{namespaces}" {one.words} a comment')
    if taken:
        assert check_signature(layout, DATA, one.sign(DATA), SIGN_NAMESPACE) == "op0"
    else:
        assert "not for" in refused(layout, DATA, one.sign(DATA))


def test_a_signature_for_another_purpose_is_refused(layout: Layout, root: Path, key: Key) -> None:
    """An order is no manifest, and what git or anybody else had signed is neither."""
    one = key("one")
    enrol(root, one)
    for namespace in (ORDER_NAMESPACE, "git", "file"):
        assert f"signed for '{namespace}'" in refused(layout, DATA, one.sign(DATA, namespace))
    assert "signed for" in refused(layout, DATA, one.sign(DATA), ORDER_NAMESPACE)


def test_a_stranger_s_signature_is_refused(layout: Layout, root: Path, key: Key) -> None:
    """The key that signed is told by its fingerprint."""
    stranger = key("stranger")
    enrol(root, key("one"))
    assert stranger.fingerprint in refused(layout, DATA, stranger.sign(DATA))


@pytest.mark.parametrize("where", ["root", "system"])
def test_a_revoked_key_is_refused_whoever_revoked_it(
    layout: Layout, root: Path, key: Key, away_from_the_system: Path, where: str
) -> None:
    """A revocation counts wherever it stands: it can only take away."""
    one, two = key("one"), key("two")
    enrol(root, one, two)
    kept((root if where == "root" else away_from_the_system) / "revoked_signers", "# lost", two.words + " two")
    assert "revoked" in refused(layout, DATA, two.sign(DATA))
    assert check_signature(layout, DATA, one.sign(DATA), SIGN_NAMESPACE) == "op0"


def test_ssh_keygen_is_told_of_the_revocations_too(layout: Layout, root: Path, key: Key) -> None:
    """With our own look at them weakened, it still refuses."""
    one, two = key("one"), key("two")
    enrol(root, one, two, revoked=(one,))
    found = enrolled(layout)
    assert found is not None
    with pytest.raises(AgentError, match="ssh-keygen says"):
        signature._verify(found, DATA, one.sign(DATA), SIGN_NAMESPACE, found.signers[0])
    signature._verify(found, DATA, two.sign(DATA), SIGN_NAMESPACE, found.signers[1])


def test_any_other_byte_of_what_was_signed_is_refused(layout: Layout, root: Path, key: Key) -> None:
    """Each byte by itself; and one more, one less, none."""
    one = key("one")
    enrol(root, one)
    armored = one.sign(DATA)
    for place in range(len(DATA)):
        changed = bytearray(DATA)
        changed[place] ^= 1
        assert "not one over these bytes" in refused(layout, bytes(changed), armored)
    for changed_data in (DATA + b"\n", DATA[:-1], b""):
        refused(layout, changed_data, armored)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_of_a_manifest_is_refused(layout: Layout, root: Path, data: st.DataObject) -> None:
    """One as long as real ones are: any other byte in any place, one that goes, one that comes."""
    path = root.parent / "drawn"
    one = KeyFile(path) if not path.exists() else _Again(path)
    enrol(root, one)
    manifest = json.dumps({f"field {number}": "x" * number for number in range(60)}, indent=1).encode()
    armored = one.sign(manifest)
    place, other = data.draw(st.integers(0, len(manifest) - 1)), bytes([data.draw(st.integers(0, 255))])
    for changed in (manifest[:place] + other + manifest[place + 1 :], manifest[:place] + manifest[place + 1 :]):
        if changed == manifest:
            assert check_signature(layout, changed, armored, SIGN_NAMESPACE) == "op0"
        else:
            refused(layout, changed, armored)
    refused(layout, manifest[:place] + other + manifest[place:], armored)


def test_any_other_byte_of_the_signature_is_refused(layout: Layout, root: Path, key: Key) -> None:
    """Each byte by itself, those of the armour and the line ends too."""
    one = key("one")
    enrol(root, one)
    armored = one.sign(DATA).encode()
    for place in range(len(armored)):
        changed = bytearray(armored)
        changed[place] ^= 1
        refused(layout, DATA, changed.decode("latin-1"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_of_the_signature_is_refused(layout: Layout, root: Path, key: Key, data: st.DataObject) -> None:
    """Any other byte in any place; cut short anywhere."""
    path = root.parent / "drawn"
    one = KeyFile(path) if not path.exists() else _Again(path)
    enrol(root, one)
    armored = one.sign(DATA)
    place = data.draw(st.integers(0, len(armored) - 1))
    other = data.draw(st.characters(max_codepoint=255).filter(lambda character: character != armored[place]))
    refused(layout, DATA, armored[:place] + other + armored[place + 1 :])
    refused(layout, DATA, armored[:place])


class _Again(KeyFile):
    """A key that an earlier example made."""

    def __init__(self, path: Path) -> None:
        self.path = path


HOSTILE = {
    "text": "hello",
    "ten megabytes": "-----BEGIN SSH SIGNATURE-----\n" + "A" * 10_000_000 + "\n-----END SSH SIGNATURE-----\n",
    "another block": "-----BEGIN PGP SIGNATURE-----\nAAAA\n-----END PGP SIGNATURE-----\n",
    "not base64": "-----BEGIN SSH SIGNATURE-----\n!!!!\n-----END SSH SIGNATURE-----\n",
    "empty": "-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----\n",
    "not ascii": "-----BEGIN SSH SIGNATURE-----\n\u00e9\n-----END SSH SIGNATURE-----\n",
    "a NUL": "\0",
    "no magic": sshsig.armor(b"x" * 100),
    "magic alone": sshsig.armor(b"SSHSIG\0\0\0\x01"),
    "version 2": sshsig.armor(b"SSHSIG\0\0\0\x02" + b"\0" * 20),
    "a length beyond its end": sshsig.armor(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("armored", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_signature_is_refused(layout: Layout, root: Path, key: Key, armored: str) -> None:
    """Whatever stands in its place, and ssh-keygen never sees it."""
    enrol(root, key("one"))
    assert "can't be read" in refused(layout, DATA, armored)


def test_a_signature_longer_than_any_is_not_looked_at(layout: Layout, root: Path, key: Key) -> None:
    """Well formed, with a namespace that goes on and on."""
    one = key("one")
    enrol(root, one)
    assert "longer than" in refused(layout, DATA, one.sign(DATA, "n" * 3000))


def test_a_signature_in_another_dress_is_refused(layout: Layout, root: Path, key: Key) -> None:
    """ssh-keygen itself would take these: one signature has one form, so that a changed byte is told."""
    one = key("one")
    enrol(root, one)
    armored = one.sign(DATA)
    for dressed in (armored.replace("\n", "\r\n"), armored + "\n", armored[:-1], "\n" + armored):
        assert "can't be read" in refused(layout, DATA, dressed)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_key_are_refused(layout: Layout, root: Path, key: Key, kind: str) -> None:
    """Whoever enrolled one by hand is told by the file's own error; a stranger's by the signature's."""
    other = key("other", kind)
    enrol(root, key("one"))
    assert "Ed25519" in refused(layout, DATA, other.sign(DATA))


def test_without_ssh_keygen_nothing_is_taken(
    layout: Layout, root: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator is told what to install."""
    one = key("one")
    enrol(root, one)
    armored = one.sign(DATA)
    monkeypatch.setattr(signature, "_PATH", str(tmp_path))
    assert "openssh-client" in refused(layout, DATA, armored)


@pytest.mark.parametrize(
    ("script", "why"), [("exec sleep 60", "did not end"), ("exit 255", "says ''"), ("kill -9 $$", "says")]
)
def test_an_ssh_keygen_that_fails_takes_nothing(
    layout: Layout, root: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    """One that hangs is ended; only its exit status 0 counts."""
    one = key("one")
    enrol(root, one)
    armored = one.sign(DATA)
    program = tmp_path / "ssh-keygen"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(signature, "_PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(signature, "VERIFY_S", 0.5 if "sleep" in script else 30.0)
    assert re.search(why, refused(layout, DATA, armored))


def test_ssh_keygen_is_what_decides(
    layout: Layout, root: Path, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weakened twin: with one that says yes to all, another signature is taken. So the tests above can fail."""
    one = key("one")
    enrol(root, one)
    program = tmp_path / "ssh-keygen"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(signature, "_PATH", str(tmp_path))
    assert check_signature(layout, b"other", one.sign(DATA), SIGN_NAMESPACE) == "op0"
