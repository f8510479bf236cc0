"""One call of a plugin's: within its time, without the ways to end the process, and told as that plugin's failure.

This is what stands between a stranger's module or hook and the run. It is no fence against malice: the code runs in
this process, and what it does in C can't be caught. It makes of every accident one line with the plugin's name.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from operator_tool.api.errors import OperatorToolError, PluginError
from operator_tool.overdue import interrupted_after

from .blame import culprit, hint_for, is_the_operators, note_import, owner_of, words_of
from .discovery import load
from .endings import ENDINGS, Unending, kept_from_plugins
from .entry import PluginEntry
from .surroundings import put_back

_log = logging.getLogger(__name__)

CALL_S = 60.0
"""How long an import or a hook may take where nobody says otherwise."""
ANSWER_S = 600.0
"""How long a flight source may take to resolve, and a provider to describe itself: they may have to ask somebody."""
UNWIND_S = 5.0
"""What an interrupted call gets to come back, before the process is ended."""


def leave_the_end_to_the_parent() -> None:
    """Don't end this forked child where interrupting doesn't help: its parent waits for it, and tells how it ended."""
    global UNWIND_S
    UNWIND_S = threading.TIMEOUT_MAX / 2


@contextmanager
def called(entry: PluginEntry, what: str, *, limit_s: float | None = CALL_S) -> Iterator[None]:
    """Do in the block what runs a plugin's code; ``what`` names it, such as ``import`` or a hook.

    Raises ``PluginError`` for whatever it raises, but for what the tool recognises. In the main thread it may take
    ``limit_s``; where interrupting it doesn't help, the process ends with the code of a ``PluginError``.
    """
    try:
        with kept_from_plugins(), put_back(), _limited(entry.owner, what, limit_s):
            yield
    except OperatorToolError:
        raise
    except Unending as error:
        raise _failure(entry, what, error, f"did not come back within {limit_s:g} s") from error
    except (Exception, *ENDINGS) as error:
        if is_the_operators(error):
            raise
        raise _failure(entry, what, error, f"failed: {words_of(error)}") from error


@contextmanager
def answered(who: str, what: str, *, limit_s: float = ANSWER_S) -> Iterator[None]:
    """Do in the block what one method of what a plugin made does, which may raise whatever it wants.

    That passes unchanged, but for what would end the command, and for ``limit_s``, which is told as in ``called``.
    """
    try:
        with kept_from_plugins(), put_back(), _limited(who, what, limit_s):
            yield
    except Unending as error:
        raise PluginError(
            f"{_name(error, who)}: {what} did not come back within {limit_s:g} s", hint=_hint(error)
        ) from error
    except ENDINGS as error:
        if is_the_operators(error):
            raise
        raise PluginError(
            f"{_name(error, who)}: {what} tried to end operator-tool: {words_of(error)}", hint=_hint(error)
        ) from error


def let_close(made: object, close: Callable[[], object], what: str, *, limit_s: float = CALL_S) -> None:
    """Let what a plugin made free what it holds. That it can't is logged, and changes nothing about the outcome."""
    who = owner_of(made, what)
    try:
        with answered(who, "close", limit_s=limit_s):
            close()
    except PluginError as error:
        _log.warning("%s", error.message)
    except Exception as error:  # noqa: BLE001 - the run is over, and its report must be seen
        _log.warning("%s failed to close: %s", who, words_of(error))


def _name(error: BaseException, who: str) -> str:
    guilty = culprit(error)
    return who if guilty is None else guilty.owner


def _hint(error: BaseException) -> str | None:
    guilty = culprit(error)
    return None if guilty is None else hint_for(guilty)


def load_plugin(entry: PluginEntry, *, limit_s: float = CALL_S) -> object:
    """Import one plugin, and no other. Raises ``PluginError`` for whatever its import does."""
    note_import(entry)
    with called(entry, "import", limit_s=limit_s):
        return load(entry)


def _limited(who: str, what: str, limit_s: float | None) -> AbstractContextManager[None]:
    if limit_s is None or threading.current_thread() is not threading.main_thread():
        return nullcontext()
    return interrupted_after(
        limit_s,
        Unending,
        exit_code=PluginError.exit_code,
        last_words=lambda: f"error: {who}: {what} did not come back within {limit_s:g} s, and can't be stopped",
        unwind_s=UNWIND_S,
    )


def _failure(entry: PluginEntry, what: str, error: BaseException, how: str) -> PluginError:
    """Return the failure; where another plugin that wraps this one's hook raised it, that one's."""
    guilty = culprit(error) or entry
    if guilty.distribution == entry.distribution:
        guilty = entry
    around = "" if guilty is entry else f", called for {entry.owner}"
    return PluginError(
        f"{guilty.owner}: {what} {how}{around}",
        hint=f"Update or remove {guilty.distribution}, or select another {guilty.role}; "
        "operator-tool plugins check shows every plugin's state.",
    )
