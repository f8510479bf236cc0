"""Whether the current generation is what a build would bring and make; and the files that a flight needs beside it."""

from __future__ import annotations

import os
import stat
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from .call import Request
from .faults import AgentError
from .generations.files import FileEntry
from .generations.manifest import Manifest
from .layout import ARTEFACTS, STAGES, Generation, Layout
from .own_config import read_own
from .receiving.artefact_list import asked_artefacts, same_artefacts
from .stages.table import Stage, described, same_stages, stages_of

_MAX_FILES = 64
_IN_GENERATION = (ARTEFACTS + "/", STAGES + "/")


class Required(NamedTuple):
    """What the companion's own file and a request ask of a cache beside its tiles."""

    artefacts: Optional[Tuple[FileEntry, ...]]
    """None where the request does not speak of any."""

    stages: Optional[List[Stage]]
    """None where the table can't be relied on."""
    files: List[str]
    """That must be there before a flight."""
    reasons: List[str]
    """Why nothing can be built."""
    anywhere: FrozenSet[str]
    """Those of the files that may lie outside of the cache root."""

    def told(self) -> List[Dict[str, str]]:
        """Return the stages as ``hello`` tells of them."""
        return described(self.stages or [])


def read_required(layout: Layout, request: Request, *, gated: bool) -> Required:
    """Return what both the companion's own file and the request ask for.

    ``gated``: who asks is locked to the gate, and learns nothing of what lies outside of the cache root. The
    companion's own file may name what it likes.
    """
    reasons: List[str] = []
    stages: Optional[List[Stage]] = None
    artefacts = asked_artefacts(request)
    asked = request.paths("required_files")
    own: List[str] = []
    try:
        stages = stages_of(layout)
        own = _own_files(layout)
    except AgentError as error:
        reasons.append(error.message)
    anywhere = frozenset(own if gated else own + asked)
    return Required(artefacts, stages, list(dict.fromkeys(own + asked)), reasons, anywhere)


def why_not_as_asked(manifest: Manifest, required: Required) -> str:
    """Return why a build would not make this generation over again, its tiles apart; empty where it would."""
    if not same_artefacts(manifest, required.artefacts):
        return "it has other artefacts than are asked for"
    if required.stages is None or not same_stages(manifest, required.stages):
        return "it was made by other stages than the companion has"
    return ""


def missing_files(required: Required, layout: Layout, current: Optional[Generation]) -> List[str]:
    """Return the required files that can't be read or are empty, each with what was seen."""
    problems = ((path, _problem(path, required, layout, current)) for path in required.files)
    return ["%s %s" % (path, problem) for path, problem in problems if problem]


def _own_files(layout: Layout) -> List[str]:
    own = read_own(layout, "required_files")
    files = own.fields.get("required_files", [])
    if not isinstance(files, list) or len(files) > _MAX_FILES or not all(map(_is_name, files)):
        raise own.unreliable(
            "required_files",
            "required_files must be a list of at most %d paths: absolute, or below %s"
            % (_MAX_FILES, " or ".join(_IN_GENERATION)),
        )
    return files


def _is_name(path: object) -> bool:
    return isinstance(path, str) and "\0" not in path and (os.path.isabs(path) or _is_in_generation(path))


def _is_in_generation(path: str) -> bool:
    return path.startswith(_IN_GENERATION) and ".." not in path.split("/")


def _problem(path: str, required: Required, layout: Layout, current: Optional[Generation]) -> str:
    if os.path.isabs(path):
        whole = path
    elif not _is_in_generation(path):
        return "is neither an absolute path nor one below %s" % " or ".join(_IN_GENERATION)
    elif current is None:
        return "is missing: there is no current generation"
    else:
        whole = os.path.join(current.path, path)
    if path not in required.anywhere and not _is_below(whole, layout.root):
        return (
            "is not looked at: this login is locked to the gate, which shows nothing outside of the cache root; have"
            " the companion's keeper name it under required_files in companion.json"
        )
    return _seen(whole)


def _is_below(path: str, root: str) -> bool:
    """Tell whether a path lies below the root, as it is written and where it leads; else nothing of it is touched."""
    return all(os.path.commonpath([one(path), root]) == root for one in (os.path.normpath, os.path.realpath))


def _seen(path: str) -> str:
    """Return why a file can't be relied on. A link may lead anywhere, as whoever reads it follows it."""
    try:
        # Looked at before it is opened: a device can notice that, and a pipe or a port gives what it has just once.
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return "can't be read: %s" % error.strerror
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return "is not a regular file"
        return "" if _has_a_byte("/proc/self/fd/%d" % fd) else "is empty"
    except OSError as error:
        return "can't be read: %s" % error.strerror
    finally:
        os.close(fd)


def _has_a_byte(path: str) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return bool(os.read(fd, 1))
    finally:
        os.close(fd)
