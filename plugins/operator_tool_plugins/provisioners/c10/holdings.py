"""What ``status`` tells beside the greeting: the generations, what was begun and put aside, and what was done."""

from __future__ import annotations

from typing import Annotated

import msgspec

from operator_tool.api import CompanionHoldings, EnrolledSigner, KeptGeneration, Meta

from .escaping import printable
from .fields import MAX_ITEMS, Count, Seq, Text, Texts, Word
from .prepare import Greeting

_MAX_FIELDS = 40
_MAX_EVENTS = 100
_Sizes = Annotated[dict[Text, Count], Meta(max_length=MAX_ITEMS)]


class _Held(msgspec.Struct, frozen=True):
    name: Word
    seq: Seq
    bytes: Count
    kept_for: Texts
    problem: Text = ""
    flight_id: Text = ""
    run_id: Text = ""
    created_by: Text = ""


class StatusGreeting(Greeting, frozen=True, kw_only=True):
    """The report of ``status``: that of ``hello``, and more."""

    generations: Annotated[list[_Held], Meta(max_length=MAX_ITEMS)]
    stagings: _Sizes
    quarantine: _Sizes
    audit: Annotated[list[dict[Word, object]], Meta(max_length=_MAX_EVENTS)]


def holdings_of(greeting: StatusGreeting) -> CompanionHoldings:
    """Return what lies there, printable."""
    return CompanionHoldings(
        generations=tuple(_generation(one) for one in greeting.generations),
        stagings={printable(key, at_most=64): size for key, size in greeting.stagings.items()},
        quarantine={printable(name, at_most=64): size for name, size in greeting.quarantine.items()},
        signers=tuple(
            EnrolledSigner(
                principal=printable(one.principal, at_most=64), fingerprint=printable(one.fingerprint, at_most=64)
            )
            for one in greeting.signers or ()
        ),
        audit=tuple(_event(event) for event in greeting.audit),
    )


def _generation(one: _Held) -> KeptGeneration:
    return KeptGeneration(
        name=printable(one.name, at_most=64),
        seq=one.seq,
        bytes=one.bytes,
        kept_for=tuple(printable(why, at_most=100) for why in one.kept_for),
        flight_id=printable(one.flight_id, at_most=100),
        run_id=printable(one.run_id, at_most=64),
        created_by=printable(one.created_by, at_most=100),
        problem=printable(one.problem),
    )


def _event(event: dict[str, object]) -> dict[str, str]:
    fields = list(event.items())[:_MAX_FIELDS]
    return {printable(name, at_most=64): printable(_text(value), at_most=300) for name, value in fields}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
