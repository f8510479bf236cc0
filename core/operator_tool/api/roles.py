"""The Protocols behind the doors: what an object that a factory hook returns must be able to do.

All of them are synchronous. The core calls each from one thread at a time unless a method says otherwise; threads and
sockets of its own are a plugin's own business. ``close`` is called once, whatever happened before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from .build import RemoteBuildReport
from .companion import (
    CompanionIdentity,
    CompanionState,
    GcReport,
    HostKeyOffer,
    RollbackReport,
    RunLimits,
    SignerEnrolment,
    SignerOffer,
    Soundness,
    SoundnessAsked,
    TransferSummary,
)
from .flight import Flight
from .order import CacheOrder, TileSupply
from .tiles import ProviderInfo, TileResult, WantedTile


@runtime_checkable
class FlightSource(Protocol):
    """Resolves what the operator named into a flight. Called before any lock; writes nothing."""

    def resolve(self, reference: str) -> Flight:
        """Return the flight that ``reference`` names. Raises a ``FlightError``: ``NoRouteError`` without a waypoint."""
        ...


@runtime_checkable
class TileProvider(Protocol):
    """Gives tiles, in a stream that is lazy both ways: the provider owns its concurrency, the core back-pressure."""

    def describe(self) -> ProviderInfo:
        """Return what the provider is; called before the first tile. Raises ``DownloadError`` or ``ConfigError``."""
        ...

    def fetch(self, wanted: Iterator[WantedTile]) -> Iterator[TileResult]:
        """Yield one result for each wanted tile, in any order.

        Pull from ``wanted`` only what is being worked on: it can name millions. Raises ``DownloadError`` when the
        provider as a whole fails or refuses. The core closes the iterator when the run is given up.
        """
        ...

    def close(self) -> None:
        """Free what the provider holds."""
        ...


class RemoteRun(Protocol):
    """A program that runs on the companion. Iterate to its end, then ask for the exit status.

    A context manager: leaving it closes the program's standard input and ends it if it is still running.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines of standard output as they come, raw and without their line end.

        Raises ``LinkError`` when the link breaks or a cap or deadline of the ``RunLimits`` is passed, and re-raises
        whatever the iterable of standard input raised.
        """
        ...

    @property
    def exit_status(self) -> int | None:
        """The exit status once the lines have ended; None when the program ended without one (killed, link lost)."""
        ...

    @property
    def stderr_tail(self) -> str:
        """The last of its standard error, decoded, control characters escaped."""
        ...


class CompanionSession(Protocol):
    """An open connection to a companion. A context manager that closes it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @property
    def identity(self) -> CompanionIdentity:
        """Whom the session is with."""
        ...

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program; ``argv`` is passed as it is, never through a shell's expansion.

        ``stdin`` is pulled from a thread of the transport's own as fast as the link takes it, and the program's
        standard input is closed after it; it may block on what the caller learns from the lines.
        Raises ``LinkError`` when the program can't be started for the link's sake.
        """
        ...

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file on the companion, whole or not at all; its folder is made when missing. Raises ``LinkError``."""
        ...

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a file of the companion. Raises ``LinkError`` when it isn't there or is larger than ``max_bytes``."""
        ...

    def close(self) -> None:
        """Close the connection; may be called from any thread, and makes a running program's iteration end."""
        ...


@runtime_checkable
class CompanionTransport(Protocol):
    """Reaches a companion."""

    @property
    def address(self) -> str:
        """Where it will connect to, known without connecting; names the lock."""
        ...

    def connect(self) -> CompanionSession:
        """Open a session. Raises ``CompanionError``: unreachable, unknown or changed host key, authentication.

        Called again after the link broke; the earlier session is closed by then.
        """
        ...


@runtime_checkable
class EagerTransport(CompanionTransport, Protocol):
    """A transport that can connect while the command is still reading the flight. What it can't do shows in
    ``connect``."""

    def begin(self) -> None:
        """Start to connect, and return at once. Raises nothing; sends no program."""
        ...

    def close(self) -> None:
        """Let go of a connection that was begun and that ``connect`` has not taken; again is harmless."""
        ...


@runtime_checkable
class SimulatedTransport(CompanionTransport, Protocol):
    """A transport behind which there is no drone. It must be asked for by ``--transport`` in so many words, the
    operator is told at the start and in the report, and no configuration can select it."""

    @property
    def simulation(self) -> str:
        """What stands in for the companion, in a few words; known without connecting."""
        ...


@runtime_checkable
class EnrollableTransport(CompanionTransport, Protocol):
    """A transport that knows a companion by a host key, which the operator confirms once."""

    def offered_key(self) -> HostKeyOffer:
        """Ask the companion for its host key; nothing is trusted, sent or stored. Raises ``CompanionError``."""
        ...

    def pin(self, offer: HostKeyOffer) -> str:
        """Trust this key, in place of all that were pinned for the companion, and return where that is written.

        Raises ``ConfigError`` when it can't be written, and ``CompanionError`` for a revoked key.
        """
        ...


@runtime_checkable
class Provisioner(Protocol):
    """Has the companion receive, build, verify and switch to a cache.

    A ``LinkError`` that one of its methods lets pass means that the link broke. Where it is retryable the core connects
    again and calls the same method once more, with the new session and the same order: it must go on with what the
    companion has by then. One object serves one run.
    """

    @property
    def site(self) -> str:
        """Where on the companion the cache lies, known without connecting; names the lock together with the address."""
        ...

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        """Ask the companion whether it can be built, and whether it holds this very cache, bytes verified.

        Writes nothing to the cache. Raises ``NotReadyError``, ``CompanionError``, or ``BuildLockHeldError`` when
        another workstation is building.
        """
        ...

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        """Send what the companion lacks while ``tiles`` become ready. Raises ``TransferError``; passes on what the
        supply raises. The summary counts what all attempts of this run have sent."""
        ...

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        """Have the companion complete, verify and switch to the cache. Raises ``BuildError`` or ``VerifyError``.

        Called again after a link that broke, it asks first whether the switch was made: ``recovered`` says so.
        """
        ...


@runtime_checkable
class InstallableProvisioner(Provisioner, Protocol):
    """A provisioner that has a program of its own on the companion, and can look after it without a flight."""

    def install(self, session: CompanionSession) -> CompanionState:
        """Put the program there, whole and checked, where it is not there already, and return what it then answers.

        Raises ``NotReadyError`` where it can't run there, such as for an unknown Python, and ``CompanionError``.
        """
        ...

    def status(self, session: CompanionSession) -> CompanionState:
        """Ask what the companion is and holds. Writes nothing there. Raises ``CompanionError``."""
        ...


@runtime_checkable
class KeepingProvisioner(Provisioner, Protocol):
    """A provisioner that keeps several caches on the companion: it can look at them, go back to one, and tidy.

    Each method raises ``CompanionError`` where its program is not there or can't answer, and lets ``LinkError`` pass;
    the core asks once.
    """

    def verify(self, session: CompanionSession, asked: SoundnessAsked) -> Soundness:
        """Have the companion look at what it holds. Changes nothing there; what is not sound is in the answer.

        Raises ``NotReadyError`` where there is no cache at all.
        """
        ...

    def rollback(self, session: CompanionSession, seq: int | None = None) -> RollbackReport:
        """Make the generation with this number current, or, without one, the last that a consumer has loaded well.

        Raises ``VerifyError`` where that one is not sound: nothing was switched then; ``NotReadyError`` where there is
        none to go back to, or the vehicle is armed; ``BuildLockHeldError`` while somebody builds.
        """
        ...

    def gc(self, session: CompanionSession, *, dry_run: bool = False) -> GcReport:
        """Remove what nobody needs any more. Raises ``BuildLockHeldError`` while somebody builds."""
        ...


@runtime_checkable
class EnrollingProvisioner(Provisioner, Protocol):
    """A provisioner whose companion can be told whose caches it takes; from then on it takes no other."""

    def offered_signer(self, session: CompanionSession, name: str) -> SignerOffer:
        """Return the operator's signing key, offered under ``name`` (empty: the operator's own), and whom the companion
        takes already.

        Writes nothing. Raises ``ConfigError`` without a usable key, ``NotReadyError`` where the companion's files can't
        be relied on, ``CompanionError``.
        """
        ...

    def enrol_signer(
        self, session: CompanionSession, offer: SignerOffer, *, replace: bool = False, signed_by: str = ""
    ) -> SignerEnrolment:
        """Have the companion take what the offered key signs.

        Where it takes somebody's signature already, that signer must agree: ``signed_by`` names the key, as the setting
        of the signing key does; empty: the operator's signing key. ``replace`` takes that key out and revokes it.
        Raises ``CompanionError`` where the companion refuses, ``ConfigError`` for a key that can't be used.
        """
        ...
