"""What an SSH server said, and what to do about it, the same words over both transports."""

from __future__ import annotations

FULL = "Exceeded MaxStartups"
"""What OpenSSH's server says, and then hangs up. Older ones, and Dropbear, hang up without a word."""
_PENALISED = "Not allowed at this time"

NO_SESSION_HINT = (
    "Look at MaxSessions in the companion's sshd_config: 0 lets nobody run anything. It may also be that ForceCommand,"
    " or what restricts the key in authorized_keys, allows something else alone."
)


def may_pass(said: str) -> bool:
    """Tell whether a server that hung up before it greeted, having said this, may let one in a little later."""
    return not said or FULL in said


def hung_up(where: str, said: str) -> tuple[str, str]:
    """Return the message and the hint for a server that hung up before it greeted, and what it said before that."""
    message = f"{where} hung up before it greeted{': ' if said else ', without a word'}{said}"
    if FULL in said:
        return message, (
            "Too many logins are under way there (MaxStartups): others log in at the same time, or something tries"
            " passwords. Run the same command again in a minute."
        )
    if _PENALISED in said:
        return message, (
            "Logins from this address failed too often (PerSourcePenalties). Wait a few minutes, and run the same"
            " command again."
        )
    if said:
        return (
            message,
            "Is it an SSH server that listens there? Look at host and port, and at its log on the companion.",
        )
    return message, (
        "It may have too many logins under way (MaxStartups), or let this computer not in: look at hosts.deny, the"
        " firewall and fail2ban on the companion, and at its log."
    )
