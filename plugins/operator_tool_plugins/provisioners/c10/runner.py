"""The workstation's side of c10: one object for one run, one call of the agent for each step."""

from __future__ import annotations

from operator_tool.api import (
    CacheOrder,
    CompanionError,
    CompanionSession,
    CompanionState,
    LinkError,
    RemoteBuildReport,
    RunContext,
    TileSupply,
    TileTable,
    TransferSummary,
)

from .build import build
from .conversation import Conversation, limits_for
from .place import Place, check_paths, place_for
from .prepare import Greeting, greet_installing, state_of
from .settings import C10Settings
from .transfer import transfer


class C10Provisioner:
    """Drives the companion's agent: ``prepare``, then ``transfer``, then ``build``, of the same order."""

    def __init__(self, settings: C10Settings, context: RunContext) -> None:
        check_paths(settings)
        self._settings = settings
        self._context = context
        self._greeting: Greeting | None = None
        self._table: TileTable | None = None

    @property
    def site(self) -> str:
        """The cache root."""
        return self._settings.cache_root.rstrip("/") or "/"

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        """Ask ``hello``, having put the agent there if need be."""
        place = place_for(session, self._settings)
        try:
            greeting = greet_installing(session, self._conversation(session, place), place, self._settings, order)
        except LinkError as error:
            raise CompanionError(f"asking the companion: {error.message}", hint=error.hint, retryable=True) from None
        if greeting is None:
            note = f"the agent is not installed on the companion; it would be put at {place.agent}"
            return CompanionState(companion_id="", agent_version="", notes=(note,))
        self._greeting = greeting
        return state_of(greeting, self._settings, order)

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        """Send what ``receive`` says is lacking."""
        place = place_for(session, self._settings)
        conversation = self._conversation(session, place)
        summary, self._table = transfer(conversation, place, self._settings, self._context, order, tiles)
        return summary

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        """Have ``build`` complete, verify and switch."""
        assert self._greeting is not None, "prepare comes first"
        assert self._table is not None, "transfer comes first"
        place = place_for(session, self._settings)
        conversation = self._conversation(session, place)
        return build(
            conversation, place, self._settings, self._context, order, self._greeting, transferred, self._table
        )

    def _conversation(self, session: CompanionSession, place: Place) -> Conversation:
        limits = limits_for(self._settings.silence_s, self._settings.run_s)
        return Conversation(session, place.argv, limits, self._context)
