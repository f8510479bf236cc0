"""Whole builds of signed caches: what a companion takes, and that it keeps what it has against everything else."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import BuildError, CompanionSession, ConfigError, NotReadyError
from operator_tool_plugins.provisioners.c10.agent.generations.soundness import FULL, QUICK, find_problem
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.signing.signature import ORDER_NAMESPACE, SIGN_NAMESPACE
from operator_tool_plugins.provisioners.c10.signing.key_file import FileSigner
from tests.support.c10_rig import (
    Agent,
    Supply,
    ask,
    build_cache,
    context_of,
    manifest_of,
    order_of,
    provisioner_of,
    receive_once,
    request_of,
    snapshot,
    supply_of,
)
from tests.support.old_pythons import old_python

from .conftest import KeyFile, enrol, kept
from .test_agent_enrol import Serving

Key = Callable[..., KeyFile]
Sign = Callable[[bytes], str | None]


def current(root: Path) -> str:
    """Return what ``current`` points to."""
    return os.readlink(root / "current")


def test_a_signed_cache_is_built_through_and_through(
    session: CompanionSession, tmp_path: Path, root: Path, layout: Layout, key: Key
) -> None:
    """The signature lies beside the manifest, ssh-keygen verifies it, and the next run finds nothing to do."""
    one = key("one")
    enrol(root, one)
    _summary, report = build_cache(session, root, supply_of(20), signing_key=str(one.path))
    generation = root / "current"
    manifest, armored = generation / "manifest.json", (generation / "manifest.json.sig").read_text()
    assert armored == one.sign(manifest.read_bytes())
    assert json.loads(manifest.read_text())["files"][0]["path"] == "tiles.mbtiles"
    (found,) = layout.all_generations()
    assert found.name == report.generation
    assert find_problem(layout, found, FULL) is None
    # Nobody need sign where nothing is to be built.
    state = provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(20))
    assert state.up_to_date


def test_a_cache_is_signed_also_where_nobody_asks_for_it(session: CompanionSession, root: Path, key: Key) -> None:
    """So that it counts from the moment its signer is enrolled; nothing is sent again."""
    one = key("one")
    build_cache(session, root, supply_of(5), signing_key=str(one.path))
    before = current(root)
    enrol(root, one)
    state = provisioner_of(root, context_of(root.parent)).prepare(session, order_of(5))
    assert state.up_to_date
    assert current(root) == before


def test_an_unsigned_cache_counts_no_more_once_a_signer_is_enrolled(
    session: CompanionSession, root: Path, key: Key
) -> None:
    """It is built anew, of the tiles that lie there."""
    one = key("one")
    build_cache(session, root, supply_of(5))
    enrol(root, one)
    provisioner = provisioner_of(root, context_of(root.parent), signing_key=str(one.path))
    assert "not signed" in provisioner.prepare(session, order_of(5)).damage
    summary, _report = build_cache(session, root, supply_of(5), signing_key=str(one.path))
    assert summary.sent_tiles == 0
    assert (root / "current" / "manifest.json.sig").exists()


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_the_companion_would_not_take_is_told_before_anything_is_sent(
    session: CompanionSession, root: Path, key: Key, dry_run: bool
) -> None:
    """No key, and a stranger's; it is the companion that is not ready for us."""
    enrol(root, key("one"))
    order = order_of(5, dry_run=dry_run)
    build_cache(session, root.parent / "other", supply_of(1))
    for settings, why in (({}, "set c10.signing_key"), ({"signing_key": str(key("two").path)}, "is not enrolled")):
        provisioner = provisioner_of(
            root, context_of(root.parent), agent_dir=str(root.parent / "other/agent"), **settings
        )
        with pytest.raises(NotReadyError, match=why):
            provisioner.prepare(session, order)
    assert not (root / "staging").exists()


def test_a_key_that_can_t_be_used_is_told_before_anything_is_sent(
    session: CompanionSession, root: Path, key: Key
) -> None:
    """Its passphrase would be asked for now, and nobody is there."""
    one = key("one", passphrase="correct horse")
    enrol(root, one)
    with pytest.raises(ConfigError, match="passphrase"):
        provisioner_of(root, context_of(root.parent), signing_key=str(one.path)).prepare(session, order_of(5))
    one.path.chmod(0o644)
    with pytest.raises(ConfigError, match="0644"):
        provisioner_of(root, context_of(root.parent), signing_key=str(one.path)).prepare(session, order_of(5))
    status = provisioner_of(root, context_of(root.parent), signing_key=str(one.path)).status(session)
    assert any("0644" in problem for problem in status.problems)


class Built(Serving):
    """A build by hand, after tiles were received: what is said and signed can be anything."""

    def __init__(self, file: Path, root: Path, *, lat_deg: float = 50.0) -> None:
        self.supply: Supply = supply_of(5, first_seed=int(lat_deg * 1000))
        self.order = order_of(5, lat_deg=lat_deg)
        _sent, received = receive_once(file, root, self.order, self.supply)
        assert received["ok"], received
        super().__init__(file, root)

    def manifest(self, **changes: object) -> str:
        """Return the order that this very process takes, but for the changes."""
        right = {
            "seq": self.greeting["highest_seq"] + 1,
            "companion_id": self.greeting["companion_id"],
            "nonce": self.greeting["nonce"],
        }
        return manifest_of(self.order, self.supply, **{**right, **changes})

    def build(
        self,
        manifest: str,
        sign: Sign,
        *,
        sign_final: Sign | None = None,
        final: Callable[[bytes], bytes] = lambda data: data,
    ) -> dict[str, Any]:
        """Return the report; ``final`` changes the final manifest after it was signed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"verb": "build", "manifest": manifest, "signature": sign(manifest.encode()), "last": True}
        self.process.stdin.write(json.dumps({**request_of(self.root, self.order), **request}).encode() + b"\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said.get("event") == "made":
                whole = json.dumps({**json.loads(manifest), "files": said["files"]}).encode()
                signed = (sign_final or sign)(whole)
                answer = {"manifest": final(whole).decode("latin-1"), "signature": signed}
                self.process.stdin.write(json.dumps(answer).encode() + b"\ncommit\n")
                self.process.stdin.flush()
            if "report" in said:
                return said
        raise AssertionError("it ended without a report")


@pytest.fixture
def companion(file: Path, session: CompanionSession, root: Path, key: Key) -> Iterator[tuple[KeyFile, Path]]:
    """A key that a companion knows, and the companion's root with a signed cache; that stays current, and sound."""
    one = key("one")
    enrol(root, one, key("revoked"), revoked=(KeyAgain(root.parent / "revoked"),))
    build_cache(session, root, supply_of(5), signing_key=str(one.path))
    before, whole = current(root), snapshot(root / current(root))
    yield one, root
    assert current(root) == before
    assert snapshot(root / before) == whole
    layout = Layout(str(root))
    found = layout.current()
    assert found is not None
    assert find_problem(layout, found, FULL) is None


class KeyAgain(KeyFile):
    """A key that was made before."""

    def __init__(self, path: Path) -> None:
        self.path = path


def test_the_build_by_hand_can_succeed(file: Path, root: Path, key: Key) -> None:
    """Or else the refusals below would show nothing."""
    one = key("one")
    enrol(root, one)
    with Built(file, root) as build:
        report = build.build(build.manifest(), one.sign)
    assert report["ok"], report
    assert report["signer"] == "op0"


@pytest.mark.old_python
def test_the_build_by_hand_succeeds_on_python_38(
    file: Path, root: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolment, a signed build, and a stranger's, on a real Python 3.8."""
    old = old_python("3.8")
    monkeypatch.setattr(Agent, "python", old)
    monkeypatch.setattr(Serving, "python", old)
    one, two = key("one"), key("two")
    with Serving(file, root) as agent:
        assert agent.greeting["python"].startswith("3.8.")
        report = agent.enrol(one)
        assert report["ok"], report
    with Serving(file, root) as agent:
        report = agent.enrol(two, one)
        assert report["ok"], report
    with Built(file, root) as build:
        assert build.build(build.manifest(), key("stranger").sign)["error"]["code"] == "signature"
    with Built(file, root) as build:
        report = build.build(build.manifest(), two.sign)
    assert report["ok"], report


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another companion's": ({"companion_id": "0" * 32}, "identity"),
    "another session's": ({"nonce": "0" * 32}, "nonce"),
    "no session's": ({"nonce": ""}, "nonce"),
    "an old seq": ({"seq": 1}, "seq"),
    "seq 0": ({"seq": 0}, "seq"),
    "a jump over 1,000": ({"seq": 1002}, "seq"),
}


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_good_signature_over_what_was_meant_for_elsewhere_is_refused(
    file: Path, companion: tuple[KeyFile, Path], changes: dict[str, object], code: str
) -> None:
    """Replayed, or made for another companion: the signature is right, and what it says is not for here and now."""
    one, root = companion
    with Built(file, root) as build:
        report = build.build(build.manifest(**changes), one.sign)
    assert (report["ok"], report["error"]["code"]) == (False, code)


def test_a_jump_of_1_000_is_the_largest(file: Path, root: Path, key: Key) -> None:
    """The guard's other side."""
    one = key("one")
    enrol(root, one)
    with Built(file, root) as build:
        report = build.build(build.manifest(seq=1000), one.sign)
    assert report["ok"], report


def test_a_whole_session_that_was_recorded_is_refused(file: Path, root: Path, key: Key) -> None:
    """The very bytes of a build that was taken, played to a companion that lost its memory of it."""
    one = key("one")
    enrol(root, one)
    with Built(file, root) as build:
        manifest = build.manifest()
        report = build.build(manifest, one.sign)
    assert report["ok"], report
    for name in ("current", "generations", "state"):
        path = root / name
        path.unlink() if path.is_symlink() else shutil.rmtree(path)
    with Built(file, root) as build:
        report = build.build(manifest, one.sign)
    assert (report["ok"], report["error"]["code"]) == (False, "nonce")
    assert not (root / "current").exists()


def strangers(name: str, one: KeyFile) -> Sign:
    """Return what signs in a way that must be refused."""
    folder = one.path.parent
    match name:
        case "unsigned":
            return lambda _data: None
        case "a stranger's":
            stranger = KeyFile(folder / "stranger")
            return stranger.sign
        case "revoked":
            return KeyAgain(folder / "revoked").sign
        case "other bytes":
            return lambda data: one.sign(data + b" ")
        case "an order's":
            return lambda data: one.sign(data, ORDER_NAMESPACE)
        case "a file's":
            return lambda data: one.sign(data, "file")
        case "cut short":
            return lambda data: one.sign(data)[:-40]
        case "10 MB":
            return lambda data: one.sign(data) + "A" * 10_000_000
    raise AssertionError(name)


NAMES = ["unsigned", "a stranger's", "revoked", "other bytes", "an order's", "a file's", "cut short", "10 MB"]


@pytest.mark.parametrize("when", ["order", "final"])
@pytest.mark.parametrize("name", NAMES)
def test_what_no_signer_signed_is_refused(file: Path, companion: tuple[KeyFile, Path], name: str, when: str) -> None:
    """The order before anything is made, and the final manifest before anything becomes a generation."""
    one, root = companion
    generations = sorted(os.listdir(root / "generations"))
    wrong = strangers(name, one)
    with Built(file, root) as build:
        report = build.build(
            build.manifest(),
            wrong if when == "order" else one.sign,
            sign_final=wrong if when == "final" else one.sign,
        )
    # What is longer than any signature is refused before it is looked at.
    code = "request" if (name, when) == ("10 MB", "order") else "signature"
    assert (report["ok"], report["error"]["code"]) == (False, code), report
    assert sorted(os.listdir(root / "generations")) == generations


def test_a_final_manifest_that_was_changed_after_it_was_signed_is_refused(
    file: Path, companion: tuple[KeyFile, Path]
) -> None:
    """One bit of it, wherever it is; a dozen places spread over it."""
    one, root = companion
    for part in range(12):

        def flip(data: bytes, part: int = part) -> bytes:
            changed = bytearray(data)
            changed[len(data) * part // 12] ^= 1
            return bytes(changed)

        with Built(file, root) as build:
            report = build.build(build.manifest(), one.sign, final=flip)
        assert (report["ok"], report["error"]["code"]) == (False, "signature"), report


@pytest.mark.parametrize(("name", "step"), [("manifest.json", 16), ("manifest.json.sig", 1)])
def test_any_byte_of_what_lies_there_is_told_when_it_changes(
    session: CompanionSession, root: Path, layout: Layout, key: Key, name: str, step: int
) -> None:
    """By the quick look that every greeting takes; a manifest's every byte is tried on a small one, elsewhere."""
    one = key("one")
    enrol(root, one)
    build_cache(session, root, supply_of(5), signing_key=str(one.path))
    generation = layout.current()
    assert generation is not None
    path = Path(generation.path) / name
    whole = path.read_bytes()
    for place in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        problem = find_problem(layout, generation, QUICK)
        assert problem is not None, place
        assert problem.code == "signature", place
    for changed_size in (whole[:-1], whole + b"\n", b""):
        path.write_bytes(changed_size)
        assert find_problem(layout, generation, QUICK) is not None
    path.unlink()
    assert find_problem(layout, generation, QUICK) is not None
    path.write_bytes(whole)
    assert find_problem(layout, generation, QUICK) is None


def test_a_current_cache_whose_signer_was_revoked_is_told_and_built_anew(
    session: CompanionSession, root: Path, key: Key
) -> None:
    """Also where it was verified since the start: who may sign is looked at each time. Its tiles are not sent again."""
    old, new = key("old"), key("new")
    enrol(root, old, new)
    build_cache(session, root, supply_of(5), signing_key=str(old.path))
    kept(root / "revoked_signers", old.words)
    provisioner = provisioner_of(root, context_of(root.parent), signing_key=str(new.path))
    assert "revoked" in provisioner.prepare(session, order_of(5)).damage
    summary, _report = build_cache(session, root, supply_of(5), signing_key=str(new.path))
    assert summary.sent_tiles == 0


def test_a_list_that_breaks_during_a_build_lets_nothing_through(
    session: CompanionSession, root: Path, key: Key
) -> None:
    """Emptied after the greeting: the build fails, and what was sent is kept for the next."""
    one = key("one")
    enrol(root, one)
    order, supply = order_of(5), supply_of(5)
    provisioner = provisioner_of(root, context_of(root.parent), signing_key=str(one.path))
    provisioner.prepare(session, order)
    (root / "allowed_signers").write_text("")
    summary = provisioner.transfer(session, order, supply)
    with pytest.raises(BuildError, match="signers"):
        provisioner.build(session, order, summary)
    assert not (root / "current").exists()
    enrol(root, one)
    summary, _report = build_cache(session, root, supply, signing_key=str(one.path))
    assert summary.sent_tiles == 0


class Watched:
    """A key file's signer, with something that happens before each signature."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Callable[[int], None]) -> None:
        self.namespaces: list[str] = []
        self.threads: list[threading.Thread] = []
        real = FileSigner.sign

        def sign(signer: FileSigner, data: bytes, namespace: str) -> str:
            self.namespaces.append(namespace)
            self.threads.append(threading.current_thread())
            before(len(self.namespaces))
            return real(signer, data, namespace)

        monkeypatch.setattr(FileSigner, "sign", sign)


def test_a_build_signs_twice(session: CompanionSession, root: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order and the final manifest, where the link goes on speaking: an agent's user may take their time."""
    one = key("one")
    enrol(root, one)
    watched = Watched(monkeypatch, lambda _number: None)
    build_cache(session, root, supply_of(5), signing_key=str(one.path))
    assert watched.namespaces == [SIGN_NAMESPACE, SIGN_NAMESPACE]
    assert set(watched.threads) == {threading.current_thread()}


@pytest.mark.nightly
def test_an_agent_s_user_may_take_longer_than_the_companion_bears_silence(
    session: CompanionSession, root: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """25 s for each of the two signatures, where 20 s without a word end the companion's side."""
    one = key("one")
    enrol(root, one)
    Watched(monkeypatch, lambda _number: time.sleep(25))
    _summary, report = build_cache(session, root, supply_of(5), signing_key=str(one.path))
    assert report.tiles == 5


@pytest.mark.parametrize("refused", [1, 2])
def test_a_signature_that_is_not_given_leaves_all_as_it_was(
    session: CompanionSession, root: Path, key: Key, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    """The agent's user says no, to the order or to the final manifest; the next run sends nothing again."""
    one = key("one")
    enrol(root, one)

    def say_no(number: int) -> None:
        if number == refused:
            raise ConfigError("c10.signing_key: the ssh-agent did not sign")

    with monkeypatch.context() as patched:
        Watched(patched, say_no)
        with pytest.raises(ConfigError, match="did not sign"):
            build_cache(session, root, supply_of(5), signing_key=str(one.path))
    assert not (root / "current").exists()
    assert not any((root / "generations").iterdir())
    summary, _report = build_cache(session, root, supply_of(5), signing_key=str(one.path))
    assert summary.sent_tiles == 0


def test_a_look_at_the_companion_says_whose_caches_it_takes(file: Path, root: Path, key: Key) -> None:
    """By their fingerprints, so that the workstation can tell before it has anything to send."""
    one = key("one")
    enrol(root, one)
    with Agent(file, "hello", request_of(root, order_of(1))) as agent:
        assert agent.report()["signers"] == [{"principal": "op0", "fingerprint": one.fingerprint}]
    assert ask(file, "hello", root, order_of(1))["reasons"] == []
