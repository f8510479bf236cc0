"""A login that is locked to the agent's gate: how its refusals are told from other failures."""

from __future__ import annotations

from operator_tool.api import CompanionError

from .escaping import printable

_REFUSED = "c10 gate: refused"
GATED_HINT = (
    "The login is locked to the agent's gate, which can't replace the agent: have the companion's administrator put it"
    " there, by operator-tool companion install with a login of their own."
)


def is_refusal(stderr: str) -> bool:
    """Tell whether the gate is what answered."""
    return any(line.startswith(_REFUSED) for line in stderr.splitlines())


def check_refused(stderr: str, what: str) -> None:
    """Raise ``CompanionError`` with the gate's own line where it refused ``what``."""
    for line in stderr.splitlines():
        if line.startswith(_REFUSED):
            raise CompanionError(f"{what}: {printable(line)}", hint=GATED_HINT)
