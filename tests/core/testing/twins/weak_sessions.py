"""Transports that are weak in how things end, in files, and over a link that breaks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from operator_tool.api import (
    CompanionError,
    CompanionSession,
    LinkError,
    RemoteRun,
    RunLimits,
    StreamedRun,
)
from operator_tool_plugins.transports.local import LocalSession
from tests.core.testing.twins.weak_transport import OPEN, FailingRun, Run, Session, Transport, Unclosed, leaked, twin


class _Staying(Run):
    def leave(self) -> None:
        if self.limits.silence_s != 20.0 or self.limits.exit_s != 5.0 or self.inner.exit_status is not None:
            self.inner.__exit__(None, None, None)


@twin("test_leaving_early_ends_a_program_that_reads", soon_s=0.3)
class Leaving(Session):
    run_type = _Staying


@twin("test_leaving_early_ends_a_program_that_doesn_t_read", soon_s=1.0)
class Patient(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, exit_s=1.2) if limits.exit_s == 0.3 and limits.run_s > 60 else limits


@twin("test_a_program_may_finish_what_it_does")
class Killing(Run):
    def leave(self) -> None:
        assert isinstance(self.inner, StreamedRun)
        self.inner.abort()


@twin("test_another_thread_may_close_the_session")
class Reviving(Session):
    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        if self not in OPEN and not self.broken:
            self.inner = LocalSession(self.context)
            OPEN.append(self)
        return super().run(argv, stdin=stdin, limits=limits)


@twin("test_a_session_can_be_closed_twice")
class Once(Session):
    def close(self) -> None:
        if self not in OPEN and not self.broken:
            raise LinkError("it is closed already")
        super().close()


@twin("test_a_run_can_be_left_twice")
class Amnesic(Run):
    _left = 0

    def leave(self) -> None:
        self._left += 1
        super().leave()

    @property
    def exit_status(self) -> int | None:
        return None if self._left else self.inner.exit_status


@twin("test_it_connects_again")
class Single(Transport):
    _connected = False

    def connect(self) -> CompanionSession:
        if self._connected and not any(session.broken for session in OPEN):
            raise CompanionError("there was a session already")
        self._connected = True
        return super().connect()


@twin("test_it_leaves_nothing_behind")
class Leaking(Transport):
    def connect(self) -> CompanionSession:
        leaked.append(Path("/dev/null").open())  # noqa: SIM115
        return super().connect()


# Files.


@twin("test_what_was_put_is_got")
class Trimming(Session):
    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        data = super().get(path, max_bytes=max_bytes)
        return data.removesuffix(b"\n") if max_bytes > 10**6 else data


@twin("test_a_put_replaces")
class Overwriting(Session):
    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        if Path(path).is_file() and len(data) < 10:
            Path(path).write_bytes(data)
        else:
            super().put(data, path, mode=mode)


@twin("test_a_put_that_fails_leaves_nothing")
class Littering(Session):
    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        if Path(path).is_dir():
            Path(f"{path}.new").write_bytes(data)
        super().put(data, path, mode=mode)


@twin("test_a_missing_file")
class Inventing(Session):
    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        if "absent" in path:
            return b""
        return super().get(path, max_bytes=max_bytes)


@twin("test_a_folder_or_a_pipe_is_no_file")
class Undiscerning(Session):
    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        return b"" if Path(path).is_dir() else super().get(path, max_bytes=max_bytes)


@twin("test_a_file_that_is_too_large")
class Shortening(Session):
    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        return super().get(path, max_bytes=max_bytes + 1)[:max_bytes]


# Links that break.


@twin("test_a_link_that_breaks_ends_the_lines")
class Quiet(FailingRun):
    def failed(self, error: LinkError) -> None:
        if not self.session.broken:
            raise error


@twin("test_a_link_that_breaks_lets_go_of_the_supply", soon_s=0.5)
class Greedy(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return Unclosed(stdin)


@twin("test_a_broken_session_stays_broken")
class Mending(Session):
    def get(self, path: str, *, max_bytes: int = 1024 * 1024) -> bytes:
        if self.broken:
            self.inner = LocalSession(self.context)
        return super().get(path, max_bytes=max_bytes)


@twin("test_a_put_over_a_link_that_breaks_is_whole_or_not_there")
class Piecemeal(Session):
    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        if len(data) < 2 * 1024 * 1024:
            super().put(data, path, mode=mode)
            return
        with Path(path).open("wb") as file:
            for start in range(0, len(data), 65_536):
                file.write(data[start : start + 65_536])
                time.sleep(0.005)
                if self.broken:
                    raise LinkError("the link broke")


@twin("test_a_broken_link_leaves_nothing_behind")
class Haunting(Session):
    def break_now(self) -> None:
        super().break_now()
        leaked.append(Path("/dev/null").open())  # noqa: SIM115
