"""A recorded companion, connected to as often as it was then."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from operator_tool.api import CompanionSession, ConfigError, LinkError, Notice, RunContext, escape_controls
from operator_tool_plugins._recording import NotConnected

from .faults import not_connected_again
from .reading import PlayedCompanion, PlayedRecording
from .same_words import Translation
from .script import OTHERWISE_HINT
from .session import ReplayedSession
from .settings import ReplaySettings


def chosen(recording: PlayedRecording, settings: ReplaySettings, context: RunContext) -> PlayedCompanion:
    """Return the companion that is to be played. Raises ``ConfigError`` where the file doesn't tell."""
    there = tuple(recording.companions.values())
    if settings.companion:
        there = tuple(one for one in there if settings.companion in (one.record.name, one.record.address))
    elif len(there) > 1:
        there = tuple(one for one in there if context.companion and one.record.name == context.companion)
    if len(there) != 1:
        wanted = escape_controls(settings.companion or context.companion) or "by itself"
        known = ", ".join(one.record.name or one.record.address for one in recording.companions.values())
        raise ConfigError(
            f"{recording.name} has no companion {wanted}: it has {known}",
            hint="Say with replay.companion which of them is to be played.",
        )
    return there[0]


class ReplayTransport:
    """Gives the sessions of one recorded companion, one after the other; there is no drone behind it."""

    def __init__(
        self, recording: PlayedRecording, companion: PlayedCompanion, settings: ReplaySettings, context: RunContext
    ) -> None:
        self._recording = recording
        self._companion = companion
        self._settings = settings
        self._context = context
        self._sessions = iter(companion.sessions)
        self._asking = threading.Lock()
        self._noted: set[str] = set()

    @property
    def address(self) -> str:
        """The recorded address, told apart from the companion itself, which another run may be building."""
        return f"replay of {self._companion.record.address}"

    @property
    def simulation(self) -> str:
        """Which recording it is."""
        return f"a recording of {self._companion.record.address} of {self._recording.header.began:%Y-%m-%d %H:%M} UTC"

    def connect(self) -> CompanionSession:
        """Return the next session of the recording, or raise what was raised then."""
        with self._asking:
            session = next(self._sessions, None)
        if session is None:
            raise LinkError(
                f"the recording {self._recording.name} has no further session"
                + ("" if self._recording.complete else ": it was cut short"),
                hint=OTHERWISE_HINT,
                retryable=False,
            )
        if isinstance(session.began, NotConnected):
            raise not_connected_again(session.began.fault)
        header = self._recording.header
        asks = escape_controls(self._context.user_agent, limit=100)
        if header.tool != asks:
            self._note(f"{header.tool} made the recording, and {asks} plays it: the companion answers as it did then")
        translation = Translation({header.run_id: self._context.run_id})
        later_s = (datetime.now(UTC) - header.began).total_seconds() - session.began.at_s
        return ReplayedSession(session, session.began, translation, self._settings, self._context, later_s, self._note)

    def _note(self, text: str) -> None:
        """Tell once what is other than it was."""
        with self._asking:
            is_known = text in self._noted
            self._noted.add(text)
        if not is_known:
            self._context.emit(Notice(text=text))
