"""The workstation's side of c10: one object for one run, and one agent process for each session."""

from __future__ import annotations

from operator_tool.api import (
    CacheOrder,
    CompanionSession,
    CompanionState,
    RemoteBuildReport,
    RunContext,
    TileSupply,
    TileTable,
    TransferSummary,
)

from .build import PreparedBuild, build, following_line, prepare_build, recovered
from .conversation import Conversation
from .place import Place, check_paths, place_for
from .prepare import Greeting, greet, greet_installing, state_of
from .settings import C10Settings
from .status import install, status
from .transfer import Sent, transfer


class C10Provisioner:
    """Drives the companion's agent: ``prepare``, then ``transfer``, then ``build``, of the same order.

    Each may be called again with another session after its ``LinkError``, and goes on with what the companion has.
    """

    def __init__(self, settings: C10Settings, context: RunContext) -> None:
        check_paths(settings)
        self._settings = settings
        self._context = context
        self._conversation: Conversation | None = None
        self._greeting: Greeting | None = None
        self._table: TileTable | None = None
        self._sent = Sent()
        self._following: PreparedBuild | None = None
        self._build_was_asked = False

    @property
    def site(self) -> str:
        """The cache root."""
        return self._settings.cache_root.rstrip("/") or "/"

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        """Ask ``hello``, having put the agent there if need be; the agent stays for what follows, if anything does."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            greeting = greet_installing(session, conversation, place, self._settings, order)
            if greeting is None:
                note = f"the agent is not installed on the companion; it would be put at {place.agent}"
                return CompanionState(companion_id="", agent_version="", notes=(note,))
            self._greeting = greeting
            return state_of(greeting, self._settings, order)
        except BaseException:
            conversation.close()
            raise

    def install(self, session: CompanionSession) -> CompanionState:
        """Put the agent there where it isn't, and ask it without an order."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            return install(session, conversation, place, self._settings, self._context)
        finally:
            conversation.close()

    def status(self, session: CompanionSession) -> CompanionState:
        """Ask without an order; an agent that isn't there is a problem of the companion."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            return status(conversation, place, self._settings, self._context)
        finally:
            conversation.close()

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        """Send what ``receive`` says is lacking."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        greeting = self._greeting
        assert greeting is not None, "prepare comes first"

        def follow(table: TileTable, digest: str) -> bytes:
            self._following = prepare_build(place, self._settings, self._context, order, greeting, table, digest)
            return following_line(self._following)

        summary, self._table = transfer(
            conversation, place, self._settings, self._context, order, tiles, self._sent, follow
        )
        return summary

    def build(self, session: CompanionSession, order: CacheOrder, transferred: TransferSummary) -> RemoteBuildReport:
        """Have ``build`` complete, verify and switch; asked again, see first whether it has."""
        assert self._greeting is not None, "prepare comes first"
        assert self._table is not None, "transfer comes first"
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        prepared, said = self._following, conversation.is_open
        if self._build_was_asked:
            now = greet(conversation, place, self._settings, order)
            report = recovered(now, order, self._greeting, transferred, self._table)
            if report is not None:
                return report
            prepared, said = None, False
            greeting = now
        else:
            greeting = self._greeting
        self._build_was_asked = True
        if prepared is None or not said:
            digest = transferred.tiles_digest
            prepared = prepare_build(place, self._settings, self._context, order, greeting, self._table, digest)
        return build(conversation, self._settings, self._context, prepared, said=said)

    def _with(self, session: CompanionSession, place: Place) -> Conversation:
        """Return the conversation over this session, the one at hand if it is the same."""
        held = self._conversation
        if held is not None and held.session is session:
            return held
        if held is not None:
            held.close()
        self._conversation = Conversation(session, place.argv, self._settings, self._context)
        return self._conversation
