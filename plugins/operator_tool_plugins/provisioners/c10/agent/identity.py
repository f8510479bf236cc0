"""Who this companion is: an id of its own, noted at the first contact together with the machine that it is for."""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple

from .faults import AgentError
from .generations.state import read_checked, write_checked
from .layout import Layout
from .machine import NOTE, is_another, machine_facts, proposed_id

_ID = re.compile("[0-9a-f]{32}\\Z")


class Identity(NamedTuple):
    """This companion's id, and where it comes from."""

    id: str
    is_noted: bool
    """False before the first contact, and on a machine that another one's note was copied to."""
    copied_from: str = ""
    """The id that was noted on another machine; empty where none was."""
    problem: str = ""
    """Why the note can't be believed; empty where it can, or isn't there."""


def own_id(layout: Layout) -> str:
    """Return this companion's id. Raises ``state`` where its note can't be believed."""
    return _believed(layout).id


def look_at_identity(layout: Layout) -> Identity:
    """Return who this companion is; where its note can't be believed, who it would be without."""
    facts = machine_facts()
    proposed = proposed_id(facts, layout.root)
    path = os.path.join(layout.root, NOTE)
    try:
        noted = read_checked(path)
    except (FileNotFoundError, NotADirectoryError):
        return Identity(proposed, is_noted=False)
    except AgentError as error:
        why = "%s; remove %s, and the next build notes it again" % (error.message, path)
        return Identity(proposed, is_noted=False, problem=why)
    except OSError as error:
        why = "%s can't be read by user id %d: %s" % (path, os.geteuid(), error.strerror)
        return Identity(proposed, is_noted=False, problem=why + "; give it back to this account")
    own = noted.get("companion_id")
    if not isinstance(own, str) or not _ID.match(own):
        why = "%s holds no id; remove it, and the next build notes it again" % path
        return Identity(proposed, is_noted=False, problem=why)
    if is_another(noted, facts):
        return Identity(proposed, is_noted=False, copied_from=own)
    return Identity(own, is_noted=True)


def note_identity(layout: Layout) -> None:
    """Note durably who this companion is, where that isn't so yet; the folder ``state`` is there.

    Before anything that names the id is written. Raises ``state`` where there is a note that can't be believed.
    """
    found = _believed(layout)
    if not found.is_noted:
        fields = {"companion_id": found.id, **machine_facts()}
        write_checked(os.path.join(layout.root, NOTE), fields)


def identity_notes(found: Identity) -> List[str]:
    """Return what an operator should know of it."""
    if not found.copied_from:
        return []
    return [
        "this companion was copied from %s: it has an id of its own, and what was built for the other is built again"
        % found.copied_from
    ]


def _believed(layout: Layout) -> Identity:
    found = look_at_identity(layout)
    if found.problem:
        raise AgentError("state", "who this companion is can't be told: " + found.problem)
    return found
