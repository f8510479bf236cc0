"""A program behind an SSH exec channel."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence

from paramiko import Channel, Message  # type: ignore[import-untyped]
from paramiko.common import cMSG_CHANNEL_REQUEST  # type: ignore[import-untyped]

from operator_tool.api import PROGRAM_TICK_S, Deadline, LinkError, shell_line

from .._secure_shell.words import NO_SESSION_HINT
from .link import Link

log = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024
_SLICE_BYTES = 32_704
"""What fits into one packet of OpenSSH; paramiko copies what is left of a larger piece again for every packet."""
_CONTROL_S = 5.0
_TERMINATE_S = 1.0


def start(link: Link, argv: Sequence[str], *, stall_s: float) -> ChannelProgram:
    """Start a program; a write that is stalled for ``stall_s`` closes the link. Raises ``LinkError``."""
    channel = link.open_channel()
    channel.settimeout(PROGRAM_TICK_S)
    # The account's shell, whichever it is, reads this line.
    # "exec": a login shell that stays in between would turn a killed program into status 137, and outlive it.
    request = _request(channel, "exec", want_reply=True)
    request.add_string(os.fsencode(f"exec {shell_line(argv)}"))
    channel.event_ready = False
    # Its answer is not awaited: what the program is sent follows at once. A refusal closes the channel.
    _send(link, request, min(stall_s, _CONTROL_S))
    return ChannelProgram(link, channel, stall_s)


class ChannelProgram:
    """The program at the other end of a channel; no wait on the channel is longer than a tick."""

    def __init__(self, link: Link, channel: Channel, stall_s: float) -> None:
        self._link = link
        self._channel = channel
        self._stall_s = stall_s

    @property
    def exit_status(self) -> int | None:
        status = int(self._channel.exit_status)
        return status if status >= 0 else None

    def read_stdout(self, _timeout_s: float, /) -> bytes | None:
        try:
            with self._link.at_most(self._stall_s):
                data = bytes(self._channel.recv(_READ_BYTES))
        except TimeoutError:
            return None
        if not data and not self._channel.eof_received:
            raise self._refused() or self._link.lost()
        return data

    def read_stderr(self, _timeout_s: float, /) -> bytes | None:
        try:
            with self._link.at_most(self._stall_s):
                return bytes(self._channel.recv_stderr(_READ_BYTES))
        except TimeoutError:
            return None
        except LinkError:
            return b""

    def write_stdin(self, data: memoryview, _timeout_s: float, /) -> int:
        try:
            with self._link.at_most(self._stall_s):
                taken = int(self._channel.send(bytes(data[:_SLICE_BYTES])))
        except TimeoutError:
            return 0
        except LinkError:
            if self._link.alive:
                raise BrokenPipeError from None
            raise
        if taken == 0:
            raise BrokenPipeError
        return taken

    def close_stdin(self) -> None:
        if not self._channel.closed:
            with self._link.at_most(min(self._stall_s, _CONTROL_S)):
                self._channel.shutdown_write()

    def wait(self, timeout_s: float, /) -> bool:
        self._channel.status_event.wait(timeout_s)
        if not self._channel.exit_status_ready():
            return False
        if self.exit_status is None:
            if not self._link.alive:
                raise self._link.lost()
            if (refused := self._refused()) is not None:
                raise refused
        return True

    def end(self) -> None:
        with contextlib.suppress(LinkError):
            if not self._channel.exit_status_ready():
                self._signal("TERM")
                self._discard(Deadline.after(_TERMINATE_S))
            if not self._channel.exit_status_ready():
                # The server signals nothing for root or behind a forced command; the end of its input remains.
                log.info("a program on %s outlived its end by a signal", self._link.identity.address)
                self._signal("KILL")
            with self._link.at_most(min(self._stall_s, _CONTROL_S)):
                self._channel.close()

    def _discard(self, until: Deadline) -> None:
        """Read while the program ends: its end is told after the output that it left."""
        while not self._channel.exit_status_ready() and not until.passed:
            if self.read_stdout(PROGRAM_TICK_S) == b"":
                self._channel.status_event.wait(PROGRAM_TICK_S)

    def _refused(self) -> LinkError | None:
        """Return the error for a program that the server would not start; None for any other end."""
        if self._link.alive and self._channel.closed and not self._channel.event_ready:
            where = self._link.identity.address
            return LinkError(f"{where} would not run a program", hint=NO_SESSION_HINT, retryable=False)
        return None

    def _signal(self, name: str) -> None:
        """Ask the server to signal the program (RFC 4254, 6.9), for which paramiko has no method of its own."""
        request = _request(self._channel, "signal", want_reply=False)
        request.add_string(name)
        _send(self._link, request, min(self._stall_s, _CONTROL_S))


def _request(channel: Channel, kind: str, *, want_reply: bool) -> Message:
    """Return the beginning of a request about a channel (RFC 4254, 5.4)."""
    request = Message()
    request.add_byte(cMSG_CHANNEL_REQUEST)
    request.add_int(channel.remote_chanid)
    request.add_string(kind)
    request.add_boolean(want_reply)
    return request


def _send(link: Link, request: Message, seconds: float) -> None:
    with link.at_most(seconds):
        link.transport._send_user_message(request)  # noqa: SLF001
