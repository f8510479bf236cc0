"""What a weak companion transport is made of: ``local``, with a place to be weak in for all that it does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from operator_tool.api import (
    CompanionIdentity,
    CompanionSession,
    LinkError,
    RemoteRun,
    RunContext,
    RunLimits,
    hookimpl,
)
from operator_tool_plugins.transports.local import LocalSession

OPEN: list[Session] = []
"""The sessions that are open: a link that breaks breaks them all."""
counted = itertools.count()
leaked: list[object] = []


class Run:
    """A run as ``local`` has it."""

    def __init__(self, inner: RemoteRun, limits: RunLimits, session: Session) -> None:
        self.inner, self.limits, self.session = inner, limits, session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave it."""
        self.inner.__exit__(None, None, None)

    def __iter__(self) -> Iterator[bytes]:
        yield from self.inner

    @property
    def exit_status(self) -> int | None:
        """Its status."""
        return self.inner.exit_status

    @property
    def stderr_tail(self) -> str:
        """Its errors."""
        return self.inner.stderr_tail


class Session:
    """A session as ``local`` has it."""

    run_type: type[Run] = Run

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.inner: CompanionSession = LocalSession(context)
        self.identity = CompanionIdentity(address="twin")
        self.broken = False
        OPEN.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def limited(self, limits: RunLimits) -> RunLimits:
        """Return the limits that are kept."""
        return limits

    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        """Return what is sent."""
        return stdin

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        """Start a program."""
        kept = self.limited(limits or RunLimits())
        return self.run_type(self.inner.run(argv, stdin=self.fed(stdin), limits=kept), kept, self)

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        """Write a file."""
        self.inner.put(data, path, mode=mode)

    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        """Read a file."""
        return self.inner.get(path, max_bytes=max_bytes)

    def close(self) -> None:
        """Close it."""
        if self in OPEN:
            OPEN.remove(self)
        self.inner.close()

    def break_now(self) -> None:
        """Break as a link does."""
        self.broken = True
        self.inner.close()


class Transport:
    """A transport as ``local`` is."""

    address: Any = "twin"
    session_type: type[Session] = Session

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def connect(self) -> CompanionSession:
        """Open a session."""
        return self.session_type(self.context)


class TransportTwin:
    """A plugin with one weakness."""

    def __init__(self, transport: type[Transport], fails: str, more: Mapping[str, object]) -> None:
        self.transport, self.fails, self.more = transport, fails, more

    @hookimpl(specname="make_companion_transport")
    def make_companion_transport(self, context: RunContext) -> Any:
        """Return the transport."""
        return self.transport(context)


TWINS: dict[str, TransportTwin] = {}
Weak = type[Transport] | type[Session] | type[Run]


def twin(fails: str, **more: object) -> Callable[[Weak], Weak]:
    """Make a plugin of a transport, a session or a run that is weak."""

    def make(weak: Weak) -> Weak:
        name = weak.__name__.lower()
        if issubclass(weak, Run):
            transport = type(name, (Transport,), {"session_type": type(name, (Session,), {"run_type": weak})})
        elif issubclass(weak, Session):
            transport = type(name, (Transport,), {"session_type": weak})
        else:
            transport = weak
        TWINS[name] = TransportTwin(transport, fails, more)
        return weak

    return make


class Impatient(Session):
    """Gives up sooner, so that nobody waits for long."""

    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, silence_s=min(limits.silence_s, 1.0))


class Unclosed:
    """An iterator that hands no closing on."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)


class FailingRun(Run):
    """Passes a failure on as it is told to."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.inner
        except LinkError as error:
            self.failed(error)

    def failed(self, error: LinkError) -> None:
        """Be told of it."""
        raise error
