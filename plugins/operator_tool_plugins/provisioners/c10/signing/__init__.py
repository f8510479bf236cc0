"""Signatures over what this side sends: who built a cache, and that nobody changed it since.

A signature is an SSHSIG by one Ed25519 key of the operator's: ``sshsig`` has its form, ``key_file`` and ``ssh_agent``
make it, ``orders`` has what is signed beside manifests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from operator_tool.api import EnrolledSigner, RunContext

from ..settings import C10Settings

SIGN_NAMESPACE = "c10-manifest@operator-tool"
ORDER_NAMESPACE = "c10-order@operator-tool"
SETTING = "c10.signing_key"


class Signer(Protocol):
    """A key that can sign."""

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it; known without any passphrase."""
        ...

    @property
    def public_key(self) -> str:
        """The two words of a ``.pub`` file."""
        ...

    def make_ready(self) -> None:
        """Have the key usable: the operator may be asked for its passphrase, once. Raises ``ConfigError``."""
        ...

    def sign(self, data: bytes, namespace: str) -> str:
        """Return an armored SSHSIG over ``data``; makes the key ready where it isn't. Raises ``ConfigError``."""
        ...


def signer_of(settings: C10Settings, context: RunContext) -> Signer | None:
    """Return the configured signer, None where nothing is to be signed. Raises ``ConfigError``."""
    if not settings.signing_key:
        return None
    # What is not signed needs none of this.
    from .keys import signer_for

    return signer_for(settings.signing_key, context)


def signing_reasons(enrolled: Sequence[EnrolledSigner] | None, signer: Signer | None) -> list[str]:
    """Return why a companion that takes only what these signed would not take ours; None: it takes anything."""
    if enrolled is None or (signer is not None and any(one.fingerprint == signer.fingerprint for one in enrolled)):
        return []
    known = ", ".join(f"{one.principal} {one.fingerprint}" for one in enrolled) or "nobody: all were revoked"
    if signer is None:
        return [f"this companion takes only signed caches: set {SETTING} (it knows {known})"]
    reason = f"the key {signer.fingerprint} of {SETTING} is not enrolled there (it knows {known})"
    return [f"{reason}: operator-tool companion enrol-signer has somebody who is add it"]
