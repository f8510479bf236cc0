"""The workstation's side of c10: one object for one run, and one agent process for each session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from operator_tool.api import (
    CacheGaps,
    CacheOrder,
    CompanionSession,
    CompanionState,
    GcReport,
    NotReadyError,
    RemoteBuildReport,
    RollbackReport,
    RunContext,
    SignerEnrolment,
    SignerOffer,
    Soundness,
    SoundnessAsked,
    TileSupply,
    TileTable,
    TransferSummary,
)

from .artefacts import Artefact, listed, read_artefacts, send_artefacts
from .aside import INSTALL, READ_FROM_MEMORY, Aside
from .build import PreparedBuild, build, check_size, following_line, prepare_build, recovered
from .conversation import Conversation, NoAgentError
from .enrol import enrol_signer, offered_signer
from .escaping import printable
from .lookafter import Caretaker
from .manifest import FileEntry
from .place import Place, check_paths, place_for
from .prepare import Greeting, greet, greet_installing, greet_to_stay, state_of
from .settings import C10Settings
from .signing import Signer, signer_of
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
        self._greeted_process: tuple[Conversation, int] | None = None
        self._table: TileTable | None = None
        self._gaps = CacheGaps()
        self._sent = Sent()
        self._following: PreparedBuild | None = None
        self._build_was_asked = False
        self._signer: Signer | None = None
        self._artefacts: tuple[Artefact, ...] | None = None

    @property
    def site(self) -> str:
        """The cache root."""
        return self._settings.cache_root.rstrip("/") or "/"

    def prepare(self, session: CompanionSession, order: CacheOrder) -> CompanionState:
        """Ask ``hello``, having put the agent there if need be; the agent stays for what follows, if anything does."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            artefacts = self._listed_artefacts()
            greeting = greet_installing(session, conversation, place, self._settings, order, artefacts)
            if greeting is None:
                return self._asked_aside(session, place, order, artefacts)
            self._note(conversation, greeting)
            check_size(order, greeting)
            self._signer = signer_of(self._settings, self._context)
            return self._made_ready(order, state_of(greeting, self._settings, order, self._signer))
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

    def verify(self, session: CompanionSession, asked: SoundnessAsked) -> Soundness:
        """Have the agent look at what it keeps."""
        with self._caretaker(session) as caretaker:
            return caretaker.verify(asked)

    def rollback(self, session: CompanionSession, seq: int | None = None) -> RollbackReport:
        """Have the agent go back, once it has verified what it goes to."""
        with self._caretaker(session) as caretaker:
            return caretaker.rollback(seq)

    def gc(self, session: CompanionSession, *, dry_run: bool = False) -> GcReport:
        """Have the agent tidy."""
        with self._caretaker(session) as caretaker:
            return caretaker.gc(dry_run=dry_run)

    def offered_signer(self, session: CompanionSession, name: str) -> SignerOffer:
        """Show the key that signs, and ask whose the companion knows."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            return offered_signer(conversation, place, self._settings, self._context, name)
        finally:
            conversation.close()

    def enrol_signer(
        self, session: CompanionSession, offer: SignerOffer, *, replace: bool = False, signed_by: str = ""
    ) -> SignerEnrolment:
        """Have the key added, by the word of one that the companion knows, where it knows any."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            return enrol_signer(
                conversation, place, self._settings, self._context, offer, replace=replace, signed_by=signed_by
            )
        finally:
            conversation.close()

    def transfer(self, session: CompanionSession, order: CacheOrder, tiles: TileSupply) -> TransferSummary:
        """Send what ``receive`` says is lacking."""
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        assert self._greeting is not None, "prepare comes first"
        if self._artefacts:
            send_artefacts(conversation, place, self._settings, self._context, order, self._artefacts)
        greeting = self._greeted(conversation, place, order)

        def follow(table: TileTable, digest: str) -> bytes:
            self._gaps = tiles.gaps()
            if self._signer is not None:
                # Whoever holds the key may be asked and take their time: the link must not be silent meanwhile.
                return b""
            self._following = self._prepared(place, order, greeting, table, digest)
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
        said = conversation.is_open and not self._build_was_asked and self._signer is None
        if self._build_was_asked:
            artefacts = self._listed_artefacts()
            before, now = self._greeting, greet(conversation, place, self._settings, order, artefacts)
            report = recovered(now, order, before, transferred, self._table)
            if report is not None:
                return self._with_signer(report)
            self._note(conversation, now)
        self._build_was_asked = True
        prepared = self._following
        if prepared is None or not said:
            greeting = self._greeted(conversation, place, order)
            prepared = self._prepared(place, order, greeting, self._table, transferred.tiles_digest)
        return self._with_signer(build(conversation, self._settings, self._context, prepared, said=said))

    def _with_signer(self, report: RemoteBuildReport) -> RemoteBuildReport:
        return report if self._signer is None else msgspec.structs.replace(report, signer=self._signer.fingerprint)

    def _made_ready(self, order: CacheOrder, state: CompanionState) -> CompanionState:
        """Have the key usable now, when somebody is there to be asked, and not after the tiles were fetched."""
        if self._signer is not None and not order.dry_run and not state.up_to_date:
            self._signer.make_ready()
        return state

    def _asked_aside(
        self, session: CompanionSession, place: Place, order: CacheOrder, artefacts: list[FileEntry]
    ) -> CompanionState:
        """Return what our own agent answers from memory where it isn't installed, and nothing may be written."""
        aside = Aside(session, place, self._settings, self._context)
        try:
            installed = aside.installed()
            greeting = greet(aside.conversation, place, self._settings, order, artefacts)
        except NoAgentError as error:
            why = printable(str(error), at_most=300).strip() or "its Python said nothing"
            note = f"the agent at {place.agent} does not run, and can't be run from memory ({why}); {INSTALL}"
            return CompanionState(companion_id="", agent_version="", unknown=why, notes=(note,))
        finally:
            aside.close()
        check_size(order, greeting)
        note = f"{installed.words}; a build would put it at {place.agent}, and {INSTALL} as well"
        self._signer = signer_of(self._settings, self._context)
        try:
            state = state_of(greeting, self._settings, order, self._signer)
        except NotReadyError as error:
            raise NotReadyError((*error.reasons, note), hint=error.hint) from None
        notes = (note, READ_FROM_MEMORY, *state.notes)
        return msgspec.structs.replace(state, agent_version=installed.version, notes=notes)

    def _note(self, conversation: Conversation, greeting: Greeting) -> None:
        self._greeting = greeting
        self._greeted_process = conversation, conversation.processes

    def _greeted(self, conversation: Conversation, place: Place, order: CacheOrder) -> Greeting:
        """Return the greeting of the process at hand: an order is signed for that one alone."""
        greeted = self._greeted_process == (conversation, conversation.processes) and conversation.is_open
        if not greeted:
            self._note(conversation, greet_to_stay(conversation, place, self._settings, order.run_id))
        assert self._greeting is not None
        return self._greeting

    def _prepared(
        self, place: Place, order: CacheOrder, greeting: Greeting, table: TileTable, digest: str
    ) -> PreparedBuild:
        artefacts = self._listed_artefacts()
        return prepare_build(
            place, self._settings, self._context, order, greeting, table, digest, self._signer, self._gaps, artefacts
        )

    def _listed_artefacts(self) -> list[FileEntry]:
        """Return the configured files, read once in a run: what is built is what was first read."""
        if self._artefacts is None:
            self._artefacts = read_artefacts(self._settings)
        return listed(self._artefacts)

    @contextmanager
    def _caretaker(self, session: CompanionSession) -> Iterator[Caretaker]:
        place = place_for(session, self._settings)
        conversation = self._with(session, place)
        try:
            yield Caretaker(conversation, place, self._settings, self._context)
        finally:
            conversation.close()

    def _with(self, session: CompanionSession, place: Place) -> Conversation:
        """Return the conversation over this session, the one at hand if it is the same."""
        held = self._conversation
        if held is not None and held.session is session:
            return held
        if held is not None:
            held.close()
        self._conversation = Conversation(session, place.argv, self._settings, self._context)
        return self._conversation
