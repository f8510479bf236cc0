"""A transport, and its sessions, with all that passes written down."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from operator_tool.api import (
    CompanionIdentity,
    CompanionSession,
    CompanionTransport,
    EagerTransport,
    EnrollableTransport,
    OperatorToolError,
    RemoteRun,
    RunLimits,
    SimulatedTransport,
)
from operator_tool_plugins._recording import Closed, Connected, Got, NotConnected, Put, Started

from .recording import RecordedCompanion, Recording, sha256
from .run import CountedInput, RecordedRun, RunLog

_FURTHER = (EagerTransport, EnrollableTransport, SimulatedTransport)
_ABSENT = object()


def recorded(made: CompanionTransport, recording: Recording, companion: RecordedCompanion) -> CompanionTransport:
    """Return the transport with its sessions recorded, and with all else that it can do: it meets what ``made`` meets.

    What is beyond a transport is handed on: to begin early, to show and pin a host key, to say that it is simulated.
    """
    wanted = {name for protocol in _FURTHER for name in vars(protocol) if not name.startswith("_")}
    # From Python 3.12 on isinstance looks at the class alone.
    more = {name: _handed_on(name) for name in wanted if _gives(made, name)}
    kind = type("RecordedTransport", (RecordedTransport,), more)
    transport: CompanionTransport = kind(made, recording, companion)
    return transport


def _handed_on(name: str) -> property:
    def get(transport: RecordedTransport) -> object:
        return getattr(transport.made, name)

    return property(get)


def _gives(made: object, name: str) -> bool:
    """Tell whether ``made`` has it, by whatever means: a wrapper that hands on has it only when it is asked.

    A property is not run for that.
    """
    if inspect.getattr_static(made, name, _ABSENT) is not _ABSENT:
        return True
    try:
        return hasattr(made, name)
    except Exception:  # noqa: BLE001 - whatever a plugin does when it is asked, it has not given the attribute
        return False


class RecordedTransport:
    """What every transport can do."""

    def __init__(self, made: CompanionTransport, recording: Recording, companion: RecordedCompanion) -> None:
        self.made = made
        self._recording = recording
        self._companion = companion

    def __getattr__(self, name: str) -> Any:
        """Hand on what is in no Protocol of ours."""
        if name.startswith("_") or name == "made":
            raise AttributeError(name)
        return getattr(self.made, name)

    @property
    def address(self) -> str:
        """The wrapped transport's."""
        return self.made.address

    def connect(self) -> CompanionSession:
        """Connect, and write down what came of it."""
        recording = self._recording
        session = recording.begin_session(self._companion)
        try:
            opened = self.made.connect()
            identity = opened.identity
        except OperatorToolError as error:
            recording.write(
                NotConnected(
                    session=session,
                    companion=self._companion.number,
                    at_s=recording.at_s,
                    fault=recording.fault(error),
                )
            )
            raise
        recording.write(
            Connected(
                session=session,
                companion=self._companion.number,
                at_s=recording.at_s,
                address=recording.text(identity.address),
                fingerprint=identity.fingerprint,
            )
        )
        return RecordedSession(opened, recording, session)


class RecordedSession:
    """One session. Any thread may close it, as any other."""

    def __init__(self, session: CompanionSession, recording: Recording, number: int) -> None:
        self._session = session
        self._recording = recording
        self._number = number

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._session.__exit__(kind, error, traceback)
        finally:
            self._note_closed()

    @property
    def identity(self) -> CompanionIdentity:
        """The wrapped session's."""
        return self._session.identity

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program; its standard input is counted on its way."""
        recording = self._recording
        stdin_counted = CountedInput(stdin)
        number = recording.number()
        words = tuple(recording.text(argument) for argument in argv)
        recording.write(Started(run=number, session=self._number, at_s=recording.at_s, argv=words))
        log = RunLog(recording, number, stdin_counted)
        try:
            run = self._session.run(argv, stdin=stdin_counted.pieces(), limits=limits)
        except BaseException as error:
            log.end(None, "", fault=error, not_started=True)
            raise
        return RecordedRun(run, log)

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file there; its content isn't recorded."""
        recording = self._recording
        put = Put(
            session=self._number,
            at_s=recording.at_s,
            path=recording.text(path),
            size_bytes=len(data),
            sha256=sha256(data),
            mode=mode,
        )
        try:
            self._session.put(data, path, mode=mode)
        except OperatorToolError as error:
            recording.write(msgspec.structs.replace(put, fault=recording.fault(error)))
            raise
        recording.write(put)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a file there, and record it."""
        recording = self._recording
        got = Got(session=self._number, at_s=recording.at_s, path=recording.text(path))
        try:
            data = self._session.get(path, max_bytes=max_bytes)
        except OperatorToolError as error:
            recording.write(msgspec.structs.replace(got, fault=recording.fault(error)))
            raise
        text, binary = recording.content(data)
        shown = Got(session=got.session, at_s=got.at_s, path=got.path, text=text, data=binary)
        recording.write(msgspec.structs.replace(shown, size_bytes=len(shown.raw), sha256=sha256(shown.raw)))
        return data

    def close(self) -> None:
        """Close the session."""
        try:
            self._session.close()
        finally:
            self._note_closed()

    def _note_closed(self) -> None:
        self._recording.write(Closed(session=self._number, at_s=self._recording.at_s))
