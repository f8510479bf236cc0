"""A link that breaks at a chosen line, with the real agent behind it: the next session goes on with what is there."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest

from operator_tool.api import (
    BuildError,
    CompanionIdentity,
    CompanionSession,
    Event,
    LinkError,
    Notice,
    RemoteRun,
    RunContext,
    RunLimits,
    TransferError,
)
from operator_tool_plugins.provisioners.c10.runner import C10Provisioner
from operator_tool_plugins.transports.local import LocalTransport
from tests.support.c10_rig import (
    Supply,
    Told,
    build_cache,
    context_of,
    order_of,
    provisioner_of,
    supply_of,
    tiles_in,
)

T = TypeVar("T")
Break = Callable[[dict[str, Any]], bool]


class BreakingSession:
    """A session with this machine that breaks as soon as a line fits; how often programs were started is counted."""

    def __init__(self, folder: Path, breaks: Break) -> None:
        self._inner = LocalTransport(context_of(folder)).connect()
        self.breaks = breaks
        self.broken = threading.Event()
        self.runs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def identity(self) -> CompanionIdentity:
        """This machine."""
        return self._inner.identity

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program whose lines may break the link."""
        self.runs += 1
        return BreakingRun(self, self._inner.run(argv, stdin=stdin, limits=limits))

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file."""
        self._inner.put(data, path, mode=mode)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a file."""
        return self._inner.get(path, max_bytes=max_bytes)

    def close(self) -> None:
        """End all that runs."""
        self._inner.close()


class BreakingRun:
    """A run whose lines end in a break: the line itself is lost, and the program's input ends."""

    def __init__(self, session: BreakingSession, inner: RemoteRun) -> None:
        self._session = session
        self._inner = inner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._inner.__exit__(kind, error, traceback)

    def __iter__(self) -> Iterator[bytes]:
        for line in self._inner:
            if line.startswith(b"{") and self._session.breaks(json.loads(line)):
                self._inner.__exit__(None, None, None)
                self._session.broken.set()
                raise LinkError("the link broke")
            yield line

    @property
    def exit_status(self) -> int | None:
        """Unknown, as over a link that broke."""
        return self._inner.exit_status

    @property
    def stderr_tail(self) -> str:
        """What the program said to people."""
        return self._inner.stderr_tail


def never(_said: dict[str, Any]) -> bool:
    """Break nowhere."""
    return False


def at(event: str, nth: int = 1) -> Break:
    """Break at the n-th event of this name."""
    seen = 0

    def breaks(said: dict[str, Any]) -> bool:
        nonlocal seen
        seen += said.get("event") == event
        return seen >= nth

    return breaks


def at_begin(verb: str) -> Break:
    """Break as the agent begins with this verb."""
    return lambda said: (said.get("event"), said.get("verb")) == ("begin", verb)


def at_report(verb: str) -> Break:
    """Break at the report of this verb."""
    return lambda said: said.get("report") == verb


def again(
    folder: Path, work: Callable[[CompanionSession], T], breaks: Sequence[Break]
) -> tuple[T, list[BreakingSession]]:
    """Do the work as the core does: once more with a new session after each break."""
    sessions = []
    for each in breaks:
        with BreakingSession(folder, each) as session:
            sessions.append(session)
            with pytest.raises(LinkError, match="the link broke"):
                work(session)
    session = BreakingSession(folder, never)
    sessions.append(session)
    return work(session), sessions


def whole_way(provisioner: C10Provisioner, session: CompanionSession, order: Any, supply: Supply) -> Any:
    """Go up to the build."""
    provisioner.prepare(session, order)
    return provisioner.transfer(session, order, supply)


def test_one_program_is_started_for_a_whole_build(tmp_path: Path) -> None:
    """Once the agent is there, a build and a no-op are one program each."""
    root, supply = tmp_path / "cache", supply_of(30)
    with BreakingSession(tmp_path, never) as session:
        build_cache(session, root, supply, lat_deg=48.0)
    with BreakingSession(tmp_path, never) as session:
        build_cache(session, root, supply)
        assert session.runs == 1
    with BreakingSession(tmp_path, never) as session:
        assert provisioner_of(root, context_of(tmp_path)).prepare(session, order_of(30)).up_to_date
        assert session.runs == 1


def test_case_065_a_drop_while_asking(tmp_path: Path) -> None:
    """Asked again over a new session, it answers."""
    provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path))
    state, _ = again(tmp_path, lambda s: provisioner.prepare(s, order_of(5)), [at("begin"), at_report("hello")])
    assert state.companion_id


@pytest.mark.parametrize("breaks", [at("lacks", 3), at("stored"), at("stored", 2), at_report("receive")])
def test_case_067_a_drop_while_sending_costs_what_was_not_kept(tmp_path: Path, breaks: Break) -> None:
    """The second session sends what is lacking alone; what both sent is in the summary."""
    root, order, supply = tmp_path / "cache", order_of(900), supply_of(900, size_bytes=20_000)
    provisioner = provisioner_of(root, context_of(tmp_path))
    kept: list[int] = []

    def noting(said: dict[str, Any]) -> bool:
        if said.get("event") == "stored" and not breaks(said):
            kept.append(said["received"])
            return False
        return breaks(said)

    with BreakingSession(tmp_path, noting) as first:
        provisioner.prepare(first, order)
        with pytest.raises(LinkError, match="the link broke"):
            provisioner.transfer(first, order, supply)
        sent_first = supply.read_tiles
    with BreakingSession(tmp_path, never) as second:
        summary = provisioner.transfer(second, order, supply)
        assert summary.sent_tiles <= supply.read_tiles <= sent_first + 900 - max(kept, default=0)
        assert supply.read_tiles - summary.sent_tiles <= 1, "what was read and never sent"
        assert summary.sent_bytes == summary.sent_tiles * 20_000
        report = provisioner.build(second, order, summary)
        assert (report.tiles, report.recovered, second.runs) == (900, False, 1)


def test_case_082_a_drop_before_the_commit_is_built_again(tmp_path: Path) -> None:
    """What was received is kept, nothing is switched to, and another session builds it."""
    root, order, supply = tmp_path / "cache", order_of(60), supply_of(60)
    provisioner = provisioner_of(root, context_of(tmp_path))
    with BreakingSession(tmp_path, at_begin("build")) as first:
        summary = whole_way(provisioner, first, order, supply)
        assert first.broken.wait(20)
        with pytest.raises(LinkError):
            provisioner.build(first, order, summary)
    assert not (root / "current").exists()
    with BreakingSession(tmp_path, never) as second:
        report = provisioner.build(second, order, summary)
    assert (report.recovered, report.tiles) == (False, 60)
    assert len(tiles_in(root / "current" / "tiles.mbtiles")) == 60
    assert len(list((root / "generations").iterdir())) == 1


def test_case_083_a_drop_after_the_commit_is_recovered_by_asking(tmp_path: Path) -> None:
    """The report was lost; the companion says that this order's cache is current, every byte verified."""
    root, order, supply = tmp_path / "cache", order_of(60), supply_of(60)
    with BreakingSession(tmp_path, never) as before:
        _, old = build_cache(before, root, supply_of(10), lat_deg=48.0)
    provisioner = provisioner_of(root, context_of(tmp_path))
    with BreakingSession(tmp_path, at_report("build")) as first:
        summary = whole_way(provisioner, first, order, supply)
        with pytest.raises(LinkError):
            provisioner.build(first, order, summary)
    with BreakingSession(tmp_path, never) as second:
        report = provisioner.build(second, order, summary)
    assert report.recovered
    assert (report.generation, report.previous_generation) == (f"00000002-{order.content_key[:12]}", old.generation)
    assert (report.tiles, report.bytes, report.tiles_digest) == (60, 120_000, summary.tiles_digest)


def test_case_083_another_run_s_switch_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Equal inputs and equal bytes, but another run's manifest: ours is built."""
    root, order, supply = tmp_path / "cache", order_of(60), supply_of(60)
    provisioner = provisioner_of(root, context_of(tmp_path))
    with BreakingSession(tmp_path, at_begin("build")) as first:
        summary = whole_way(provisioner, first, order, supply)
        assert first.broken.wait(20)
        with pytest.raises(LinkError):
            provisioner.build(first, order, summary)
    other = order_of(60, run_id="run-9")
    theirs = provisioner_of(root, context_of(tmp_path))
    with BreakingSession(tmp_path, never) as between:
        assert not theirs.build(between, other, whole_way(theirs, between, other, supply)).recovered
    with BreakingSession(tmp_path, never) as second, pytest.raises(BuildError, match="staging"):
        provisioner.build(second, order, summary)


def test_case_084_a_reboot_in_the_middle_of_a_build(tmp_path: Path) -> None:
    """After another boot what was staged is hashed again, and the build is made."""
    root, order, supply = tmp_path / "cache", order_of(60), supply_of(60)
    provisioner = provisioner_of(root, context_of(tmp_path))
    with BreakingSession(tmp_path, at("made")) as first:
        summary = whole_way(provisioner, first, order, supply)
        with pytest.raises(LinkError):
            provisioner.build(first, order, summary)
    (root / "staging" / order.content_key / "boot_id").write_text("another boot")
    with BreakingSession(tmp_path, never) as second:
        assert provisioner.build(second, order, summary).tiles == 60


class FlippingSupply(Supply):
    """A supply whose n-th reading of one picture is damaged after it was verified."""

    def __init__(self, pictures: Sequence[bytes], times: int) -> None:
        super().__init__(pictures)
        self._left = times

    def read(self, record: Any) -> bytes:
        """Return the picture, with a bit flipped a few times."""
        data = super().read(record)
        if record == self.records[7] and self._left:
            self._left -= 1
            return data[:-1] + bytes([data[-1] ^ 1])
        return data


def test_case_072_a_flipped_bit_is_sent_again_once(tmp_path: Path) -> None:
    """The same process is asked for it again, and it is said; a second time is an error of the transfer."""
    pictures = list(supply_of(250).pictures.values())
    told = Told()
    with BreakingSession(tmp_path, never) as session:
        order = order_of(250)
        provisioner = provisioner_of(tmp_path / "cache", context_of(tmp_path, told))
        provisioner.prepare(session, order)
        session.runs = 0
        summary = provisioner.transfer(session, order, FlippingSupply(pictures, 1))
        assert summary.offered_tiles == 250
        assert any(isinstance(event, Notice) and "damaged on its way" in event.text for event in told)
        provisioner.build(session, order, summary)
        assert session.runs == 0
        other = order_of(250, lat_deg=50.0)
        provisioner.prepare(session, other)
        fresh = FlippingSupply([bytes([*data[:-2], data[-2] ^ 3, data[-1]]) for data in pictures], 2)
        with pytest.raises(TransferError, match="hash"):
            provisioner.transfer(session, other, fresh)


@pytest.mark.parametrize("step", ["prepare", "transfer", "build"])
def test_case_078_a_rerun_waits_for_its_own_orphan_and_says_so(tmp_path: Path, step: str) -> None:
    """Where the lock's holder is this same operator each step waits for it to end itself; lock_wait_s is for others."""
    root, order, supply = tmp_path / "cache", order_of(30), supply_of(30)
    with BreakingSession(tmp_path, never) as session:
        build_cache(session, root, supply_of(5), lat_deg=48.0)
    holder = (root / "lock").open("rb")
    told: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)
            fcntl.flock(holder, fcntl.LOCK_UN)

    def hold(now: str) -> None:
        if now == step:
            fcntl.flock(holder, fcntl.LOCK_EX)

    context = RunContext(run_id="run-1", state_dir=tmp_path / "state", user_agent="operator-tool/test", emit=emit)
    provisioner = provisioner_of(root, context, lock_wait_s=0.0)
    with BreakingSession(tmp_path, never) as session:
        hold("prepare")
        provisioner.prepare(session, order)
        hold("transfer")
        summary = provisioner.transfer(session, order, supply)
    # The build begins with the last tile; here it does so over another session.
    with holder, BreakingSession(tmp_path, never) as session:
        hold("build")
        assert provisioner.build(session, order, summary).tiles == 30
    assert len(told) == 1
    assert "op@desk" in told[0]
