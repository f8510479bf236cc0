"""A secret from the desktop's keyring, by the optional package of that name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

KEYRING_SERVICE = "operator-tool"
DEADLINE_S = 15.0


def ask_keyring(user: str, *, deadline_s: float = DEADLINE_S) -> tuple[str | None, str | None]:
    """Return the secret of that user of the service ``operator-tool``, and in one sentence why there is none.

    Never asks a keyring that keeps its secrets as plain text, or so that a file alone opens them.
    """
    answers: list[tuple[str | None, str | None]] = []
    # A keyring may wait for ever for a person to unlock it, and knows no deadline of its own.
    asking = threading.Thread(target=lambda: answers.append(_ask(user)), name="keyring", daemon=True)
    asking.start()
    asking.join(deadline_s)
    return answers[0] if answers else (None, f"the keyring did not answer within {deadline_s:g} s")


def _ask(user: str) -> tuple[str | None, str | None]:
    try:
        import keyring
    except ImportError:
        return None, "the package keyring is not installed, so no keyring was asked"
    asked = refused = False
    try:
        for backend in _members(keyring.get_keyring()):
            if _is_none(backend):
                continue
            if _is_plain(backend):
                refused = True
                continue
            asked = True
            secret = backend.get_password(KEYRING_SERVICE, user)
            if secret is not None:
                return str(secret), None
    except Exception as error:  # noqa: BLE001 - backends raise whatever their desktop service raises; text may tell
        return None, f"the keyring can't be used ({type(error).__name__}): it is locked, or there is no desktop session"
    if refused and not asked:
        return None, "the only keyring found keeps secrets as plain files, so it was not asked"
    if not asked:
        return None, "there is no keyring on this machine, so none was asked"
    return None, f"the keyring has no entry for service {KEYRING_SERVICE}, user {user}"


def _members(backend: Any) -> Iterator[Any]:
    """Go through a chain of keyrings one by one: the chain itself would ask the plain ones too."""
    if type(backend).__module__ == "keyring.backends.chainer":
        yield from backend.backends
    else:
        yield backend


def _is_none(backend: Any) -> bool:
    return type(backend).__module__ in {"keyring.backends.fail", "keyring.backends.null"}


def _is_plain(backend: Any) -> bool:
    kind = type(backend)
    return kind.__module__.split(".")[:2] == ["keyrings", "alt"] or "plaintext" in kind.__name__.lower()
