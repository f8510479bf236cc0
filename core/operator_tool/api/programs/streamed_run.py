"""A program's run under limits, the same over every transport.

A transport supplies a :class:`Program`: bounded reads and writes, nothing else. Three threads touch it: the caller's
reads standard output, one drains standard error, one pulls the iterable of standard input and writes it. None of them
waits longer than a tick without looking whether the run was ended.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

from ..companion import RunLimits
from ..context import RunContext
from ..deadline import Deadline
from ..errors import LinkError, LinkStalledError
from .lines import LineSplitter, Tail
from .program import PROGRAM_TICK_S, Program

log = logging.getLogger(__name__)

_JOIN_S = 1.0
_GIVEN_UP_S = 0.5
"""What a program gets to end by itself when the whole run is being given up."""


class StreamedRun:
    """The ``RemoteRun`` of a program: lines out, an iterable in, limits on all of it."""

    def __init__(
        self,
        program: Program,
        *,
        stdin: Iterable[bytes],
        limits: RunLimits,
        context: RunContext,
        closed: Callable[[StreamedRun], None],
    ) -> None:
        """``closed`` is told when the run is over and its program has ended."""
        self._program = program
        self._limits = limits
        self._context = context
        self._closed = closed
        self._splitter = LineSplitter(line_bytes=limits.line_bytes, total_bytes=limits.total_bytes)
        self._lines: deque[bytes] = deque()
        self._finished = False
        self._said_too_much: LinkError | None = None
        self._stdin_error: BaseException | None = None
        self._pulling_error: BaseException | None = None
        """What the iterable of standard input raised: what the program says of its input's end is no news then."""
        self._run_deadline = Deadline.after(limits.run_s)
        self._exit_deadline: Deadline | None = None
        self._leaving = threading.Event()
        self._aborted = threading.Event()
        self._stderr = Tail(limits.stderr_tail_bytes)
        self._stderr_drained = threading.Event()
        self._closing = threading.Lock()
        # Who closes the run while another thread iterates it reads, too.
        self._reading = threading.Lock()
        self._left = False
        self._threads = (
            threading.Thread(target=self._pump_stdin, args=(stdin,), name="companion-stdin", daemon=True),
            threading.Thread(target=self._drain_stderr, name="companion-stderr", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines of standard output; a second iteration goes on where the first stopped."""
        while (line := self._next_line()) is not None:
            yield line

    @property
    def exit_status(self) -> int | None:
        """The exit status once the lines have ended, None when the program ended without one."""
        return self._program.exit_status

    @property
    def stderr_tail(self) -> str:
        """The last of standard error, control characters escaped."""
        return self._stderr.text

    def abort(self) -> None:
        """Make the iteration end with a ``LinkError`` and end the program at once; from any thread."""
        self._aborted.set()
        self.close()

    def close(self) -> None:
        """Close standard input, give the program ``exit_s`` to end by itself, then end it. Again is harmless."""
        self._leaving.set()
        with self._closing:
            if self._left:
                return
            self._left = True
            try:
                self._let_it_end()
            finally:
                self._program.end()
                for thread in self._threads:
                    if thread is not threading.current_thread():
                        thread.join(_JOIN_S)
                    if thread.is_alive():  # the iterable of standard input blocks; nobody but its owner can wake it
                        log.debug("%s was left behind: its iterable still blocks", thread.name)
                self._closed(self)

    def _let_it_end(self) -> None:
        """Wait while the program ends by itself; what it still says is read, lest it block on it, and dropped."""
        if self._said_too_much is not None:
            return
        grace = Deadline.after(self._limits.exit_s)
        given_up = Deadline.after(_GIVEN_UP_S)
        at_end = self._finished
        try:
            self._program.close_stdin()
            while not self._program.wait(PROGRAM_TICK_S if at_end else 0.0) and not grace.passed:
                if self._aborted.is_set() or (self._context.cancelled.is_set() and given_up.passed):
                    return
                at_end = at_end or self._read(grace) == b""
        except LinkError as error:
            log.debug("the link was lost while a program was given time to end: %s", error)

    def _next_line(self) -> bytes | None:
        silence = Deadline.after(self._limits.silence_s)
        while not self._lines:
            if self._finished:
                return None
            self._check(silence)
            data = self._read(silence)
            if data:
                try:
                    self._lines.extend(self._splitter.feed(data))
                except LinkError as error:
                    self._said_too_much = error
            elif data == b"" or self._ended_long_ago():
                self._finish()
            self._check_pulling()
        return self._lines.popleft()

    def _check(self, silence: Deadline) -> None:
        """Raise what ends the run before the program does."""
        self._check_pulling()
        if self._stdin_error is not None:
            raise self._stdin_error
        if self._said_too_much is not None:
            raise self._said_too_much
        if self._aborted.is_set() or self._leaving.is_set():
            raise LinkError("the session with the companion was closed while a program was running")
        if self._context.cancelled.is_set():
            raise LinkError("the run was given up while a program was running on the companion")
        if self._context.deadline.passed:
            raise LinkError("the run's deadline passed while a program was running on the companion")
        if self._run_deadline.passed:
            raise LinkError(f"the companion's program did not end within {self._limits.run_s:g} s")
        if silence.passed:
            raise LinkStalledError(f"the companion's program said nothing for {self._limits.silence_s:g} s")

    def _check_pulling(self) -> None:
        if self._pulling_error is not None:
            raise self._pulling_error

    def _read(self, until: Deadline) -> bytes | None:
        with self._reading:
            return self._program.read_stdout(until.remaining_s(PROGRAM_TICK_S))

    def _ended_long_ago(self) -> bool:
        """Tell whether the program ended ``exit_s`` ago while another process keeps its output open."""
        if self._exit_deadline is None:
            if self._program.wait(0.0):
                self._exit_deadline = Deadline.after(self._limits.exit_s)
            return False
        return self._exit_deadline.passed

    def _finish(self) -> None:
        """Await the exit status and the end of standard error after the end of standard output."""
        exit_deadline = self._exit_deadline or Deadline.after(self._limits.exit_s)
        while True:
            # Also when it has ended: the output of a program that close() ended came to its end, too.
            self._check(Deadline.never())
            if self._program.wait(exit_deadline.remaining_s(PROGRAM_TICK_S)):
                break
            if exit_deadline.passed:
                raise LinkError(
                    f"the companion's program closed its output but did not exit within {self._limits.exit_s:g} s"
                )
        self._stderr_drained.wait(_JOIN_S)
        if self._stdin_error is not None:
            raise self._stdin_error
        self._lines.extend(self._splitter.last())
        self._finished = True

    def _pump_stdin(self, pieces: Iterable[bytes]) -> None:
        try:
            try:
                for piece in self._pulled(pieces):
                    if not self._write(memoryview(piece).cast("B")):
                        break
            finally:
                self._program.close_stdin()
                if isinstance(pieces, Generator):
                    pieces.close()
        except BaseException as error:  # noqa: BLE001 - whatever the iterable raises is raised again to the caller
            self._stdin_error = error

    def _pulled(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces; what they raise is known before the program can see the end of its input."""
        try:
            yield from pieces
        except GeneratorExit:
            raise
        except BaseException as error:
            self._pulling_error = error
            raise

    def _write(self, data: memoryview) -> bool:
        """Write all of ``data``; False when there is no more use in it: the program's exit and lines tell why."""
        while data:
            if self._leaving.is_set():
                return False
            try:
                data = data[self._program.write_stdin(data, PROGRAM_TICK_S) :]
            except BrokenPipeError:
                return False
        return not self._leaving.is_set()

    def _drain_stderr(self) -> None:
        while (data := self._program.read_stderr(PROGRAM_TICK_S)) != b"":
            if data:
                self._stderr.add(data)
            elif self._has_ended():
                self._stderr_drained.set()
        self._stderr_drained.set()

    def _has_ended(self) -> bool:
        try:
            return self._program.wait(0.0)
        except LinkError:
            return True
