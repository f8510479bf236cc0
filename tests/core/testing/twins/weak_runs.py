"""Transports that are weak in how they run programs: lines, standard input, limits."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from operator_tool.api import (
    CompanionIdentity,
    LinkError,
    LinkStalledError,
    RemoteRun,
    RunContext,
    RunLimits,
)
from operator_tool.testing.transport_contract.spoken import Endless
from operator_tool_plugins.transports.local import LocalSession
from tests.core.testing.twins.weak_transport import (
    FailingRun,
    Impatient,
    Run,
    Session,
    Transport,
    Unclosed,
    counted,
    twin,
)


@twin("test_its_address_is_known_without_connecting")
class Eager(Transport):
    @property
    def address(self) -> str:
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 9))
        return "twin"


@twin("test_its_address_is_known_without_connecting")
class Moving(Transport):
    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.address = f"twin-{next(counted)}"


@twin("test_the_identity_names_the_address")
class Stranger(Session):
    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.identity = CompanionIdentity(address="somebody")


class _AtTheEnd(Run):
    def __iter__(self) -> Iterator[bytes]:
        yield from list(self.inner)


@twin("test_lines_come_before_the_program_ends")
class Gathering(Impatient):
    run_type = _AtTheEnd


@twin("test_the_exit_status_is_the_programs")
class Yesno(Run):
    @property
    def exit_status(self) -> int | None:
        status = self.inner.exit_status
        return status if status in (None, 126, 127) else min(status or 0, 1)


@twin("test_case_080_a_killed_program_has_no_exit_status")
class Shellish(Run):
    @property
    def exit_status(self) -> int | None:
        return 137 if self.inner.exit_status is None and not self.session.broken else self.inner.exit_status


@twin("test_case_081_a_missing_program_is_status_127")
class Curt(Run):
    @property
    def stderr_tail(self) -> str:
        return "" if "not found" in self.inner.stderr_tail else self.inner.stderr_tail


@twin("test_case_081_a_file_that_cant_be_executed_is_status_126")
class Blurred(Run):
    @property
    def exit_status(self) -> int | None:
        return 127 if self.inner.exit_status == 126 else self.inner.exit_status


@twin("test_arguments_are_passed_as_they_are")
class Joining(Session):
    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        if argv and argv[0] == "printf" and "%s|" in argv:
            argv = ["sh", "-c", " ".join(argv)]
        return super().run(argv, stdin=stdin, limits=limits)


@twin("test_impossible_arguments_are_refused")
class Lenient(Session):
    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        possible = [argument.replace("\0", "") for argument in argv]
        return super().run(possible if any(possible[:1]) else ["true"], stdin=stdin, limits=limits)


@twin("test_case_088_three_megabytes_of_errors_don_t_block")
class Hoarding(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, stderr_tail_bytes=10**7)


@twin("test_case_090_lines_are_raw_bytes")
class Decoding(Run):
    def __iter__(self) -> Iterator[bytes]:
        return (line.decode("utf-8", "replace").encode() if len(line) < 100 else line for line in self.inner)


@twin("test_case_090_the_errors_tail_can_be_printed")
class Raw(Run):
    @property
    def stderr_tail(self) -> str:
        return self.inner.stderr_tail.encode("ascii", "backslashreplace").decode("unicode_escape")


@twin("test_case_091_a_background_child_doesn_t_hold_the_run", soon_s=1.0)
class Waiting(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, exit_s=1.2) if limits.exit_s == 0.3 and limits.run_s > 60 else limits


@twin("test_an_iteration_goes_on_where_the_last_one_stopped")
class Replaying(Run):
    _seen: list[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self._seen is None:
            self._seen = []
            for line in self.inner:
                self._seen.append(line)
                yield line
        else:
            yield from self._seen


@twin("test_programs_run_side_by_side")
class Lonely(Session):
    _last: RemoteRun | None = None

    def run(self, argv: Sequence[str], *, stdin: Iterable[bytes] = (), limits: RunLimits | None = None) -> RemoteRun:
        if list(argv) == ["cat"] and self._last is not None and self._last.exit_status is None:
            raise LinkError("one program at a time")
        self._last = super().run(argv, stdin=stdin, limits=limits)
        return self._last


# Standard input.


@twin("test_ten_megabytes_come_back_whole")
class Losing(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return stdin if isinstance(stdin, list) else (one for number, one in enumerate(stdin) if number != 50)


@twin("test_one_large_piece_is_cut_as_the_link_needs")
class Cutting(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return [piece[: 1024 * 1024] for piece in stdin] if isinstance(stdin, list) else stdin


@twin("test_a_dialogue")
class Buffering(Impatient):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return stdin if isinstance(stdin, list) else self._pairs(stdin)

    def _pairs(self, stdin: Iterable[bytes]) -> Iterator[bytes]:
        held = b""
        for piece in stdin:
            yield held
            held = piece
        yield held


@twin("test_what_the_iterable_raises_is_raised_again")
class Swallowing(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        try:
            yield from stdin
        except Exception:  # noqa: BLE001
            return


@twin("test_a_program_that_stops_reading_tells_why_itself", soon_s=0.5)
class Forgetful(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return Unclosed(stdin)


class _Waits(Run):
    def leave(self) -> None:
        self.inner.__exit__(None, None, None)
        if self.limits.exit_s == 0.4 and self.inner.exit_status == 0:
            time.sleep(1.2)


@twin("test_a_blocked_iterable_doesn_t_hold_the_caller", soon_s=1.0)
class Held(Session):
    run_type = _Waits


@twin("test_a_program_that_doesn_t_read_holds_the_iterable", ahead_bytes=4 * 1024 * 1024)
class Prefetching(Session):
    def fed(self, stdin: Iterable[bytes]) -> Iterable[bytes]:
        return list(itertools.islice(stdin, 100)) if isinstance(stdin, Endless) else stdin


# Limits.


@twin("test_case_086_a_line_without_end")
class Endlessline(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, line_bytes=10**8) if limits.total_bytes > 10**6 else limits


@twin("test_a_line_of_just_the_cap_passes")
class Strict(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return (
            msgspec.structs.replace(limits, line_bytes=min(limits.line_bytes, 999))
            if limits.line_bytes == 1000
            else limits
        )


@twin("test_case_087_too_many_lines")
class Generous(Session):
    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, total_bytes=limits.total_bytes + 8)


@twin("test_case_089_silence")
class Plain(FailingRun):
    def failed(self, error: LinkError) -> None:
        raise LinkError(error.message, retryable=error.retryable)


@twin("test_the_callers_own_time_is_no_silence")
class Clocked(Run):
    def __iter__(self) -> Iterator[bytes]:
        said_s = time.monotonic()
        for line in self.inner:
            if time.monotonic() - said_s > self.limits.silence_s:
                raise LinkStalledError("too late")
            yield line


@twin("test_a_program_that_never_ends")
class Ending(FailingRun):
    def failed(self, error: LinkError) -> None:
        if "within 0.5 s" not in error.message:
            raise error


@twin("test_a_program_that_closes_its_output_must_exit")
class Hasty(FailingRun):
    def failed(self, error: LinkError) -> None:
        if "did not exit" not in error.message:
            raise error


@twin("test_the_run_can_be_cancelled")
class Stubborn(Session):
    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.inner = LocalSession(_other(context, cancelled=threading.Event()))

    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, silence_s=min(limits.silence_s, 2.0))


@twin("test_the_runs_deadline_ends_a_program")
class Late(Session):
    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.inner = LocalSession(RunContext(run_id="late", state_dir=context.state_dir, cancelled=context.cancelled))

    def limited(self, limits: RunLimits) -> RunLimits:
        return msgspec.structs.replace(limits, silence_s=min(limits.silence_s, 2.5))


def _other(context: RunContext, cancelled: threading.Event) -> RunContext:
    return RunContext(
        run_id=context.run_id, state_dir=context.state_dir, deadline=context.deadline, cancelled=cancelled
    )
