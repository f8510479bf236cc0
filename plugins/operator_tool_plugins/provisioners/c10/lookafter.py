"""``companion verify``, ``rollback`` and ``gc``: the agent is asked, its answer judged and made printable."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from operator_tool.api import (
    BuildLockHeldError,
    CheckedGeneration,
    CompanionError,
    GcReport,
    KeptGeneration,
    Meta,
    Notice,
    NotReadyError,
    OperatorToolError,
    Removal,
    RollbackReport,
    RunContext,
    Soundness,
    SoundnessAsked,
    UsageError,
    VerifyError,
)

from .aside import INSTALL, READ_FROM_MEMORY, Aside, no_agent
from .conversation import Conversation, NoAgentError
from .enrol import own_name
from .escaping import printable
from .fields import MAX_ITEMS, Count, Seq, Text, Texts, Word, as_fields
from .place import Place
from .prepare import ORPHAN_WAIT_S, Greeting, greet_to_stay
from .report import AgentFailureError, holder_text
from .settings import C10Settings
from .signing import Signer, signer_of, signing_reasons
from .wire import PROTOCOL

_UNCHANGED = "What was current is current still. Look with operator-tool companion status for another to go back to."
_LOOK_FIRST = (
    "It may have been done all the same: look with operator-tool companion status, mend what is named above, and run"
    " the same command again."
)
_NAME_ONE = "operator-tool companion status lists the generations that are kept: name one of those with --to."
_NOT_READY = ("armed", "no_cache", "no_target", "signers", "not_mounted", "not_ready")
_NAME = 64

T = TypeVar("T")


class _Problem(msgspec.Struct, frozen=True):
    problem: Text
    code: Word = ""
    path: Text = ""
    """The file, where it is about one."""
    name: Text = ""
    """The generation, where it is about one."""


_Problems = Annotated[list[_Problem], Meta(max_length=MAX_ITEMS)]


class _Looked(msgspec.Struct, frozen=True):
    name: Word
    how: Text
    ok: bool
    code: Word = ""
    problem: Text = ""
    problems: _Problems = []


class _Verified(msgspec.Struct, frozen=True):
    """The report of ``verify``, and the details of one that failed."""

    generations: Annotated[list[_Looked], Meta(max_length=MAX_ITEMS)]
    generation: Word | None = None
    problems: _Problems = []
    """Those of generations, too."""


class _Switched(msgspec.Struct, frozen=True):
    """The report of ``rollback``."""

    generation: Word
    previous_generation: Word | None
    seq: Seq
    tiles: Count
    signer: Text


class _Kept(msgspec.Struct, frozen=True):
    name: Word
    seq: Seq
    bytes: Count
    kept_for: Texts


class _Gone(msgspec.Struct, frozen=True):
    name: Text
    kind: Word
    bytes: Count


class Tidied(msgspec.Struct, frozen=True):
    """The report of ``gc``."""

    removed: Annotated[list[_Gone], Meta(max_length=MAX_ITEMS)]
    kept: Annotated[list[_Kept], Meta(max_length=MAX_ITEMS)]
    freed_bytes: Count
    notes: Texts


class Caretaker:
    """One conversation with a companion's agent about what it keeps."""

    def __init__(self, conversation: Conversation, place: Place, settings: C10Settings, context: RunContext) -> None:
        self._conversation = conversation
        self._place = place
        self._settings = settings
        self._context = context

    def verify(self, asked: SoundnessAsked) -> Soundness:
        """Have the companion look; what it finds is no failure of the asking."""
        try:
            self._greet()
        except NoAgentError:
            # Looking changes nothing: our own agent does it from memory.
            return self._verify_aside(asked)
        return self._verified(asked)

    def _verify_aside(self, asked: SoundnessAsked) -> Soundness:
        aside = Aside(self._conversation.session, self._place, self._settings, self._context)
        reads = Caretaker(aside.conversation, self._place, self._settings, self._context)
        try:
            there = aside.installed().words
            self._context.emit(Notice(text=f"{there}; {READ_FROM_MEMORY}"))
            reads._greet()
            return reads._verified(asked)
        except NotReadyError as error:
            raise CompanionError(f"{'; '.join(error.reasons)}, and {there}", hint=f"{INSTALL}.") from None
        except NoAgentError as error:
            raise self._no_agent(error) from None
        finally:
            aside.close()

    def _verified(self, asked: SoundnessAsked) -> Soundness:
        fields: dict[str, object] = {
            "how": "quick" if asked.quick else "full",
            "sample": asked.sample,
            "all": asked.all_generations,
        }
        try:
            verified = self._call("verify", fields, _Verified)
        except AgentFailureError as error:
            if "generations" not in error.details:
                raise failure_of(error, "verify") from None
            verified = _details(error)
        return _soundness(verified)

    def rollback(self, seq: int | None) -> RollbackReport:
        """Have it go back, by a signed order where it takes no other."""
        signer = signer_of(self._settings, self._context)
        if signer is not None:
            # Whoever is to be asked for a passphrase is asked before the agent waits.
            signer.make_ready()
        greeting = self._greet_to_change()
        fields: dict[str, object] = {"to": seq or 0}
        if greeting.signers is not None:
            fields |= _order(signer, greeting, seq or 0)
        try:
            switched = self._call("rollback", fields, _Switched)
        except AgentFailureError as error:
            raise failure_of(error, "rollback") from None
        if seq and switched.seq != seq:
            raise VerifyError(f"the companion was to go back to {seq}, and says that it went to {switched.seq}")
        return RollbackReport(
            from_generation=_named(switched.previous_generation),
            to_generation=printable(switched.generation, at_most=_NAME),
            tiles=switched.tiles,
            signer=printable(switched.signer, at_most=_NAME),
        )

    def gc(self, *, dry_run: bool) -> GcReport:
        """Have it tidy."""
        self._greet_to_change()
        try:
            return report_of(self._call("gc", {"dry_run": dry_run}, Tidied), dry_run=dry_run)
        except AgentFailureError as error:
            raise failure_of(error, "gc") from None

    def _greet(self) -> Greeting:
        """See that it is the companion that is configured, with an agent that speaks as we do."""
        return greet_to_stay(self._conversation, self._place, self._settings, self._context.run_id)

    def _greet_to_change(self) -> Greeting:
        """Likewise, with our own agent installed: what changes something is not done from memory."""
        try:
            return self._greet()
        except NoAgentError as error:
            raise self._no_agent(error) from None

    def _call(self, verb: str, fields: dict[str, object], into: type[T]) -> T:
        request: dict[str, object] = {
            "protocol": PROTOCOL,
            "run_id": self._context.run_id,
            "root": self._place.root,
            "operator": own_name(),
            "lock_wait_s": self._settings.lock_wait_s,
            "orphan_wait_s": ORPHAN_WAIT_S,
            **fields,
        }
        try:
            return self._conversation.call(
                verb, request, into, CompanionError, silence_s=self._settings.silence_s, last=lambda _report: True
            )
        except NoAgentError as error:
            raise self._no_agent(error) from None

    def _no_agent(self, error: NoAgentError) -> CompanionError:
        self._conversation.close()
        return no_agent(self._conversation.session, self._place, self._settings, self._context, error)


def report_of(tidied: Tidied, *, dry_run: bool = False) -> GcReport:
    """Return what tidying came to, printable."""
    return GcReport(
        removed=tuple(
            Removal(name=printable(one.name, at_most=100), kind=printable(one.kind, at_most=20), bytes=one.bytes)
            for one in tidied.removed
        ),
        kept=tuple(
            KeptGeneration(
                name=printable(one.name, at_most=_NAME),
                seq=one.seq,
                bytes=one.bytes,
                kept_for=tuple(printable(why, at_most=100) for why in one.kept_for),
            )
            for one in tidied.kept
        ),
        freed_bytes=tidied.freed_bytes,
        notes=tuple(printable(note) for note in tidied.notes),
        dry_run=dry_run,
    )


def failure_of(error: AgentFailureError, verb: str) -> OperatorToolError:
    """Return what the agent's failure is for whoever asked."""
    if error.code == "busy":
        holder = holder_text(error.details.get("holder"))
        return BuildLockHeldError(f"the companion is busy ({holder or 'it does not say with what'})", holder=holder)
    if error.code in _NOT_READY:
        return NotReadyError((error.message,))
    if error.code == "no_generation":
        return UsageError(error.message, hint=_NAME_ONE)
    if error.code == "verify":
        return VerifyError(error.message, hint=_UNCHANGED, retryable=False)
    return CompanionError(f"the companion could not do {verb}: {error}", hint=_LOOK_FIRST)


def _order(signer: Signer | None, greeting: Greeting, seq: int) -> dict[str, object]:
    reasons = signing_reasons(greeting.signers, signer)
    if reasons or signer is None:
        raise NotReadyError(tuple(printable(reason) for reason in reasons))
    from .signing.orders import signed_order

    return signed_order(signer, "rollback", companion_id=greeting.companion_id, nonce=greeting.nonce, to=seq)


def _details(error: AgentFailureError) -> _Verified:
    try:
        return as_fields(error.details, _Verified)
    except ValueError as flaw:
        seen = printable(str(flaw), at_most=500)
        raise CompanionError(f"verify: the companion's report can't be relied on: {seen}") from None


def _soundness(verified: _Verified) -> Soundness:
    generations = tuple(_checked(one, verified.generation) for one in verified.generations)
    beside = [problem for problem in verified.problems if not problem.name]
    codes = [*(problem.code for problem in verified.problems), *(one.code for one in verified.generations)]
    return Soundness(
        generations=generations,
        problems=tuple(_text(problem) for problem in beside),
        codes=tuple(dict.fromkeys(printable(code, at_most=50) for code in codes if code)),
    )


def _checked(one: _Looked, current: str | None) -> CheckedGeneration:
    problems = [_text(problem) for problem in one.problems]
    if not problems and not one.ok:
        problems = [printable(one.problem) or "it is not what was built"]
    return CheckedGeneration(
        name=printable(one.name, at_most=_NAME),
        how=printable(one.how, at_most=100),
        current=one.name == current,
        problems=tuple(problems),
        code=printable(one.code, at_most=50),
    )


def _text(problem: _Problem) -> str:
    about = problem.path and problem.path not in problem.problem
    return printable(f"{problem.path}: {problem.problem}" if about else problem.problem)


def _named(name: str | None) -> str | None:
    return None if name is None else printable(name, at_most=_NAME)
