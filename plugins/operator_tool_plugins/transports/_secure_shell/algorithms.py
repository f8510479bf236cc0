"""The one table of what is strong enough: both transports over SSH accept the same servers by it."""

from __future__ import annotations

from collections.abc import Collection

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
"""AES-GCM first: it is the fastest. Messages can be cut out of the others unseen unless keys are exchanged strictly."""
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
KEY_EXCHANGES_FIRST = ("curve25519-sha256", "curve25519-sha256@libssh.org")
KEY_EXCHANGES = (
    *KEY_EXCHANGES_FIRST,
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
"""The hybrid ones take longer. None has SHA-1."""
HOST_KEYS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The signatures of each type of host key."""
_STRONG = {*CIPHERS, *MACS, *KEY_EXCHANGES, *(name for names in HOST_KEYS.values() for name in names)}

WEAK_HINT = "Update the companion's SSH server: SHA-1, CBC and MD5 are not used."
STRICT_HINT = "Update the companion's SSH server."
STRICT_SERVER = "kex-strict-s-v00@openssh.com"
STRICT_CLIENT = "kex-strict-c-v00@openssh.com"


def not_strict(where: str) -> str:
    """Return the words for a server without strict key exchange."""
    return f"{where} does not offer strict key exchange, so the link could be tampered with (CVE-2023-48795)"


def strong_among(names: Collection[str]) -> list[str]:
    """Return those that are strong enough, whichever transport has them."""
    return [name for name in names if name in _STRONG]
