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
    RunContext,
)

from .._host_keys.pins import pin_key
from .._remote_session import RemoteSession
from .command import master_argv
from .host_keys import Resolved, offer, offered_key, pin_file, refused, resolve
from .master import Master
from .program import start
from .settings import OpensshSettings

_WHOLE_S = 45.0
_KEY_REFUSED = "Host key verification failed"
_LOGIN_REFUSED = "Permission denied"
_TOO_WEAK = "Unable to negotiate"
_NOT_FOR_LONG = (_LOGIN_REFUSED, _TOO_WEAK, "Bad configuration option", "no such identity")
"""What ssh says of failures that another attempt would meet again; its messages are all that it tells."""


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
        if begun is not None and begun.is_ready and begun.has_ended:
            begun.close()
            begun = None
        master = begun or self._started()
        try:
            self._await(master)
        except BaseException:
            master.close()
            raise
        identity = CompanionIdentity(address=self.address, fingerprint=master.stderr.fingerprint)
        return RemoteSession(
            identity, self._context, start=lambda argv, _stall_s: start(master, argv), close_link=master.close
        )

    def close(self) -> None:
        """Let go of a connection that was begun and that nobody took."""
        with self._lock:
            begun, self._begun = self._begun, None
        if begun is not None:
            begun.close()

    def offered_key(self) -> HostKeyOffer:
        """Ask for the host key; only jump hosts are logged in to."""
        path = pin_file(self._settings, self._context)
        return offer(offered_key(self._settings, self._resolved, self._context), self._resolved, path)

    def pin(self, offer: HostKeyOffer) -> str:
        """Write the key into the file of pinned keys, and return its path."""
        path = pin_file(self._settings, self._context)
        pin_key(path, offer.label, offer.type, offer.blob)
        return str(path)

    @cached_property
    def _resolved(self) -> Resolved:
        return resolve(self._settings)

    def _started(self) -> Master:
        known_hosts = pin_file(self._settings, self._context)
        return Master(partial(master_argv, self._settings, known_hosts), self._settings.host, self._tell)

    def _tell(self, line: str) -> None:
        """Pass on what a person must see while ssh connects: a hardware key waits to be touched."""
        if "onfirm user presence" in line:
            self._context.emit(Notice(text=f"{self._settings.host}: {line}"))

    def _await(self, master: Master) -> None:
        deadline = Deadline.after(self._context.deadline.remaining_s(_WHOLE_S))
        problem = master.wait(self._settings.connect_timeout_s, deadline)
        if problem is None:
            return
        said = master.stderr.summary
        if _KEY_REFUSED in said:
            path = pin_file(self._settings, self._context)
            key = offered_key(self._settings, self._resolved, self._context)
            raise refused(key, self._resolved, path, self._settings)
        why = said or problem or "ssh ended without saying why"
        where = self._resolved.address
        if _LOGIN_REFUSED in said:
            raise CompanionError(
                f"{where} refused user {self._resolved.user}: {why}",
                hint="Add the public key to ~/.ssh/authorized_keys of that account on the companion, set "
                "openssh.key_file, or add the key to the agent with ssh-add.",
            )
        if _TOO_WEAK in said:
            raise CompanionError(
                f"{where} offers only algorithms that are too weak to use: {why}",
                hint="Update the companion's SSH server; SHA-1, CBC and MD5 are not used, and only AES-GCM is.",
            )
        raise CompanionError(
            f"the companion at {where} can't be reached: {why}",
            retryable=not any(words in said for words in _NOT_FOR_LONG),
        )
