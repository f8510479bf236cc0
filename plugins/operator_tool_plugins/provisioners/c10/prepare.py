"""``hello``: is the agent there, can this companion be built, does it hold this very cache?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from operator_tool.api import (
    BuildLockHeldError,
    CacheGaps,
    CacheOrder,
    CompanionError,
    CompanionSession,
    CompanionState,
    CurrentCache,
    EnrolledSigner,
    GapPlace,
    Meta,
    NotReadyError,
    RunContext,
)

from .bundle import agent_bundle
from .conversation import Conversation, NoAgentError
from .escaping import carried, printable
from .fields import MAX_ITEMS, Clock, Count, Hex32, Key, Seq, Text, Texts, Word, as_fields
from .gated import GATED_HINT, check_refused
from .install import check_identity, install_agent
from .manifest import MAX_OPERATOR, FileEntry, StageEntry
from .place import Place
from .report import AgentFailureError, holder_text
from .settings import C10Settings
from .signing import Signer, signing_reasons
from .wire import PROTOCOL

MIN_FREE_INODES = 64
ORPHAN_WAIT_S = 30.0
"""How long to wait for a process that this operator's own earlier link left behind: it ends itself within 20 s."""
_SILENCE_S = 30.0
_OVERHEAD = 1.08
"""An MBTiles file over its pictures' bytes: 5 % measured with pictures of 15 kB, and some for smaller ones."""
_CLOCK_SKEW_S = 300
_REPLACED_HINT = "Ask whoever built it. Run the same command again: it looks first at what is current by then."
_INSTALL_HINT = "Check that the companion's Python is 3.8 or newer, and that c10.agent_dir can be written."


class _Place(msgspec.Struct, frozen=True):
    z: Count
    x: Count
    y: Count
    route_m: Count
    waypoint: Count
    off_m: Count


class _Gaps(msgspec.Struct, frozen=True):
    missing: Count
    by_zoom: Annotated[dict[Word, Count], Meta(max_length=64)] = {}
    nearest: _Place | None = None


class CurrentGeneration(msgspec.Struct, frozen=True):
    """The generation that ``current`` points to."""

    name: Word
    seq: Seq = 0
    content_key: Key = ""
    run_id: Text = ""
    tiles_digest: Key = ""
    """These three from its manifest: whose build it is."""
    differs: Text = ""
    """Why a build would make another of it, though it has the content key that was asked for."""
    flight_id: Text = ""
    flight_name: Text = ""
    operator: Text = ""
    created_at: Count | None = None
    """By the clock of the workstation that built it."""
    tiles: Count | None = None
    allow_gaps: Count | None = None
    gaps: _Gaps | None = None
    """These from its manifest, too; None where it does not say."""


class Verified(msgspec.Struct, frozen=True):
    """Whether every byte of the current generation is what it was built as."""

    ok: bool
    problem: Text
    tiles: Count
    tiles_digest: Key
    how: Word = "full"
    """``full``: all was read and hashed just now; ``since boot``: it was, and nobody has touched it since."""


class Enrolled(EnrolledSigner, frozen=True):
    """One whose signature it takes, as it says."""

    principal: Word
    fingerprint: Word


class Greeting(msgspec.Struct, frozen=True):
    """The report of ``hello``."""

    protocol: Count
    agent: Word
    agent_sha256: Key
    python: Word
    companion_id: Hex32
    boot_id: Word
    clock: Clock
    root: Text
    reasons: Texts
    busy: Annotated[dict[Word, Text], Meta(max_length=32)] | None
    highest_seq: Seq
    current: CurrentGeneration | None
    verified: Verified | None
    staged_bytes: Count
    free_bytes: Count | None = None
    free_inodes: Count | None = None
    machine: Word = ""
    nonce: Word = ""
    stages: Annotated[list[StageEntry], Meta(max_length=MAX_ITEMS)] = []
    """The companion's own stages, in their order."""
    missing_files: Texts = []
    """The required files that are not there to be read, each with what was seen."""
    armed: Word = ""
    """``no``, ``yes``, ``unknown``, or ``not asked``."""
    signers: Annotated[list[Enrolled], Meta(max_length=MAX_ITEMS)] | None = None
    """Whose signature it takes; None where it takes what is not signed."""
    gated: bool = False
    """The login is locked to the agent's gate."""
    volume: str = ""
    """The file system that the cache root lies on, and where it is mounted."""
    in_memory: str = ""
    """Why the cache is lost with the power; empty where it isn't."""
    notes: Texts = []
    """What a person should look at, and keeps nobody from building."""


G = TypeVar("G", bound=Greeting)


def writing_request(place: Place, settings: C10Settings, order: CacheOrder) -> dict[str, object]:
    """Return what every request says that takes the companion's lock for an order."""
    return {
        "protocol": PROTOCOL,
        "run_id": order.run_id,
        "root": place.root,
        "content_key": order.content_key,
        "operator": carried(order.operator, at_most=MAX_OPERATOR),
        "replaces": order.replaces,
        "lock_wait_s": settings.lock_wait_s,
        "orphan_wait_s": ORPHAN_WAIT_S,
    }


def greet(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    order: CacheOrder,
    artefacts: Sequence[FileEntry] = (),
) -> Greeting:
    """Return what the agent answers. Raises ``NoAgentError``, ``NotReadyError`` or ``CompanionError``."""
    request: dict[str, object] = {
        "protocol": PROTOCOL,
        "run_id": order.run_id,
        "root": place.root,
        "content_key": order.content_key,
        "operator": carried(order.operator, at_most=MAX_OPERATOR),
        "lock_wait_s": 0.0 if order.dry_run else settings.lock_wait_s,
        "orphan_wait_s": 0.0 if order.dry_run else ORPHAN_WAIT_S,
        "end_if_verified": True,
        "only_look": order.dry_run,
        "artefacts": artefacts,
    }
    return _hello(conversation, request, settings, lambda report: order.dry_run or report.get("last") is True)


def greet_without_order(
    conversation: Conversation, place: Place, settings: C10Settings, context: RunContext
) -> Greeting:
    """Return what the agent answers where no cache is to be built, and have it end. Raises as ``greet``."""
    request: dict[str, object] = {"protocol": PROTOCOL, "run_id": context.run_id, "root": place.root}
    return _hello(conversation, request, settings, lambda _report: True)


def greet_to_stay(conversation: Conversation, place: Place, settings: C10Settings, run_id: str) -> Greeting:
    """Return what a process answers that is to stay for what follows: after the link broke, or for an order that is
    signed for it alone. Raises as ``greet``."""
    request: dict[str, object] = {"protocol": PROTOCOL, "run_id": run_id, "root": place.root}
    return _hello(conversation, request, settings, lambda _report: False)


def _hello(
    conversation: Conversation,
    request: dict[str, object],
    settings: C10Settings,
    last: Callable[[dict[str, Any]], bool],
) -> Greeting:
    return greeted(conversation, "hello", Greeting, request, settings, last)


def greeted(
    conversation: Conversation,
    verb: str,
    into: type[G],
    request: dict[str, object],
    settings: C10Settings,
    last: Callable[[dict[str, Any]], bool],
) -> G:
    """Return what the agent answers to ``hello``, or to a verb that tells the same and more. Raises as ``greet``."""
    own = {
        "mount_point": settings.mount_point,
        "required_files": settings.required_files,
        "allow_volatile_root": settings.allow_volatile_root,
        "companion_id": settings.companion_id,
    }
    asked = {**request, **own, "agent_sha256": agent_bundle().sha256}
    try:
        greeting = conversation.call(verb, asked, into, CompanionError, silence_s=_SILENCE_S, last=last)
    except AgentFailureError as error:
        raise CompanionError(f"the companion's agent could not answer: {error}") from None
    except NoAgentError as error:
        check_refused(str(error), "the companion's agent can't be asked")
        raise
    check_identity(greeting.companion_id, settings)
    return greeting


def greet_installing(
    session: CompanionSession,
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    order: CacheOrder,
    artefacts: Sequence[FileEntry] = (),
) -> Greeting | None:
    """Return what the agent answers, put there first if need be; None on a dry run where it isn't there."""
    bundle = agent_bundle()
    stderr = ""
    for installed in (False, True):
        try:
            greeting = greet(conversation, place, settings, order, artefacts)
            if greeting.agent_sha256 == bundle.sha256 or greeting.gated:
                # A gate's agent speaks our protocol, and is not ours to replace.
                return greeting
            conversation.close()
            stderr = "its file is not the one that belongs to this program"
        except NoAgentError as error:
            stderr = str(error)
        if order.dry_run:
            return None
        if not installed:
            install_agent(session, place, settings)
    raise CompanionError(f"the agent at {place.agent} does not run: {printable(stderr)}", hint=_INSTALL_HINT)


def state_of(greeting: Greeting, settings: C10Settings, order: CacheOrder, signer: Signer | None) -> CompanionState:
    """Return the companion's state. Raises ``NotReadyError`` or ``BuildLockHeldError``."""
    verified = greeting.verified
    up_to_date = verified is not None and verified.ok
    reasons = reasons_of(greeting, settings)
    if not up_to_date:
        reasons += space_reasons(greeting, settings, order.expected_bytes)
        reasons += [printable(reason) for reason in signing_reasons(greeting.signers, signer)]
    if reasons:
        raise NotReadyError(tuple(reasons))
    if greeting.busy is not None and not order.dry_run:
        holder = holder_text(greeting.busy)
        raise BuildLockHeldError(
            f"another build is running on the companion ({holder or 'it does not say whose'})", holder=holder
        )
    notes = notes_of(greeting, settings)
    if verified is not None and not verified.ok:
        notes.append(f"the companion's current cache is damaged and will be built anew: {printable(verified.problem)}")
    differs = printable(greeting.current.differs, at_most=300) if greeting.current is not None else ""
    if differs and not order.dry_run:
        notes.append(f"the companion's current cache has this flight's tiles, and is built anew: {differs}")
    missing = tuple(printable(seen, at_most=300) for seen in greeting.missing_files)
    if not order.dry_run:
        # What is to lie in the cache itself comes with it.
        notes += [f"not ready to fly yet: the required file {seen}" for seen in missing if seen.startswith("/")]
    facts = {"verified": printable(verified.how, at_most=32)} if up_to_date and verified is not None else {}
    facts |= {"differs": differs} if differs else {}
    return CompanionState(
        companion_id=printable(greeting.companion_id, at_most=64),
        agent_version=agent_version(greeting),
        generation=printable(greeting.current.name, at_most=64) if greeting.current else None,
        current=current_cache(greeting.current),
        up_to_date=up_to_date,
        verified_tiles=verified.tiles if verified is not None and verified.ok else 0,
        tiles_digest=verified.tiles_digest if verified is not None and verified.ok else None,
        damage=printable(verified.problem) or "damaged" if verified is not None and not verified.ok else "",
        free_bytes=greeting.free_bytes,
        missing_files=missing,
        notes=tuple(notes),
        facts=facts,
    )


def current_cache(current: CurrentGeneration | None) -> CurrentCache | None:
    """Return what the current generation says of itself, printable; None where there is none."""
    if current is None:
        return None
    gaps = current.gaps
    place = gaps.nearest if gaps is not None else None
    return CurrentCache(
        content_key=printable(current.content_key, at_most=64),
        flight_id=printable(current.flight_id, at_most=200),
        flight_name=printable(current.flight_name, at_most=200),
        operator=printable(current.operator, at_most=200),
        created_at=current.created_at,
        tiles=current.tiles,
        allow_gaps=current.allow_gaps,
        gaps=None
        if gaps is None
        else CacheGaps(
            missing=gaps.missing,
            by_zoom={printable(zoom, at_most=2): number for zoom, number in sorted(gaps.by_zoom.items())},
            nearest=None if place is None else GapPlace(**msgspec.structs.asdict(place)),
        ),
    )


def replaced_error(error: AgentFailureError) -> NotReadyError:
    """Return what an operator is told where another cache became current since this build was agreed to."""
    try:
        there = as_fields(error.details.get("current"), CurrentGeneration)
        whose = printable(f"flight {there.flight_id or 'not known'}, by {there.operator or 'an unknown operator'}")
    except ValueError:
        whose = "it does not say whose that is"
    return NotReadyError((f"{printable(error.message)} ({whose}); nothing was switched",), hint=_REPLACED_HINT)


def reasons_of(greeting: Greeting, settings: C10Settings) -> list[str]:
    """Return why this companion can't be built, whatever is to be built."""
    reasons = [printable(reason) for reason in greeting.reasons]
    if settings.machine and greeting.machine != settings.machine:
        seen = printable(greeting.machine, at_most=64) or "a machine that its agent does not name"
        reasons.append(f"the companion is {seen}, and c10.machine asks for {settings.machine}")
    return reasons


def notes_of(greeting: Greeting, settings: C10Settings) -> list[str]:
    """Return what is worth knowing and keeps nobody from building."""
    notes = [printable(note) for note in greeting.notes]
    if greeting.in_memory and settings.allow_volatile_root:
        notes.append(
            f"{printable(greeting.in_memory)}: it is lost when the companion is switched off"
            " (c10.allow_volatile_root allows it)"
        )
    if greeting.gated and greeting.agent_sha256 != agent_bundle().sha256:
        notes.append(f"the companion's agent {agent_version(greeting)} is not this program's own. {GATED_HINT}")
    skew_s = greeting.clock - time.time()
    if abs(skew_s) > _CLOCK_SKEW_S:
        notes.append(f"the companion's clock is {abs(skew_s):,.0f} s {'ahead of' if skew_s > 0 else 'behind'} this one")
    return notes


def agent_version(greeting: Greeting) -> str:
    """Return the agent's version and the beginning of its file's hash."""
    return f"{printable(greeting.agent, at_most=32)}+{printable(greeting.agent_sha256, at_most=64)[:12]}"


def space_reasons(greeting: Greeting, settings: C10Settings, expected_bytes: int | None) -> list[str]:
    """Return what room is lacking for so many bytes of pictures beside what must stay free."""
    reasons = []
    cache_bytes = int((expected_bytes or 0) * _OVERHEAD)
    needed_bytes = max(0, cache_bytes - greeting.staged_bytes) + settings.keep_free_bytes
    if greeting.free_bytes is not None and greeting.free_bytes < needed_bytes:
        reasons.append(
            f"too little space at {printable(greeting.root)}: {greeting.free_bytes / 1e6:,.1f} MB are free, "
            f"{needed_bytes / 1e6:,.1f} MB are needed ({settings.keep_free_bytes / 1e6:,.1f} MB of them stay free)"
        )
    if greeting.free_inodes is not None and greeting.free_inodes < MIN_FREE_INODES:
        reasons.append(f"too few free inodes at {printable(greeting.root)}: {greeting.free_inodes}")
    return reasons
