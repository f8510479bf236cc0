"""What went wrong while ssh connected, from what it says of it: its messages are all that it tells."""

from __future__ import annotations

from operator_tool.api import CompanionError

from .._secure_shell.algorithms import STRICT_CLIENT, STRICT_HINT, STRICT_SERVER, WEAK_HINT, not_strict
from .._secure_shell.waiting import HungUpFirstError
from .messages import Messages
from .resolve import Resolved

KEY_REFUSED = "Host key verification failed"
_LOGIN_REFUSED = "Permission denied"
_TOO_WEAK = "Unable to negotiate"
_LOGIN_FAILED = "Too many authentication failures"
_BOTH = 2
_NOT_FOR_LONG = ("Bad configuration option", "no such identity", "Bad owner or permissions")
"""What another attempt would meet again."""


def failure(problem: str, messages: Messages, resolved: Resolved) -> CompanionError:
    """Return the error for an ssh that did not become ready; ``problem`` is why it was not waited for any longer."""
    where = resolved.address
    own = " | ".join(messages.own)
    others = " | ".join(messages.others)
    if _TOO_WEAK in own:
        return CompanionError(
            f"{where} offers only algorithms that are too weak to use: {own}",
            hint=WEAK_HINT,
        )
    if _LOGIN_REFUSED in own or _LOGIN_FAILED in own:
        said = f"; it said: {others}" if others and not resolved.jump else ""
        return CompanionError(
            f"{where} refused user {resolved.user}: {own}{said}",
            hint="Add the public key to ~/.ssh/authorized_keys of that account on the companion, or set "
            "openssh.key_file. A key with a passphrase has to be in the agent: ssh-add.",
        )
    if resolved.jump and (KEY_REFUSED in others or _LOGIN_REFUSED in others):
        return CompanionError(
            f"the way to {where} over {resolved.jump} is closed: {others}",
            hint=f"Log in to the jump host once with ssh, which asks what there is to ask: ssh {_first(resolved.jump)}",
        )
    if messages.hung_up_first:
        # A jump host's own words, and ssh's, stand beside what the server said.
        said = " | ".join([*messages.said_first, *(messages.others if resolved.jump else ())])
        return HungUpFirstError(f"the companion at {where}{resolved.way}", said)
    why = messages.summary if not problem else f"{problem}{' after: ' if messages.summary else ''}{messages.summary}"
    return CompanionError(
        f"the companion at {where} can't be reached{resolved.way}: {why or 'ssh ended without saying why'}",
        retryable=not any(words in own or words in others for words in _NOT_FOR_LONG),
    )


def check_strict(messages: Messages, resolved: Resolved) -> None:
    """Raise ``CompanionError`` unless messages can't be dropped from the handshake unseen."""
    ours, theirs = messages.methods if len(messages.methods) == _BOTH else ([], [])
    if theirs and STRICT_SERVER not in theirs:
        raise CompanionError(not_strict(resolved.address), hint=STRICT_HINT)
    if STRICT_CLIENT not in ours and (not messages.ciphers or any("-gcm@" not in one for one in messages.ciphers)):
        raise CompanionError(
            f"this computer's ssh has no strict key exchange, so the link to {resolved.address} could be tampered with"
            " (CVE-2023-48795)",
            hint="Update OpenSSH here, to 9.6 or a later one of your system's, or use --transport ssh.",
        )


def _first(jump: str) -> str:
    return jump.split(",")[0]
