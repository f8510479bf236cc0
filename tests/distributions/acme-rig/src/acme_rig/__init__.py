"""ACME's rig: whatever transport is selected gets a slow link, and what is sent over it is counted."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Annotated, Any, Self

from operator_tool import api


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    latency_ms: Annotated[float, api.Meta(ge=0, le=60_000, description="How long each line is held back.")] = 20.0


_settings = Settings()


@api.hookimpl.plugin_settings
def plugin_settings() -> type[Settings]:
    return Settings


@api.hookimpl.start_listening
def start_listening(settings: Settings) -> None:
    global _settings
    _settings = settings


@api.hookimpl(wrapper=True)
def make_companion_transport(
    context: api.RunContext,
) -> Generator[None, api.CompanionTransport, api.CompanionTransport]:
    transport = yield  # the selected plugin's, or what a wrapper further in made of it
    return SlowTransport(transport, context, _settings.latency_ms)


class SlowTransport:
    def __init__(self, transport: api.CompanionTransport, context: api.RunContext, latency_ms: float) -> None:
        self._transport, self._context, self._latency_ms = transport, context, latency_ms
        self.address = transport.address

    def __getattr__(self, name: str) -> Any:  # what it can do besides (begin, pin, simulation) it still can
        return getattr(self._transport, name)

    def connect(self) -> api.CompanionSession:
        self._context.emit(api.Notice(text=f"acme-rig: each line is held back by {self._latency_ms:g} ms"))
        return CountingSession(self._transport.connect(), self._context, self._latency_ms / 1000)


class CountingSession:
    def __init__(self, session: api.CompanionSession, context: api.RunContext, latency_s: float) -> None:
        self._session, self._context, self._latency_s = session, context, latency_s
        self.identity, self.get = session.identity, session.get
        self.sent_bytes, self._told = 0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def run(
        self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: api.RunLimits | None = None
    ) -> api.RemoteRun:
        run = self._session.run(argv, stdin=self._counted(stdin), limits=limits)
        return SlowRun(run, self._context, self._latency_s)

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        self._session.put(data, path, mode=mode)
        self.sent_bytes += len(data)

    def close(self) -> None:
        self._session.close()
        if not self._told:
            self._told = True
            self._context.emit(api.Notice(text=f"acme-rig: {self.sent_bytes:,} bytes were sent over the slow link"))

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:  # a thread of the transport's pulls it
        for piece in pieces:
            self.sent_bytes += len(piece)
            yield piece


class SlowRun:
    def __init__(self, run: api.RemoteRun, context: api.RunContext, latency_s: float) -> None:
        self._run, self._context, self._latency_s = run, context, latency_s

    def __enter__(self) -> Self:
        self._run.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._run.__exit__(kind, error, tb)

    def __iter__(self) -> Iterator[bytes]:
        for line in self._run:
            self._context.cancelled.wait(self._latency_s)  # and not sleep: who gives a run up does not wait
            yield line

    @property
    def exit_status(self) -> int | None:
        return self._run.exit_status

    @property
    def stderr_tail(self) -> str:
        return self._run.stderr_tail
