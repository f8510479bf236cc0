"""The link to one companion for one run: opened once, and taken up again when it breaks.

What is done over it must go on with what the companion has by then, so that doing it again after a break is no harm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from operator_tool.api.context import RunContext
from operator_tool.api.deadline import Deadline
from operator_tool.api.errors import CompanionError, LinkError, LinkStalledError
from operator_tool.api.events import Notice
from operator_tool.api.roles import CompanionSession, CompanionTransport

from .answers import opened

_Result = TypeVar("_Result")

MAX_RECONNECTS = 100
"""A link that breaks more often than this in one run is no link."""
_FIRST_PAUSE_S = 0.25
_PAUSE_GROWS = 1.6
_LONGEST_PAUSE_S = 8.0


class CompanionLink:
    """A context manager that closes what it opened."""

    def __init__(self, transport: CompanionTransport, context: RunContext, *, reconnect_s: float) -> None:
        self._transport = transport
        self._context = context
        self._reconnect_s = reconnect_s
        self._session: CompanionSession | None = None
        self._fingerprint: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        self.reconnects = 0
        """How often the link was taken up again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    @property
    def session(self) -> CompanionSession:
        """The session at hand, opened when it is first asked for. Raises ``CompanionError``."""
        if self._session is None:
            self._session = opened(self._transport)
            self._fingerprint = self._session.identity.fingerprint
        return self._session

    def through_breaks(
        self,
        work: Callable[[CompanionSession], _Result],
        *,
        attempts: float = math.inf,
        progress: Callable[[], int] = lambda: 0,
    ) -> _Result:
        """Do the work, again with a new session whenever the link breaks, ``attempts`` times at most.

        ``progress`` grows with what was done: after a break with none since the one before, the next pause is longer.
        Raises what the work raises; the ``LinkError`` when it is not retryable, is a stall, or the link can't be had
        again in time; and the ``CompanionError`` that says that another machine answers.
        """
        done = progress()
        while True:
            session = self.session
            try:
                return work(session)
            except LinkError as error:
                attempts -= 1
                if not self._worth_another(error, attempts):
                    raise
                if progress() > done:
                    done, self._pause_s = progress(), _FIRST_PAUSE_S
                self._reconnect(error)

    def _worth_another(self, error: LinkError, attempts: float) -> bool:
        """A companion that went silent is not asked again: it may still hold what another attempt would need."""
        given_up = self._context.cancelled.is_set() or self._context.deadline.passed
        return (
            error.retryable
            and not isinstance(error, LinkStalledError)
            and not given_up
            and attempts > 0
            and self.reconnects < MAX_RECONNECTS
        )

    def _reconnect(self, broken: LinkError) -> None:
        self._close()
        self._context.emit(Notice(text=f"{broken.message}; connecting again"))
        until = Deadline.after(self._reconnect_s)
        while True:
            pause_s = min(self._pause_s, until.remaining_s(), self._context.deadline.remaining_s())
            self._pause_s = min(self._pause_s * _PAUSE_GROWS, _LONGEST_PAUSE_S)
            if self._context.cancelled.wait(pause_s):
                raise broken
            try:
                session = opened(self._transport)
            except CompanionError as error:
                if not error.retryable:
                    raise
                if until.passed or self._context.deadline.passed:
                    raise LinkError(
                        f"{broken.message}, and could not be taken up again within {self._reconnect_s:g} s: "
                        f"{error.message}",
                        hint=broken.hint,
                    ) from error
                continue
            self._session = session
            if session.identity.fingerprint != self._fingerprint:
                raise CompanionError(
                    f"{session.identity.address} shows another host key than before the link broke: "
                    f"{session.identity.fingerprint}, before it was {self._fingerprint}",
                    hint="Somebody may be in between. Check the companion before you build again.",
                )
            self.reconnects += 1
            return

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
