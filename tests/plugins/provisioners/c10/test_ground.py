"""Where a cache can't be relied on: in memory, where others may write, on a volume that can't do what is needed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool.api import CompanionSession, NotReadyError
from operator_tool_plugins.provisioners.c10 import install
from operator_tool_plugins.provisioners.c10.agent import in_memory, owners, trial
from operator_tool_plugins.provisioners.c10.agent.ground import why_lost, why_strange
from operator_tool_plugins.provisioners.c10.agent.in_memory import why_in_memory
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from operator_tool_plugins.provisioners.c10.agent.mounts import Mounts, read_mounts
from operator_tool_plugins.provisioners.c10.agent.owners import why_others_write
from operator_tool_plugins.provisioners.c10.agent.trial import try_volume
from tests.support.c10_rig import Agent, ask, context_of, order_of, provisioner_of, request_of, snapshot

ROOT = "20 1 179:2 / / rw - ext4 /dev/root rw\n"
TABLES = {
    "disk": ("", "/data/c10", ""),
    "tmpfs": ("30 20 0:26 / /data rw - tmpfs tmpfs rw", "/data/c10", "tmpfs"),
    "ramfs": ("30 20 0:26 / /data rw - ramfs none rw", "/data", "ramfs"),
    "disk in tmpfs": ("30 20 0:26 / /run rw - tmpfs t rw\n31 30 8:1 / /run/c10 rw - ext4 /dev/sda1 rw", "/run/c10", ""),
    "hidden": ("30 20 8:1 / /data rw - ext4 x rw\n31 30 0:9 / /data rw - tmpfs t rw", "/data", "tmpfs"),
    "a blank in its name": (r"30 20 0:26 / /my\040data rw shared:1 master:2 - tmpfs t rw", "/my data/c10", "tmpfs"),
    "a name that begins alike": ("30 20 0:26 / /data rw - tmpfs tmpfs rw", "/database/c10", ""),
    "ramdisk": ("30 20 1:0 / /data rw - ext4 /dev/ram0 rw", "/data", "ramdisk"),
    "zram": ("30 20 252:0 / /data rw - ext4 /dev/zram0 rw", "/data", "zram0"),
    "a partition of a zram": ("30 20 252:1 / /data rw - ext4 /dev/zram0p1 rw", "/data", "zram0"),
    "loop on tmpfs": ("30 20 0:26 / /run rw - tmpfs t rw\n31 20 7:0 / /data rw - ext4 /dev/loop0 rw", "/data", "tmpfs"),
    "mapper on zram": ("30 20 253:0 / /data rw - ext4 /dev/mapper/x rw", "/data", "zram0"),
    "initramfs": ("30 20 0:2 / /data rw - rootfs rootfs rw", "/data", "rootfs"),
}  # fmt: skip


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's folders of a ram disk, a partition of it, a loop device and a mapped one."""
    block = tmp_path / "sys" / "block"
    for folder in ("zram0/zram0p1", "loop0/loop", "dm-0/slaves/zram0"):
        (block / folder).mkdir(parents=True)
    (block / "loop0/loop/backing_file").write_text("/run/image.ext4\n")
    (block / "dm-0/slaves/zram0/dev").write_text("252:0\n")
    numbers = tmp_path / "sys" / "dev"
    numbers.mkdir()
    for number, device in (("252:0", "zram0"), ("252:1", "zram0/zram0p1"), ("7:0", "loop0"), ("253:0", "dm-0")):
        (numbers / number).symlink_to(block / device)
    monkeypatch.setattr(in_memory, "DEVICES", str(numbers))


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize("name", TABLES)
def test_what_is_lost_with_the_power_is_told_by_the_kernel_s_table(name: str) -> None:
    """Directly, or through loops, mappers and partitions; a disk below a tmpfs is none."""
    lines, path, expected = TABLES[name]
    seen = why_in_memory(path, Mounts((ROOT + lines).encode()))
    assert expected in seen
    assert bool(seen) == bool(expected)


@pytest.mark.parametrize("upper", ["in memory", "on a disk", "of another root"])
def test_an_overlay_is_as_lasting_as_its_upper_layer(tmp_path: Path, upper: str) -> None:
    """Its path is found through the table, with a comma in it, too; one that leads nowhere tells nothing."""
    folder = tmp_path / "up,per"
    if upper != "of another root":
        folder.mkdir()
    under = f"30 20 0:26 / {tmp_path} rw - tmpfs t rw\n" if upper == "in memory" else ""
    spelled = str(folder).replace(",", r"\054")
    overlay = f"31 20 0:30 / /data rw - overlay overlay rw,lowerdir=/low,upperdir={spelled},workdir=/w\n"
    seen = why_in_memory("/data/c10", Mounts((ROOT + under + overlay).encode()))
    assert bool(seen) == (upper == "in memory")


def test_an_upper_layer_out_of_sight_is_told_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An overlay of the start-up's tells of room and inodes as the tmpfs beneath it has them."""
    (tmp_path / "meminfo").write_text("MemTotal:        4000000 kB\nMemFree: 1 kB\n")
    monkeypatch.setattr(in_memory, "MEMORY", str(tmp_path / "meminfo"))
    page = os.sysconf("SC_PAGE_SIZE")
    mounts = Mounts(b"20 1 0:30 / / rw - overlay overlay rw,lowerdir=/lower,upperdir=/gone/upper,workdir=/gone/w\n")
    pages = 4_000_000 * 1024 // page

    def sized(blocks: int, files: int) -> bool:
        volume = os.statvfs_result((page, page, blocks, blocks, blocks, files, files, files, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _path: volume)
        return bool(why_in_memory("/data", mounts))

    assert sized(pages // 2, pages // 2)
    assert not sized(pages * 8, pages * 2), "a card of 32 GB"
    assert not sized(pages // 2, 65536), "a small card"


def test_a_folder_of_the_root_in_memory_counts_as_the_root(tmp_path: Path) -> None:
    """The records of what is current, or the generations, mounted or linked to elsewhere."""
    layout = Layout(str(tmp_path / "c10"))
    layout.make()
    disk = Mounts(ROOT.encode())
    assert why_lost(layout, disk) == ""
    for path in (layout.state, layout.generations):
        assert path in why_lost(layout, Mounts(f"{ROOT}30 20 0:26 / {path} rw - tmpfs t rw\n".encode()))
    (tmp_path / "shm").mkdir()
    os.rmdir(layout.state)
    os.symlink(tmp_path / "shm", layout.state)
    assert layout.state in why_lost(layout, Mounts(f"{ROOT}30 20 0:26 / {tmp_path}/shm rw - tmpfs t rw\n".encode()))
    assert any(layout.state in reason for reason in why_strange(layout)), "and is no folder"


INSIDE = 'mount -t tmpfs none "$1" && shift && exec "$@"'


@pytest.mark.own_mounts
def test_a_root_in_memory_is_refused_unless_it_is_allowed(tmp_path: Path, file: Path) -> None:
    """On a real tmpfs, by the real table; allowed, it is told all the same."""
    for allowed in (False, True):
        root = tmp_path / "volume" / "cache"
        root.parent.mkdir(exist_ok=True)
        request = json.dumps(request_of(root, order_of(1), allow_volatile_root=allowed)).encode() + b"\n"
        agent = [sys.executable, "-I", "-S", "-B", str(file), "hello"]
        command = ["unshare", "-rm", "sh", "-c", INSIDE, "sh", str(root.parent), *agent]
        ended = subprocess.run(command, input=request, capture_output=True, check=False)
        if b"unshare" in ended.stderr or b"mount:" in ended.stderr:
            pytest.skip(f"no mount in a namespace of its own here: {ended.stderr!r}")
        report = json.loads(ended.stdout.splitlines()[-1])
        assert "tmpfs" in report["in_memory"]
        assert len(report["reasons"]) == (0 if allowed else 1), report["reasons"]
        assert "tmpfs" in report["volume"]


def refuse(number: int) -> Callable[..., Any]:
    """Return what fails with this error."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


CANNOT = [
    ("os.symlink", errno.EPERM, "symbolic links"),
    ("os.symlink", errno.ENOSYS, "symbolic links"),
    ("os.replace", errno.EPERM, "link over another"),
    ("fcntl.flock", errno.ENOSYS, "flock"),
    ("fcntl.lockf", errno.ENOLCK, "fcntl"),
    ("os.fsync", errno.EINVAL, "sync"),
    ("sync_folder", errno.EINVAL, "sync a folder"),
    ("os.chmod", errno.EPERM, "mode"),
    ("os.rename", errno.EPERM, "rename a folder"),
]


@pytest.mark.parametrize(("call", "number", "what"), CANNOT)
def test_what_a_volume_cannot_do_is_found_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, what: str
) -> None:
    """Each thing that a build needs is tried, named, and leaves nothing behind."""
    module, _dot, name = call.rpartition(".")
    with monkeypatch.context() as patched:
        # The trial's own names alone: what tidies up behind it must work.
        patched.setattr(trial if not module else getattr(trial, module), name, refuse(number))
        found = try_volume(str(tmp_path))
    assert found is not None
    assert what in found.what
    assert not found.disk
    assert snapshot(tmp_path) == {}


def test_modes_and_locks_that_do_nothing_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system may take a mode or a lock, and keep none."""
    for name in ("os.chmod", "fcntl.flock"):
        with monkeypatch.context() as patched:
            patched.setattr(name, lambda *_arguments: None)
            assert try_volume(str(tmp_path)) is not None, name
    assert try_volume(str(tmp_path)) is None


@pytest.mark.parametrize(("number", "fails"), [(errno.ENOSPC, False), (errno.EDQUOT, False), (errno.EIO, True)])
def test_a_full_volume_is_none_that_cannot_and_a_broken_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    """How much room is needed is told elsewhere; a disk that fails is named as such."""
    monkeypatch.setattr(os, "symlink", refuse(number))
    found = try_volume(str(tmp_path))
    assert (found is not None and found.disk) == fails


def test_hello_tries_only_for_a_build_and_leaves_nothing(tmp_path: Path, file: Path) -> None:
    """With ``only_look`` the root is not so much as touched."""
    root = tmp_path / "cache"
    root.mkdir()
    before = snapshot(tmp_path)
    assert ask(file, "hello", root, order_of(1), only_look=True)["reasons"] == []
    assert snapshot(tmp_path) == before
    assert ask(file, "hello", root, order_of(1))["reasons"] == []
    assert list(root.iterdir()) == []


MODES = [
    (0o755, 0o755, 0),
    (0o700, 0o755, 0),
    (0o777, 0o755, 1),
    (0o1777, 0o755, 1),
    (0o707, 0o755, 1),
    (0o755, 0o707, 1),
    (0o755, 0o777, 1),
    (0o755, 0o1777, 0),
    (0o775, 0o755, 1),
    (0o755, 0o775, 1),
]


@pytest.mark.parametrize(("mode", "above", "reasons"), MODES)
def test_a_root_that_others_may_write_to_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, above: int, reasons: int
) -> None:
    """World-writable, or open to a group of others, itself or a folder above it; a sticky one above is fine."""
    monkeypatch.setattr(owners, "_is_private", lambda _group: False)
    root = tmp_path / "above" / "cache"
    root.mkdir(parents=True)
    root.chmod(mode)
    root.parent.chmod(above)
    seen = why_others_write(Layout(str(root)), as_owner=True)
    assert len(seen) == reasons
    assert all(f"{mode if mode & 0o022 else above:04o}" in why for why in seen)


def test_a_group_of_one_account_alone_is_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many systems give each account; the folders that caches lie in count as the root does."""
    layout = Layout(str(tmp_path / "cache"))
    layout.make()
    monkeypatch.setattr(owners, "_is_private", lambda _group: True)
    os.chmod(layout.root, 0o775)
    assert why_others_write(layout, as_owner=True) == []
    os.chmod(layout.generations, 0o777)
    (why,) = why_others_write(layout, as_owner=True)
    assert layout.generations in why


def test_a_root_of_another_account_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner may change what was verified; root may look at it, and not build there."""
    root = tmp_path / "cache"
    root.mkdir()
    monkeypatch.setattr(owners, "_found", lambda _path: os.stat_result((0o40755, 1, 1, 1, 4242, 4242, 0, 0, 0, 0)))
    for user, as_owner, told in ((4242, True, 0), (4243, False, 1), (0, True, 1), (0, False, 0)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert len(why_others_write(Layout(str(root)), as_owner=as_owner)) == told, (user, as_owner)


@pytest.mark.parametrize("verb", ["hello", "receive", "artefacts", "build"])
def test_no_verb_builds_where_everybody_may_write(tmp_path: Path, file: Path, verb: str) -> None:
    """Told by hello, and refused by what writes, with nothing written."""
    root = tmp_path / "cache"
    root.mkdir()
    root.chmod(0o777)
    manifest = json.dumps({"format": 2})
    report = ask(file, verb, root, order_of(1), manifest=manifest) if verb != "build" else ask_build(file, root)
    if verb == "hello":
        (why,) = report["reasons"]
        assert "0777" in why
    else:
        assert report["error"]["code"] == "not_ready"
        assert "0777" in report["error"]["message"]
    assert [path.name for path in root.iterdir() if not path.name.endswith(".jsonl")] == []


def ask_build(file: Path, root: Path) -> dict[str, Any]:
    """Return the report of a build whose order is sound."""
    from tests.support.c10_rig import build_once, supply_of

    return build_once(file, root, order_of(5), supply_of(5))


def test_the_agent_is_not_put_where_everybody_may_write(session: CompanionSession, tmp_path: Path) -> None:
    """Whoever can replace the agent is the companion."""
    folder = tmp_path / "opt"
    folder.mkdir()
    folder.chmod(0o777)
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path), agent_dir=str(folder))
    with pytest.raises(NotReadyError, match="0777"):
        provisioner.install(session)
    assert list(folder.iterdir()) == []


def test_an_agent_s_folder_without_links_is_named(tmp_path: Path) -> None:
    """With its file system, and what to choose in its place."""
    program = f"import os\ndef no(*_a, **_n):\n    raise OSError(1, 'not permitted')\nos.symlink = no\n{install._PUT}"
    argv = [sys.executable, "-I", "-S", "-B", "-c", program, "word", str(tmp_path), "a.pyz", "0" * 64, "link"]
    argv[-2] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ended = subprocess.run(argv, input=b"abc", capture_output=True, check=False)
    assert ended.returncode == 1
    mounts = read_mounts()
    volume = mounts.of(os.path.realpath(tmp_path)) if mounts else None
    assert volume is not None
    for part in (str(tmp_path), f"({volume.type} at ", "symbolic links", "c10.agent_dir"):
        assert part in ended.stderr.decode()


def through_gate(file: Path, root: Path, **fields: object) -> dict[str, Any]:
    """Return what ``hello`` answers to a login that is locked to the gate."""
    request = json.dumps({**request_of(root, order_of(1)), **fields}).encode() + b"\n"
    argv = [sys.executable, "-I", "-S", "-B", str(file), "gate", str(root)]
    environment = {"HOME": str(root.parent), "SSH_ORIGINAL_COMMAND": "hello"}
    ended = subprocess.run(argv, input=request, capture_output=True, check=True, env=environment)
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return report


def test_through_the_gate_nothing_outside_of_the_root_is_told(tmp_path: Path, file: Path) -> None:
    """What is there, empty, absent, or a link that leads out: all get the same answer; what lies below is looked at."""
    root = tmp_path / "cache"
    root.mkdir()
    there, empty, inside = tmp_path / "there", tmp_path / "empty", root / "inside"
    there.write_text("1")
    empty.touch()
    inside.touch()
    (root / "out").symlink_to(there)
    outside = [str(there), str(empty), str(tmp_path / "absent"), f"{root}/../there", str(root / "out")]
    told = through_gate(file, root, required_files=[*outside, str(inside), str(root / "no")])["missing_files"]
    answers = {text.removeprefix(path) for path, text in zip(outside, told, strict=False)}
    assert len(answers) == 1
    assert [text.rpartition(" is ")[2] for text in told[5:]] == ["empty", "missing"]


def test_the_companion_s_own_file_may_name_what_lies_elsewhere(tmp_path: Path, file: Path) -> None:
    """Its keeper knows where the autopilot's files are."""
    root = tmp_path / "cache"
    root.mkdir()
    (tmp_path / "there").write_text("1")
    own = root / "companion.json"
    own.write_text(json.dumps({"required_files": [str(tmp_path / "there"), str(tmp_path / "absent")]}))
    own.chmod(0o644)
    assert through_gate(file, root)["missing_files"] == [f"{tmp_path / 'absent'} is missing"]


@pytest.mark.parametrize("point", ["link", "other", "/proc", "cache/below"])
def test_through_the_gate_no_mount_point_beside_the_root_is_looked_at(tmp_path: Path, file: Path, point: str) -> None:
    """Neither where a link leads nor whether something is mounted there is told."""
    root = tmp_path / "cache"
    root.mkdir()
    (tmp_path / "link").symlink_to("/usr/lib")
    (reason,) = through_gate(file, root, mount_point=str(tmp_path / point))["reasons"]
    assert "not looked at" in reason
    assert "/usr/lib" not in reason
    (reason,) = through_gate(file, root, mount_point=str(tmp_path))["reasons"]
    assert "nothing is mounted" in reason, "what the root lies below may be asked for"


def test_a_piped_request_is_answered_though_its_input_ends_at_once(tmp_path: Path, file: Path) -> None:
    """A verb that holds nothing goes on for a while; whoever pipes a request in still reads."""
    with Agent(file, "hello", request_of(tmp_path / "cache", order_of(1))) as agent:
        agent.hang_up()
        assert agent.report()["ok"]
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(tmp_path / "cache")
