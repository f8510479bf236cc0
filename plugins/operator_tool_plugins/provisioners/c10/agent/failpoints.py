"""Places at which a test build of the agent fails on purpose; in every other build they are one check.

A test build is a zipapp with one more file, ``armed.py``, which names the place. The agent that is installed has no
such file, and nothing that anybody could say to it or set for it stands in its stead.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import threading
from types import ModuleType
from typing import NamedTuple, Optional

_DISK = {"enospc": errno.ENOSPC, "eio": errno.EIO}


class Failpoint(NamedTuple):
    """One place, what was done when it is reached, and what was not begun yet."""

    name: str
    before: str
    after: str


FAILPOINTS = (
    Failpoint("receive.after_lock", "the lock is held", "the staging folder is opened"),
    Failpoint("receive.after_open", "the staging folder is open", "the first tile is taken in"),
    Failpoint("seed.after_copy", "a copy of the current database lies beside the empty one", "that one is removed"),
    Failpoint("seed.after_unlink", "the empty database is removed", "the copy has its name"),
    Failpoint("receive.before_commit", "tiles are in the open transaction", "they are committed"),
    Failpoint("receive.after_commit", "a batch is committed", "the workstation is told"),
    Failpoint("receive.after_seal", "every tile is committed", "the report says so"),
    Failpoint("artefacts.before_finish", "the last byte of a file came", "it has its name and is synced"),
    Failpoint("artefacts.after_file", "a file has its name", "the next one is taken in"),
    Failpoint("build.after_take_back", "the lock is held, the tiles lie in staging", "their database is completed"),
    Failpoint("build.after_complete", "the database has all its tables", "it is closed and synced"),
    Failpoint("build.after_verify", "every tile is verified, the database synced", "the stages run"),
    Failpoint("build.after_stages", "the stages have made their files", "the files are hashed and told"),
    Failpoint("publish.after_final", "the final manifest is checked", "the staging folder is changed"),
    Failpoint("publish.before_manifest", "staging will not be believed any more", "the manifest is written"),
    Failpoint("publish.after_manifest", "manifest and signature are synced", "the folder is renamed"),
    Failpoint("publish.after_rename", "the folder is a generation", "its name is synced"),
    Failpoint("publish.after_rename_synced", "the generation is durable", "the workstation is asked for its word"),
    Failpoint("publish.after_commit_word", "the word to switch came", "the vehicle is asked whether it is armed"),
    Failpoint("publish.after_intent", "what is about to become current is noted", "the link is made"),
    Failpoint("publish.after_link", "the new link lies beside current", "it is renamed over it"),
    Failpoint("publish.after_switch", "current is the new generation", "that is synced"),
    Failpoint("publish.after_switch_synced", "the switch is durable", "it is noted as done"),
    Failpoint("publish.after_done", "the switch is noted as done", "the cache is looked through as a consumer does"),
    Failpoint("publish.after_look_through", "the cache was read through current", "that it was verified is noted"),
    Failpoint("publish.after_audit", "the build stands in the audit log", "what nobody needs is removed"),
    Failpoint("gc.after_hidden", "what is to go is out of sight", "that is synced"),
    Failpoint("gc.after_going", "what is to go has no name that counts, durably", "its files are removed"),
    Failpoint("enrol.after_added", "the new signer is enrolled", "the old one is revoked"),
    Failpoint("enrol.after_revoked", "the old signer is revoked", "its line is taken out"),
    Failpoint("rollback.after_verify", "the older generation is verified", "it becomes current"),
    Failpoint("rollback.after_switch", "the older generation is current", "the audit log and the report say so"),
)


class _Armed:
    """What a test build's ``armed.py`` says."""

    def __init__(self, module: ModuleType) -> None:
        self._name = str(module.NAME)
        self._action = str(module.ACTION)
        self._marker = str(module.MARKER)
        self._left = int(module.NTH)
        self._once = bool(module.ONCE)
        self._lock = threading.Lock()

    def reached(self, name: str) -> None:
        """Act from the ``NTH`` hit on; with ``ONCE`` only where no process of this build did before."""
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left > 0 or (self._once and os.path.exists(self._marker)):
                return
        os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600))
        if self._action == "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        while self._action == "hang":
            threading.Event().wait(3600.0)
        number = _DISK.get(self._action)
        if number is not None:
            raise OSError(number, os.strerror(number))
        raise RuntimeError("failpoint " + name)


def _armed_here() -> Optional[_Armed]:
    try:
        # Before 3.10 a module of a zipapp learns of its package only after it was run.
        return _Armed(importlib.import_module(__name__.rpartition(".")[0] + ".armed"))
    except ImportError:
        return None


_armed = _armed_here()


def failpoint(name: str) -> None:
    """Fail here in a test build that was armed for this name; do nothing in any other."""
    if _armed is not None:
        _armed.reached(name)
