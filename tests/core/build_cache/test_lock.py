"""One lock per companion: catalogue B, as far as the lock alone decides it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

from operator_tool.api import BuildLockHeldError, ConfigError
from operator_tool.build_cache.lock import CompanionLock, companion_lock, network_file_system, operator_name

HOLD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from operator_tool.build_cache.lock import companion_lock
    with companion_lock(Path(sys.argv[1]), "drone", timeout_s=0, operator="ann@field", run_id="r-1"):
        print("held", flush=True)
        sys.stdin.read()
    """
)


@contextmanager
def other_process(locks: Path, script: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the drone's lock until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(locks)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def take(locks: Path, companion: str = "drone", *, timeout_s: float = 0.0) -> None:
    """Take the lock and free it."""
    with companion_lock(locks, companion, timeout_s=timeout_s, operator="me", run_id="r-2") as lock:
        lock.confirm()


def lock_file(locks: Path) -> Path:
    """Return the one lock file."""
    (path,) = locks.glob("*.lock")
    return path


def test_case_20_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    """The error is ours, names the holder, and is not an OSError that a network classifier would catch."""
    with other_process(tmp_path) as holder, pytest.raises(BuildLockHeldError) as caught:
        take(tmp_path)

    assert not isinstance(caught.value, OSError)
    assert issubclass(filelock.Timeout, OSError)  # the reason why it must not pass through
    assert caught.value.exit_code == 50
    for part in (f"process {holder.pid}", "ann@field", "run r-1", "since 20"):
        assert part in caught.value.message


def test_case_20_a_lock_timeout_waits_for_the_holder(tmp_path: Path) -> None:
    """A build that ends in time is waited for."""
    with other_process(tmp_path) as holder:
        assert holder.stdin is not None
        holder.stdin.close()
        take(tmp_path, timeout_s=20.0)


def test_case_21_a_killed_holder_frees_the_lock_at_once(tmp_path: Path) -> None:
    """The file is still there; the kernel's lock is not."""
    with other_process(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert lock_file(tmp_path).exists()
        take(tmp_path)


def test_case_22_a_sidecar_that_names_a_living_process_does_not_hold_the_lock(tmp_path: Path) -> None:
    """The number of a dead process may be another's by now: the sidecar is for people alone, and is written anew."""
    take(tmp_path)
    sidecar = lock_file(tmp_path).with_suffix(".holder.json")
    sidecar.write_text(
        json.dumps(
            {"pid": os.getpid(), "host": "h", "operator": "o", "since": "s", "run_id": "old", "companion": "drone"}
        )
    )

    with companion_lock(tmp_path, "drone", timeout_s=0, operator="me", run_id="new"):
        assert json.loads(sidecar.read_text())["run_id"] == "new"
    assert not sidecar.exists()


def test_case_23_a_lock_file_that_was_removed_is_noticed_before_the_switch(tmp_path: Path) -> None:
    """Two holders are possible once somebody unlinks the file; the first of them stops."""
    with companion_lock(tmp_path, "drone", timeout_s=0, operator="me", run_id="r") as lock:
        lock.confirm()
        lock_file(tmp_path).unlink()
        take(tmp_path)  # the second holder, of another inode
        with pytest.raises(BuildLockHeldError, match="removed or replaced"):
            lock.confirm()


def test_case_23_the_tool_never_unlinks_its_lock_file(tmp_path: Path) -> None:
    """A file that stays has one inode for all."""
    take(tmp_path)
    inode = lock_file(tmp_path).stat().st_ino
    take(tmp_path)
    assert lock_file(tmp_path).stat().st_ino == inode


def test_case_24_a_lock_path_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    """Following it would lock, or create, a file of somebody's choosing."""
    take(tmp_path)
    path = lock_file(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="can't be locked"):
        take(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_case_25_a_missing_folder_fails_closed(tmp_path: Path) -> None:
    """There is no other kind of lock to fall back to."""
    with pytest.raises(ConfigError, match="can't be locked"):
        take(tmp_path / "missing")


def test_case_25_a_file_system_without_flock_fails_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSYS is an error, and never a soft lock."""
    import errno
    import fcntl

    def no_flock(_descriptor: object, _operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_flock)
    with pytest.raises(ConfigError, match="can't be locked"):
        take(tmp_path)
    assert not list(tmp_path.glob("*.holder.json"))


def test_case_25_a_network_file_system_is_told(tmp_path: Path) -> None:
    """A lock over NFS does not keep another workstation out, so the operator is warned."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"30 22 0:40 / {tmp_path}/far rw,relatime shared:2 - nfs4 server:/export rw\n"
    )

    assert network_file_system(tmp_path / "far" / "locks", mounts) == "nfs4"
    assert network_file_system(tmp_path / "near", mounts) is None


def test_case_26_an_unknown_exception_frees_the_lock_and_passes_unchanged(tmp_path: Path) -> None:
    """What is not recognised is not swallowed."""
    raised = RuntimeError("unknown")

    def fail() -> None:
        with companion_lock(tmp_path, "drone", timeout_s=0, operator="me", run_id="r"):
            raise raised

    with pytest.raises(RuntimeError) as caught:
        fail()
    assert caught.value is raised
    take(tmp_path)


def test_case_28_a_child_that_outlives_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A provider that forks must not hold the companion's lock after the tool has died."""
    script = HOLD.replace(
        'print("held", flush=True)',
        "import os, time\n    child = os.fork()\n    if child == 0:\n        time.sleep(60)\n        os._exit(0)\n"
        '    Path(sys.argv[1], "child").write_text(str(child))\n    print("held", flush=True)',
    )
    with other_process(tmp_path, script) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        child = int((tmp_path / "child").read_text())
        try:
            take(tmp_path, timeout_s=10)  # the child lets go of it as it starts, and may only be starting
        finally:
            os.kill(child, signal.SIGKILL)


def test_case_29_another_companion_is_not_locked(tmp_path: Path) -> None:
    """Two drones can be built at once; one drone can't be built twice at once."""
    with other_process(tmp_path):
        take(tmp_path, "another drone")
        with pytest.raises(BuildLockHeldError):
            take(tmp_path, "drone")


def test_a_lock_is_a_value_that_can_be_asked(tmp_path: Path) -> None:
    """The orchestrator confirms it before the switch."""
    with companion_lock(tmp_path, "drone", timeout_s=0, operator="me", run_id="r") as lock:
        assert isinstance(lock, CompanionLock)


def test_who_cannot_be_noted_as_the_holder_holds_the_lock_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The note is for people alone: a disk that refuses it is told, and is no reason not to build."""
    take(tmp_path)
    (lock_file(tmp_path).with_suffix(".holder.json") / "in the way").mkdir(parents=True)
    with companion_lock(tmp_path, "drone", timeout_s=0, operator="me", run_id="r-2"):
        assert "can't be noted" in caplog.text
        with pytest.raises(BuildLockHeldError):
            take(tmp_path)


def test_an_account_of_any_name_is_a_bounded_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may name the account, at any length and in any bytes: what is noted can be written and shown."""
    monkeypatch.setenv("LOGNAME", "\udcff\x1b[2J" + "x" * 100_000)
    name = operator_name()
    assert len(name) <= 200
    assert name.isprintable()
    name.encode()
