"""The administrator's own ``/etc/c10``, in mounts of the test's own, and a login that may not write there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operator_tool_plugins.provisioners.c10.agent.signing.signature import ORDER_NAMESPACE, SIGN_NAMESPACE
from tests.support.namespaces import private_mounts
from tests.support.real_parts import require

from .conftest import KeyFile, kept
from .test_agent_enrol import Serving, code_of

pytestmark = pytest.mark.own_mounts
Key = Callable[..., KeyFile]
LOGIN = 12345


class Machine:
    """A companion with an ``/etc`` of its own, and a cache root that one login owns."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.file = Path(shutil.copy(file, folder))
        self.etc = folder / "etc"
        self.root = folder / "cache"
        self.root.mkdir()
        os.chown(self.root, LOGIN, LOGIN)
        shutil.copytree("/etc", self.etc, symlinks=True, ignore=shutil.ignore_patterns("shadow*", "gshadow*", "ssl"))
        with (self.etc / "passwd").open("a") as file_of_logins:
            # ssh-keygen serves nobody whom the system has no entry for.
            file_of_logins.write(f"c10:x:{LOGIN}:{LOGIN}::/nonexistent:/bin/sh\n")
        self._mounts = private_mounts('mount --bind "$0" /etc', str(self.etc))

    @property
    def allowed(self) -> Path:
        """What is ``/etc/c10/allowed_signers`` there."""
        return self.etc / "c10" / "allowed_signers"

    def as_root(self) -> Serving:
        """Begin an agent that the administrator runs."""
        return Serving(self.file, self.root, through=self._mounts)

    def as_login(self, *, gate: bool = False) -> Serving:
        """Begin an agent of the login that the cache root is of."""
        become = (require("setpriv"), f"--reuid={LOGIN}", f"--regid={LOGIN}", "--clear-groups")
        return Serving(self.file, self.root, gate=gate, through=(*self._mounts, *become))


@pytest.fixture
def machine(file: Path) -> Iterator[Machine]:
    """Such a companion, in a folder that other users may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Machine(Path(folder), file)


def test_the_administrator_enrols_for_the_whole_system(machine: Machine, key: Key) -> None:
    """Where the folder is there and open to whoever enrols, the list is written there, and the login obeys it."""
    one = key("one")
    (machine.etc / "c10").mkdir()
    with machine.as_root() as agent:
        assert agent.enrol(one)["written_to"] == "/etc/c10/allowed_signers"
    assert not (machine.root / "allowed_signers").exists()
    with machine.as_login() as agent:
        assert agent.greeting["signers"] == [{"principal": "anna", "fingerprint": one.fingerprint}]


def test_a_login_that_may_not_write_the_list_is_told_what_to_add(machine: Machine, key: Key) -> None:
    """The exact line; with ``replace`` also what to take out and to revoke. Nothing is written, there or elsewhere."""
    one, two = key("one"), key("two")
    kept(machine.allowed, f"boss {one.words}")
    before = machine.allowed.read_bytes()
    line = f'anna namespaces="{SIGN_NAMESPACE},{ORDER_NAMESPACE}" {two.words}'
    with machine.as_login() as agent:
        report = agent.enrol(two, one)
    assert code_of(report) == "signers", report
    assert report["error"]["message"].endswith(f"add this line to it: {line}")
    with machine.as_login() as agent:
        report = agent.enrol(two, one, replace=True)
    assert code_of(report) == "signers", report
    message = report["error"]["message"]
    assert f"take the line of {one.fingerprint} out" in message
    assert message.endswith(f"/etc/c10/revoked_signers: {one.words}")
    assert machine.allowed.read_bytes() == before
    assert not (machine.root / "allowed_signers").exists()
    # As the administrator would.
    with machine.as_root() as agent:
        assert agent.enrol(two, one, replace=True)["ok"]
    with machine.as_login(gate=True) as agent:
        assert agent.greeting["signers"] == [{"principal": "anna", "fingerprint": two.fingerprint}]


def test_what_the_login_writes_into_its_own_root_does_not_count(machine: Machine, key: Key) -> None:
    """Its own list is passed over, and what it revokes only takes away."""
    one, stranger = key("one"), key("stranger")
    kept(machine.allowed, f"boss {one.words}")
    own = kept(machine.root / "allowed_signers", f"me {stranger.words}")
    os.chown(own, LOGIN, LOGIN)
    with machine.as_login() as agent:
        assert [entry["principal"] for entry in agent.greeting["signers"]] == ["boss"]
        assert code_of(agent.enrol(stranger, stranger)) == "signature"
    kept(machine.root / "revoked_signers", one.words)
    with machine.as_login() as agent:
        assert agent.greeting["signers"] == []


@pytest.mark.parametrize("flaw", ["unreadable", "the folder shut", "the login's own folder", "a link to nowhere"])
def test_a_list_of_the_system_s_that_the_login_can_t_rely_on_lets_nothing_through(
    machine: Machine, key: Key, flaw: str
) -> None:
    """It is never taken for "no list": also where the login can't even see whether there is one."""
    kept(machine.allowed, f"boss {key('one').words}")
    match flaw:
        case "unreadable":
            machine.allowed.chmod(0o600)
        case "the folder shut":
            machine.allowed.parent.chmod(0o700)
        case "the login's own folder":
            machine.allowed.parent.chmod(0o777)
        case "a link to nowhere":
            machine.allowed.unlink()
            machine.allowed.symlink_to("nowhere")
    with machine.as_login() as agent:
        assert agent.greeting["signers"] is None
        assert any("/etc/c10/allowed_signers can't be relied on" in reason for reason in agent.greeting["reasons"])
        # Nor can it tell then whether the vehicle is armed.
        assert code_of(agent.enrol(key("two"))) in ("signers", "armed")
