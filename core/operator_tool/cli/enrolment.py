"""The enrolment of one companion: its host key is shown, compared by whoever can, and only then pinned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import cast

import msgspec

from operator_tool.api.companion import HostKeyOffer
from operator_tool.api.errors import CompanionError, UsageError
from operator_tool.api.roles import EnrollableTransport
from operator_tool.places import Places
from operator_tool.plugin_host.protocols import meets

from .asking import ask_line, at_a_terminal
from .companion_outcome import CompanionOutcome, PinnedKey, harmless
from .companion_run import ReachedCompanion
from .exits import say

_FILES = {
    "ssh-ed25519": "ssh_host_ed25519_key.pub",
    "ssh-rsa": "ssh_host_rsa_key.pub",
    "ecdsa": "ssh_host_ecdsa_key.pub",
}
_THE_WORD = "replace"


class Enrolment:
    """Enrols companions, one after the other; ``fingerprint`` is what the operator knows beforehand, if anything."""

    def __init__(self, places: Places, *, fingerprint: str | None, replace: bool) -> None:
        self._places = places
        self._fingerprint = fingerprint
        self._replace = replace

    def enrol(self, companion: ReachedCompanion) -> CompanionOutcome:
        """Pin the companion's host key once it is confirmed. Raises ``CompanionError`` where it isn't, and
        ``UsageError`` for a transport that knows no host keys."""
        if companion.simulation:
            raise UsageError(
                f"the companion is simulated ({companion.simulation}): there is nothing to enrol",
                hint="A drone's host key is enrolled over the way that reaches it: give --transport ssh or openssh.",
            )
        if not meets(companion.transport, EnrollableTransport):
            raise UsageError(
                f"the transport {companion.chosen.transport} has no host keys: there is nothing to enrol",
                hint="Enrolment is for transports over SSH: give --transport ssh or openssh.",
            )
        transport = cast("EnrollableTransport", companion.transport)
        offer = transport.offered_key()
        self._refuse(offer)
        if offer.fingerprint in offer.pinned:
            return _outcome(companion, offer, "")
        if self._fingerprint is None:
            self._ask(companion, offer)
        elif offer.pinned and not self._replace:
            raise CompanionError(
                f"HOST KEY CHANGED: {offer.label} shows {_key(offer)}, pinned is {', '.join(offer.pinned)}; nothing "
                "was written",
                hint="Find out why it changed. If the companion was given a new key, add --replace.",
            )
        self._places.make(self._places.trust_dir)
        return _outcome(companion, offer, transport.pin(offer))

    def _refuse(self, offer: HostKeyOffer) -> None:
        """Raise for a key that can't be the right one, whatever anybody would answer."""
        if offer.revoked:
            raise CompanionError(
                f"the host key of {offer.label} is revoked: {_key(offer)}; nothing was written",
                hint="Don't connect to this companion until it has a new host key.",
            )
        if self._fingerprint is not None and self._fingerprint != offer.fingerprint:
            raise CompanionError(
                f"the host key of {offer.label} is not the one of --fingerprint: it shows {_key(offer)}, expected is "
                f"{self._fingerprint}; nothing was written",
                hint="Somebody may be in between, or the fingerprint is of another of the companion's keys.",
            )

    def _ask(self, companion: ReachedCompanion, offer: HostKeyOffer) -> None:
        """Have the operator confirm the key. Raises ``CompanionError`` where he doesn't, or where there is nobody."""
        changed = bool(offer.pinned)
        compare = f"ssh-keygen -lf /etc/ssh/{_file_of(offer.type)}"
        if not at_a_terminal():
            raise CompanionError(
                f"{'HOST KEY CHANGED: ' if changed else ''}{offer.label} shows the host key {_key(offer)}"
                f"{', pinned is ' + ', '.join(offer.pinned) if changed else ''}; nobody can be asked whether it is "
                "the right one, so nothing was written",
                hint=f"Compare it with what `{compare}` says at the companion, and give it with --fingerprint"
                f"{' and --replace' if changed else ''}.",
            )
        _tell(_question(offer, compare))
        if changed:
            confirmed = ask_line(companion.context, f"Type the word {_THE_WORD} to pin the new key instead: ")
            agreed = confirmed == _THE_WORD
        else:
            confirmed = ask_line(companion.context, "Is this the companion's own fingerprint? [y/N] ")
            agreed = confirmed.lower() in ("y", "yes")
        if not agreed:
            raise CompanionError(
                f"the host key of {offer.label} was not confirmed; nothing was written",
                hint="Enrol it again when the fingerprint was compared.",
            )


def _question(offer: HostKeyOffer, compare: str) -> Iterable[str]:
    if offer.pinned:
        yield f"HOST KEY CHANGED: {offer.label} shows another key than the one that is pinned."
        yield "Somebody may be in between. Go on only if you know why the companion has a new key."
        yield from (f"  pinned   {fingerprint}" for fingerprint in offer.pinned)
        yield f"  now      {offer.fingerprint} ({offer.type})"
    else:
        yield f"{offer.label} shows a host key that is not known yet:"
        yield f"  {offer.fingerprint} ({offer.type})"
    yield f"Compare it with what this says at the companion's own console: {compare}"


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        say(harmless(line), err=True)
    sys.stderr.flush()


def _outcome(companion: ReachedCompanion, offer: HostKeyOffer, written_to: str) -> CompanionOutcome:
    key = PinnedKey(
        label=offer.label,
        type=offer.type,
        fingerprint=offer.fingerprint,
        pinned_before=offer.pinned,
        written_to=written_to,
    )
    return msgspec.structs.replace(companion.outcome, host_key=key)


def _file_of(key_type: str) -> str:
    """Return the file that a companion keeps such a key in, usually."""
    return next((name for start, name in _FILES.items() if key_type.startswith(start)), "ssh_host_*_key.pub")


def _key(offer: HostKeyOffer) -> str:
    return f"{offer.type} {offer.fingerprint}"
