"""The transport: it has ssh connect when it is told to, or while the command still reads the flight."""

from __future__ import annotations

import threading
from functools import cached_property, partial

from operator_tool.api import (
    CompanionError,
    CompanionIdentity,
    CompanionSession,
    ConfigError,
    Deadline,
    HostKeyOffer,
    Notice,
    ProgramSession,
    RunContext,
)

from .._host_keys.pins import pin_key
from .._host_keys.refusal import ShownKey
from .._secure_shell.addresses import check_zone
from .._secure_shell.waiting import patiently
from .command import master_argv
from .failures import KEY_REFUSED, check_strict, failure
from .host_keys import known_keys, offered_key, pin_file, refused
from .master import Master
from .program import start
from .resolve import Resolved, resolve
from .settings import OpensshSettings

_WHOLE_S = 45.0


class OpensshTransport:
    """Reaches a companion by the system's ssh. ``EagerTransport`` and ``EnrollableTransport``."""

    def __init__(self, settings: OpensshSettings, context: RunContext) -> None:
        self._settings = settings
        self._context = context
        self._lock = threading.Lock()
        self._begun: Master | None = None

    @property
    def address(self) -> str:
        """``ssh://user@host:port``, as ssh itself resolves them."""
        return self._resolved.address

    def begin(self) -> None:
        """Start ssh; whatever goes wrong shows in ``connect``."""
        with self._lock:
            if self._begun is None:
                try:
                    self._begun = self._started()
                except ConfigError:
                    self._begun = None

    def connect(self) -> CompanionSession:
        """Wait until ssh is connected and logged in."""
        with self._lock:
            begun, self._begun = self._begun, None
        if begun is not None and begun.is_spent:
            begun.close()
            begun = None
        started = [begun or self._started()]
        resolved = self._resolved_beside(started[0])

        def attempt() -> tuple[Master, ShownKey]:
            master = started.pop() if started else self._started()
            try:
                return master, self._await(master, resolved)
            except BaseException:
                master.close()
                raise

        master, key = patiently(attempt, self._context.deadline, self._context.cancelled)
        return ProgramSession(
            CompanionIdentity(address=resolved.address, fingerprint=key.fingerprint),
            self._context,
            start=lambda argv, _stall_s: start(master, argv),
            close_link=master.close,
        )

    def close(self) -> None:
        """Let go of a connection that was begun and that nobody took."""
        with self._lock:
            begun, self._begun = self._begun, None
        if begun is not None:
            begun.close()

    def offered_key(self) -> HostKeyOffer:
        """Ask for the host key; only jump hosts are logged in to."""
        self._check_zone()
        known = known_keys(self._resolved, pin_file(self._settings, self._context))
        return offered_key(self._settings, self._resolved, known, self._context)

    def pin(self, offer: HostKeyOffer) -> str:
        """Write the key into the file of pinned keys, and return its path."""
        path = pin_file(self._settings, self._context)
        pin_key(path, offer.label, offer.type, offer.blob)
        return str(path)

    @cached_property
    def _resolved(self) -> Resolved:
        return resolve(self._settings)

    def _check_zone(self) -> None:
        check_zone(self._settings.host, self._resolved.host, from_here=not self._resolved.jump)

    def _resolved_beside(self, master: Master) -> Resolved:
        """Return where the companion is, while ssh connects already."""
        try:
            self._check_zone()
        except BaseException:
            master.close()
            raise
        return self._resolved

    def _started(self) -> Master:
        known_hosts = pin_file(self._settings, self._context)
        return Master(partial(master_argv, self._settings, known_hosts), self._settings.host, self._tell)

    def _tell(self, text: str) -> None:
        """Pass on what a person must know while ssh connects."""
        self._context.emit(Notice(text=f"{self._settings.host}: {text}"))

    def _await(self, master: Master, resolved: Resolved) -> ShownKey:
        """Wait until ssh is ready, and return the host key. Raises ``CompanionError``."""
        deadline = Deadline.after(self._context.deadline.remaining_s(_WHOLE_S))
        problem = master.wait(self._settings.connect_timeout_s, deadline, self._context.cancelled)
        key = master.messages.shown
        path = pin_file(self._settings, self._context)
        if problem is None and key is None:
            raise CompanionError(
                f"{resolved.address} was taken for the companion without a host key",
                hint="Set GSSAPIKeyExchange no for it in the SSH configuration.",
            )
        if key is not None and (problem is None or any(KEY_REFUSED in line for line in master.messages.own)):
            # Also when ssh took it: of a host at another port than 22 it takes the key for port 22 as well.
            error = refused(key, resolved, path, self._settings, known_keys(resolved, path))
            if error is not None:
                raise error
        if problem is None or master.messages.ciphers:
            check_strict(master.messages, resolved)
        if problem is not None:
            raise failure(problem, master.messages, resolved)
        assert key is not None
        return key
