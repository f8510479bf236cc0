"""What ssh says of itself and of its steps, read as it comes."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from select import POLLIN, poll

from operator_tool.api import escape_bytes

from .._host_keys.refusal import ShownKey

log = logging.getLogger(__name__)

_TICK_S = 0.1
_JOIN_S = 2.0
_READ_BYTES = 64 * 1024
_LINE_BYTES = 64 * 1024
_KEPT_LINES = 12
_SUMMED_LINES = 4
_DEBUG = b"debug"
_SHOWN_KEY = b"debug1: Server host key: "
_ACCEPTED_KEY = b"debug1: Server accepts key: "
_ON_A_TOKEN = b"-SK "
_LOGGED_IN = b"Authenticated to "
_SAID_FIRST = b"debug1: kex_exchange_identification: banner line "
_HUNG_UP_FIRST = ("exchange_identification: Connection closed", "exchange_identification: read:")
_METHODS = b"debug2: KEX algorithms: "
_CIPHER = (b"debug1: kex: server->client cipher: ", b"debug1: kex: client->server cipher: ")
_NO_MESSAGE = (_DEBUG, _LOGGED_IN, b"Transferred: ", b"Bytes per second: ")


class Messages:
    """The lines that ssh writes, read by a thread of its own until ssh and all that it started are gone.

    Its own log comes by its standard output (``-E /dev/stdout``). Standard error has what others say: the ssh of a jump
    host, a proxy command, and the server's banner, which may be worded like a message of ssh.
    """

    def __init__(self, process: subprocess.Popen[bytes], told: Callable[[str], None]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._files = (process.stdout, process.stderr)
        self._told = told
        self.own: deque[str] = deque(maxlen=_KEPT_LINES)
        """Its last messages, without the debug lines, escaped."""
        self.others: deque[str] = deque(maxlen=_KEPT_LINES)
        """The same of those beside it."""
        self.said_first: deque[str] = deque(maxlen=_SUMMED_LINES)
        """What the server said before its greeting, or in place of it, escaped."""
        self.shown: ShownKey | None = None
        """The companion's host key: the first that is told of, since later lines may hold what the server says."""
        self.methods: list[list[str]] = []
        """The ways to exchange keys, first those that ssh offered and then the server's, and nothing later."""
        self.ciphers: list[str] = []
        """The first that were agreed on, one for each direction."""
        self.logged_in = False
        self.heard_s = time.monotonic()
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._read, name="openssh-messages", daemon=True)
        self._thread.start()

    @property
    def summary(self) -> str:
        """The last messages in one line, those of others first: what a jump host says is why ssh then says the rest."""
        return " | ".join([*self.others, *self.own][-_SUMMED_LINES:])

    @property
    def hung_up_first(self) -> bool:
        """Whether the server, or a jump host's, ended the connection before it greeted."""
        # A jump host's own words are why ssh then says this.
        return any(words in line for words in _HUNG_UP_FIRST for line in self.others or self.own)

    def wait(self) -> None:
        """Wait a little for the end of what is said, after ssh has ended."""
        self._thread.join(_JOIN_S)

    def leave(self) -> None:
        """Read no more than is there, and close both pipes; a program that ssh started may hold their other ends."""
        self._leaving.set()
        self._thread.join(_JOIN_S)

    def _read(self) -> None:
        own, others = self._files
        lines = {own.fileno(): (_Lines(), self._take_own), others.fileno(): (_Lines(), self._take_other)}
        ready = poll()
        for descriptor in lines:
            ready.register(descriptor, POLLIN)
        with own, others:
            while lines:
                events = ready.poll(_TICK_S * 1000)
                if not events and self._leaving.is_set():
                    return
                for descriptor, _ in events:
                    data = os.read(descriptor, _READ_BYTES)
                    gathered, take = lines[descriptor]
                    self.heard_s = time.monotonic()
                    for line in gathered.ended(data):
                        take(line)
                    if not data:
                        ready.unregister(descriptor)
                        del lines[descriptor]

    def _take_own(self, line: bytes) -> None:
        text = escape_bytes(line, limit=1000)
        log.debug("ssh: %s", text)
        if line.startswith(_SHOWN_KEY) and self.shown is None:
            kind, _, fingerprint = line.removeprefix(_SHOWN_KEY).decode("ascii", "replace").partition(" ")
            self.shown = ShownKey(escape_bytes(kind.encode()), escape_bytes(fingerprint.encode()))
        elif line.startswith(_METHODS) and len(self.methods) < 2:
            self.methods.append(line.removeprefix(_METHODS).decode("ascii", "replace").split(","))
        elif line.startswith(_CIPHER) and len(self.ciphers) < len(_CIPHER):
            self.ciphers.append(line.partition(b"cipher: ")[2].partition(b" ")[0].decode("ascii", "replace"))
        elif line.startswith(_SAID_FIRST):
            self.said_first.append(escape_bytes(line.removeprefix(_SAID_FIRST).partition(b": ")[2], limit=200))
        elif line.startswith(_ACCEPTED_KEY) and _ON_A_TOKEN in line:
            self._told("if the security key blinks, touch it")
        elif line.startswith(_LOGGED_IN):
            self.logged_in = True
        elif text and not line.startswith(_NO_MESSAGE):
            self.own.append(text)

    def _take_other(self, line: bytes) -> None:
        text = escape_bytes(line, limit=1000)
        log.debug("beside ssh: %s", text)
        if text and not line.startswith(_DEBUG):
            self.others.append(text)


class _Lines:
    """Cuts what comes into lines; one that is too long is cut, too."""

    def __init__(self) -> None:
        self._open = b""

    def ended(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes; no data completes the last one."""
        *ended, rest = (self._open + data).split(b"\n")
        if rest and (not data or len(rest) > _LINE_BYTES):
            ended.append(rest)
            rest = b""
        self._open = rest
        return [line.rstrip(b"\r") for line in ended]
