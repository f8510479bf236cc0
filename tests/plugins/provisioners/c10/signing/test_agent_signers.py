"""The companion's list of signers: what counts as one, and that whatever can't be relied on lets nothing through."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_tool_plugins.provisioners.c10.agent.faults import AgentError
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signing.signature import check_signature, signers_enrolled
from operator_tool_plugins.provisioners.c10.agent.signing.signers import _parsed, enrolled, signers

from .conftest import KeyFile, as_root, enrol, kept

Key = Callable[..., KeyFile]
WORDS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNPqXhwDZv5uNYLBEr27Vf+d1B0iY2YVmyQteDvzoZb"


def unreliable(layout: Layout) -> str:
    """Return why the list can't be relied on, which must be so, and must let nothing through."""
    messages = []
    for ask in (
        lambda: signers_enrolled(layout),
        lambda: signers(layout),
        lambda: check_signature(layout, b"", None, "any"),
    ):
        with pytest.raises(AgentError) as caught:
            ask()
        assert caught.value.code == "signers"
        messages.append(caught.value.message)
    assert len(set(messages)) == 1
    return messages[0]


def test_a_list_as_openssh_s_manual_has_it_is_read(layout: Layout, root: Path, key: Key) -> None:
    """Comments, blanks, tabs, namespaces and the key's own comment."""
    one, two = key("one"), key("two")
    kept(
        root / "allowed_signers",
        "# who flies",
        "",
        f'  anna@desk \t namespaces="a,b@c" {one.words}   Anna, at the desk\r',
        f"bo {two.words}",
        "   # nobody else",
    )
    found = enrolled(layout)
    assert found is not None
    assert [(one.principal, one.namespaces) for one in found.signers] == [("anna@desk", ("a", "b@c")), ("bo", None)]
    assert signers(layout) == [
        {"principal": "anna@desk", "fingerprint": one.fingerprint},
        {"principal": "bo", "fingerprint": two.fingerprint},
    ]


def test_who_was_revoked_is_not_told_as_a_signer(layout: Layout, root: Path, key: Key) -> None:
    """With all of them revoked nobody's caches are taken, which is not the same as anybody's."""
    one, two = key("one"), key("two")
    enrol(root, one, two, revoked=(one,))
    assert signers(layout) == [{"principal": "op1", "fingerprint": two.fingerprint}]
    enrol(root, one, two, revoked=(one, two))
    assert signers(layout) == []
    assert signers_enrolled(layout)


def test_the_system_s_list_comes_first(layout: Layout, root: Path, key: Key, away_from_the_system: Path) -> None:
    """The upload account may write to the root's: where the system's is there, the other is not looked at."""
    one, two = key("one"), key("two")
    enrol(root, two)
    assert signers(layout) == [{"principal": "op0", "fingerprint": two.fingerprint}]
    kept(away_from_the_system / "companion.json", "{}")
    assert signers(layout) == [{"principal": "op0", "fingerprint": two.fingerprint}]
    kept(away_from_the_system / "allowed_signers", f"boss {one.words}")
    assert signers(layout) == [{"principal": "boss", "fingerprint": one.fingerprint}]
    kept(away_from_the_system / "allowed_signers")
    assert str(away_from_the_system) in unreliable(layout)


LINES = {
    "no line": "",
    "a comment alone": "# nobody",
    "a name alone": "anna",
    "no name": WORDS,
    "no key": "anna ssh-ed25519",
    "another kind": "anna ssh-rsa AAAAB3NzaC1yc2E=",
    "a kind that lies": f"anna ssh-rsa {WORDS.split()[1]}",
    "not base64": "anna ssh-ed25519 AAAA!",
    "a key cut short": f"anna {WORDS[:-8]}",
    "a key and more": f"anna {WORDS}AAAA",
    "a pattern": f"*@desk {WORDS}",
    "anybody but": f"!anna {WORDS}",
    "several names": f"anna,bo {WORDS}",
    "a name in quotes": f'"anna" {WORDS}',
    "an option for a name": f"-rf {WORDS}",
    "an authority": f"anna cert-authority {WORDS}",
    "valid before": f'anna valid-before="20380101" {WORDS}',
    "valid after, in capitals": f'anna VALID-AFTER="20200101" {WORDS}',
    "two options": f'anna namespaces="a",valid-before="20380101" {WORDS}',
    "an unknown option": f"anna touch-not-required {WORDS}",
    "a pattern of namespaces": f'anna namespaces="c10-*" {WORDS}',
    "no namespace": f'anna namespaces="" {WORDS}',
    "a name beyond its cap": f"{'a' * 65} {WORDS}",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_line_that_is_not_wholly_understood_lets_nothing_through(layout: Layout, root: Path, line: str) -> None:
    """Also where a good line stands beside it; the bad one's number is told."""
    kept(root / "allowed_signers", line)
    assert str(root / "allowed_signers") in unreliable(layout)
    if line and not line.startswith("#"):
        kept(root / "allowed_signers", f"anna {WORDS}", line)
        assert "line 2" in unreliable(layout)


def test_a_line_that_the_clock_would_decide_on_says_so(layout: Layout, root: Path) -> None:
    """The companion's clock may be 1970's."""
    kept(root / "allowed_signers", LINES["valid before"])
    assert "valid-before would have the companion's clock decide" in unreliable(layout)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"anna\0", b"# " + b"x" * 70_000, f"anna {WORDS}\n".encode() * 65])
def test_what_is_no_list_lets_nothing_through(layout: Layout, root: Path, data: bytes) -> None:
    """Bytes that are no text, and more of it than anybody writes by hand."""
    kept(root / "allowed_signers").write_bytes(data)
    unreliable(layout)


@pytest.mark.parametrize("name", ["allowed_signers", "revoked_signers"])
@pytest.mark.parametrize(
    "flaw", ["group", "others", "link", "fifo", "folder", "owner", "the folder", "another's folder"]
)
def test_a_list_that_others_could_have_written_lets_nothing_through(
    layout: Layout, root: Path, key: Key, name: str, flaw: str
) -> None:
    """Not the list, and not the revocations; nor does a list that can't be opened, or that a link leads to."""
    one = key("one")
    enrol(root, one, revoked=(key("two"),))
    armored = one.sign(b"data")
    assert signers_enrolled(layout)
    path = root / name
    match flaw:
        case "group":
            path.chmod(0o664)
        case "others":
            path.chmod(0o646)
        case "link":
            path.rename(root / "aside")
            path.symlink_to("aside")
        case "fifo":
            path.unlink()
            os.mkfifo(path, 0o644)
        case "folder":
            path.unlink()
            path.mkdir()
        case "the folder":
            root.chmod(0o777)
        case _ if not as_root():
            pytest.skip("only root can give a file away")
        case "owner":
            os.chown(path, 12345, 12345)
        case "another's folder":
            os.chown(root, 12345, 12345)
    assert str(root) in unreliable(layout)
    with pytest.raises(AgentError):
        check_signature(layout, b"data", armored, "c10-manifest@operator-tool")


@pytest.mark.parametrize("line", ["anna", WORDS.split()[1], "ssh-rsa AAAA", "sha256:abcdef", "SSHKRL\n"])
def test_a_revocation_that_is_not_understood_lets_nothing_through(
    layout: Layout, root: Path, key: Key, line: str
) -> None:
    """A binary list of OpenSSH's is one of these: the keys themselves must stand there."""
    enrol(root, key("one"))
    kept(root / "revoked_signers", line)
    assert "line 1" in unreliable(layout)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_list_or_are_refused(data: bytes) -> None:
    """Nothing but the agent's own error comes of them."""
    try:
        found = _parsed("list", data)
    except AgentError as error:
        assert error.code == "signers"  # noqa: PT017 - most bytes are refused, and some may not be
    else:
        assert found
