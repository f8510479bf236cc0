"""Signatures over what this side sends: who built a cache, and that nobody changed it since."""

from __future__ import annotations

from typing import Protocol

SIGN_NAMESPACE = "c10-manifest@operator-tool"


class Signer(Protocol):
    """A key that can sign."""

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        ...

    def sign(self, data: bytes, namespace: str) -> str:
        """Return an armored SSHSIG over ``data``."""
        ...
