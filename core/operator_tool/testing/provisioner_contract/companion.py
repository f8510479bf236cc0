"""What the checks of a provisioner stand on: a companion, sessions with it, and whole runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec
import pytest

from operator_tool.api import (
    CompanionSession,
    CompanionState,
    EnrollingProvisioner,
    InstallableProvisioner,
    KeepingProvisioner,
    Provisioner,
    RemoteBuildReport,
    RunContext,
    TransferSummary,
)
from operator_tool.plugin_host.entry import Role

from ..making import Make, make_object, new_host
from ..plugin_contract import FactoryContract
from .sample_cache import SampleCache
from .watched_session import WatchedSession


class Built(NamedTuple):
    """What the steps of one run returned."""

    state: CompanionState
    summary: TransferSummary
    report: RemoteBuildReport


class Connect(Protocol):
    """Opens a session with the companion; in another run than the test's own where one is given."""

    def __call__(self, context: RunContext | None = None) -> CompanionSession: ...


class WithCompanion(FactoryContract):
    """The fixtures that all checks of a provisioner share."""

    role: ClassVar[str] = "provisioner"
    protocol: ClassVar[type] = Provisioner
    further_protocols: ClassVar[tuple[type, ...]] = (InstallableProvisioner, KeepingProvisioner, EnrollingProvisioner)

    @pytest.fixture
    def companion_folder(self, tmp_path: Path) -> Path:
        """A fresh folder that stands for the companion's disk."""
        folder = tmp_path / "companion"
        folder.mkdir()
        return folder

    @pytest.fixture
    def connect(self, context: RunContext) -> Connect:
        """Opens a session; by default with this machine, by the transport ``local``."""

        own = context

        def open_session(context: RunContext | None = None) -> CompanionSession:
            host = new_host("local", {}, context or own)
            session: CompanionSession = make_object(host, Role.COMPANION_TRANSPORT, "local").connect()
            return session

        return open_session

    @pytest.fixture
    def installed(self, make: Make, connect: Connect) -> None:
        """Makes the companion ready for the provisioner; by default by its own ``install``, where it has one."""
        made = make()
        if isinstance(made, InstallableProvisioner):
            with connect() as session:
                made.install(session)

    @pytest.fixture
    def current_files(self) -> Callable[[], Mapping[str, bytes]]:
        """Returns what a consumer on the companion opens now, each file's bytes by its name; empty without a cache."""
        pytest.fail("override the fixture current_files: a function that returns the current cache's files by name")

    @pytest.fixture
    def damage(self) -> Callable[[], None]:
        """Changes one byte of a picture of the current cache, as a bad disk does."""
        pytest.fail("override the fixture damage: a function that changes a byte of a picture of the current cache")

    @pytest.fixture
    def listing(self, companion_folder: Path) -> Callable[[], object]:
        """Returns what tells whether anything was written on the companion: it must be equal then and now."""

        def look() -> object:
            found = {}
            for path in sorted(companion_folder.rglob("*")):
                stat = path.lstat()
                found[str(path)] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_mode)
            return found

        return look

    @pytest.fixture
    def ask(self, make: Make, connect: Connect) -> Callable[..., CompanionState]:
        """Asks the companion in a run of its own, and returns its answer."""

        def prepare(cache: SampleCache, *, dry_run: bool = False) -> CompanionState:
            order = msgspec.structs.replace(cache.order, dry_run=dry_run)
            with connect() as session:
                state: CompanionState = make().prepare(session, order)
            return state

        return prepare

    @pytest.fixture
    def build(self, make: Make, connect: Connect, installed: None) -> Callable[[SampleCache], Built]:  # noqa: ARG002
        """Builds a cache in a run of its own, from the first question to the report."""

        def whole_way(cache: SampleCache) -> Built:
            made = make()
            with connect() as session:
                return go_on(made, session, cache, made.prepare(session, cache.order))

        return whole_way

    @pytest.fixture
    def exercise(self, connect: Connect, installed: None) -> Callable[[Any], None]:  # noqa: ARG002
        """Build a cache."""

        def run(made: Any) -> None:
            cache = SampleCache(1)
            with connect() as session:
                go_on(made, session, cache, made.prepare(session, cache.order))

        return run

    @pytest.fixture
    def watch(self, connect: Connect) -> Callable[[], WatchedSession]:
        """Opens a session that keeps what is sent, and breaks where it is told to."""
        return lambda: WatchedSession(connect())


def go_on(made: Provisioner, session: CompanionSession, cache: SampleCache, state: CompanionState) -> Built:
    """Transfer and build what was prepared."""
    assert not state.up_to_date, "the companion says that it holds a cache which was never built there"
    summary = made.transfer(session, cache.order, cache.supply)
    return Built(state, summary, made.build(session, cache.order, summary))


def problems_of(report: RemoteBuildReport, cache: SampleCache) -> list[str]:
    """Return where a report doesn't agree with what was ordered."""
    pairs = {
        "tiles": (report.tiles, cache.tiles),
        "bytes": (report.bytes, cache.bytes),
        "tiles_digest": (report.tiles_digest, cache.digest),
    }
    found = [
        f"{name} is {given!r}, ordered was {wanted!r}" for name, (given, wanted) in pairs.items() if given != wanted
    ]
    return found if report.generation else [*found, "generation is empty"]


def type_problem(made: msgspec.Struct) -> str:
    """Return what is wrong with the types of an object's fields, or the empty text: a Struct takes anything."""
    try:
        msgspec.convert(msgspec.to_builtins(made), type(made), strict=True)
    except (msgspec.ValidationError, TypeError) as error:
        return f"{type(made).__name__}: {error}"
    return ""
