"""Errors of the recording, raised once more."""

from __future__ import annotations

from operator_tool import api
from operator_tool.api import CompanionError, LinkError, LinkStalledError, OperatorToolError, escape_controls
from operator_tool_plugins._recording import Fault

_OF_A_LINK: dict[str, type[LinkError]] = {"LinkError": LinkError, "LinkStalledError": LinkStalledError}
_WITH_MORE = ("NotReadyError", "BuildLockHeldError")
"""Their message is made of what they carry; no transport raises them."""


def raised_again(fault: Fault) -> LinkError:
    """Return the error that a program's run, or a file, ended with."""
    kind = _OF_A_LINK.get(fault.type, LinkError)
    return kind(_shown(fault.message), hint=_shown(fault.hint), retryable=fault.retryable)


def not_connected_again(fault: Fault) -> OperatorToolError:
    """Return the error that there was in place of a session."""
    kind = getattr(api, fault.type, None)
    if not (isinstance(kind, type) and issubclass(kind, OperatorToolError)) or fault.type in _WITH_MORE:
        kind = CompanionError
    return kind(_shown(fault.message), hint=_shown(fault.hint), retryable=fault.retryable)


def _shown(text: str) -> str:
    """Anybody can have written the file."""
    return escape_controls(text, keep="\n")
