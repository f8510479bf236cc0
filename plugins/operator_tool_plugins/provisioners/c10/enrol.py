"""``companion enrol-signer``: our key offered to a companion, and added there by the word of one that it knows."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Sequence
from typing import Annotated

import msgspec

from operator_tool.api import (
    BuildLockHeldError,
    CompanionError,
    ConfigError,
    EnrolledSigner,
    Meta,
    NotReadyError,
    RunContext,
    SignerEnrolment,
    SignerOffer,
    UsageError,
)

from .aside import no_agent
from .conversation import Conversation, NoAgentError
from .escaping import printable
from .fields import MAX_ITEMS, Text, Texts, Word
from .place import Place
from .prepare import ORPHAN_WAIT_S, Enrolled, Greeting, greet_to_stay, greet_without_order
from .report import AgentFailureError, holder_text
from .settings import C10Settings
from .signing import SETTING, Signer, signer_of
from .wire import PROTOCOL

_KEY_HINT = f"Set {SETTING} to an Ed25519 key that only signs: ssh-keygen -t ed25519 -f FILE makes one."
_SIGNED_BY = "--signed-by"
_NO_NAME = re.compile(r"[^A-Za-z0-9._@+-]+")
_MAX_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@+-]{{0,{_MAX_NAME - 1}}}")


class Enrolment(msgspec.Struct, frozen=True):
    """The report of ``enrol_signer``."""

    principal: Word
    fingerprint: Word
    signers: Annotated[list[Enrolled], Meta(max_length=MAX_ITEMS)]
    revoked: Texts
    written_to: Text


def offered_signer(
    conversation: Conversation, place: Place, settings: C10Settings, context: RunContext, name: str
) -> SignerOffer:
    """Return our key, and whom the companion takes already; the agent ends."""
    if name and not _NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: expected at most {_MAX_NAME} letters, digits and ._@+-")
    signer = _own(settings, context)
    try:
        greeting = greet_without_order(conversation, place, settings, context)
    except NoAgentError as error:
        raise no_agent(conversation.session, place, settings, context, error) from None
    if greeting.reasons:
        raise NotReadyError(tuple(printable(reason) for reason in greeting.reasons))
    return SignerOffer(
        principal=name or own_name(),
        fingerprint=signer.fingerprint,
        public_key=signer.public_key,
        enrolled=_shown(greeting.signers or []),
    )


def enrol_signer(
    conversation: Conversation,
    place: Place,
    settings: C10Settings,
    context: RunContext,
    offer: SignerOffer,
    *,
    replace: bool,
    signed_by: str,
) -> SignerEnrolment:
    """Have the key added: what orders it is good for the very process that is asked here."""
    orderer = _orderer(settings, context, signed_by) if offer.enrolled else None
    try:
        greeting = greet_to_stay(conversation, place, settings, context.run_id)
        taken = {one.fingerprint for one in greeting.signers or []}
        if replace and orderer is not None and offer.fingerprint in taken and orderer.fingerprint not in taken:
            # Replaced by an earlier command, whose report was lost: the old key's word counts no more, and needn't.
            enrolled = _shown(greeting.signers or [])
            return SignerEnrolment(principal=offer.principal, fingerprint=offer.fingerprint, enrolled=enrolled)
        request = _request(place, settings, context, offer, replace=replace)
        if orderer is not None:
            request |= _order(orderer, greeting, offer, replace=replace)
        done = conversation.call(
            "enrol_signer", request, Enrolment, CompanionError, silence_s=settings.silence_s, last=lambda _report: True
        )
    except AgentFailureError as error:
        raise _refused(error) from None
    except NoAgentError as error:
        raise no_agent(conversation.session, place, settings, context, error) from None
    known = {one.fingerprint for one in done.signers}
    if done.fingerprint != offer.fingerprint or offer.fingerprint not in known:
        raise CompanionError(
            f"the companion says that it enrolled {printable(done.fingerprint, at_most=64)}, and was asked for"
            f" {offer.fingerprint}"
        )
    return SignerEnrolment(
        principal=printable(done.principal, at_most=_MAX_NAME),
        fingerprint=offer.fingerprint,
        enrolled=_shown(done.signers),
        revoked=tuple(printable(one, at_most=64) for one in done.revoked),
        written_to=printable(done.written_to),
    )


def own_name() -> str:
    """Return ``user@workstation`` as a companion takes it for a signer's name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a process without an account
        user = "operator"
    return _NO_NAME.sub("-", f"{user}@{socket.gethostname()}").lstrip("._@+-")[:_MAX_NAME]


def _own(settings: C10Settings, context: RunContext) -> Signer:
    signer = signer_of(settings, context)
    if signer is None:
        raise ConfigError(f"there is no key to enrol: {SETTING} is not set", hint=_KEY_HINT)
    return signer


def _orderer(settings: C10Settings, context: RunContext, signed_by: str) -> Signer:
    if not signed_by:
        signer = _own(settings, context)
    else:
        from .signing.keys import signer_for

        signer = signer_for(signed_by, context, _SIGNED_BY)
    # Whoever is to be asked is asked before the agent waits.
    signer.make_ready()
    return signer


def _request(
    place: Place, settings: C10Settings, context: RunContext, offer: SignerOffer, *, replace: bool
) -> dict[str, object]:
    return {
        "protocol": PROTOCOL,
        "run_id": context.run_id,
        "root": place.root,
        "operator": own_name(),
        "lock_wait_s": settings.lock_wait_s,
        "orphan_wait_s": ORPHAN_WAIT_S,
        "principal": offer.principal,
        "public_key": offer.public_key,
        "replace": replace,
    }


def _order(signer: Signer, greeting: Greeting, offer: SignerOffer, *, replace: bool) -> dict[str, object]:
    from .signing.orders import signed_order

    return signed_order(
        signer,
        "enrol_signer",
        companion_id=greeting.companion_id,
        nonce=greeting.nonce,
        principal=offer.principal,
        public_key=offer.public_key,
        replace=replace,
    )


def _refused(error: AgentFailureError) -> CompanionError | NotReadyError | BuildLockHeldError:
    if error.code == "busy":
        holder = holder_text(error.details.get("holder"))
        return BuildLockHeldError(f"the companion is busy ({holder or 'it does not say with what'})", holder=holder)
    if error.code in ("armed", "signers"):
        return NotReadyError((error.message,))
    hint = "Have one who is enrolled order it: --signed-by FILE." if error.code == "signature" else None
    return CompanionError(f"the companion did not enrol the key: {error}", hint=hint)


def _shown(signers: Sequence[EnrolledSigner]) -> tuple[EnrolledSigner, ...]:
    return tuple(
        EnrolledSigner(
            principal=printable(one.principal, at_most=64), fingerprint=printable(one.fingerprint, at_most=64)
        )
        for one in signers
    )
