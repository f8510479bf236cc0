"""The list of a cache's artefacts, as a request carries it."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from ..call import Request
from ..faults import AgentError
from ..generations.files import FileEntry
from ..generations.manifest import Manifest
from ..layout import ARTEFACTS

MAX_ARTEFACT_BYTES = 4 * 1024 * 1024 * 1024
_PATH = re.compile(ARTEFACTS + r"/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def asked_artefacts(request: Request) -> Optional[Tuple[FileEntry, ...]]:
    """Return the artefacts that a request lists, None where it doesn't speak of any."""
    records = request.records("artefacts")
    if records is None:
        return None
    entries = []
    for record in records:
        path, sha256, size = record.get("path"), record.get("sha256"), record.get("bytes")
        if not isinstance(path, str) or not _PATH.match(path) or not isinstance(sha256, str):
            raise AgentError("request", "artefacts: expected paths below %s, and hashes" % ARTEFACTS)
        if not _SHA256.match(sha256) or type(size) is not int or not 1 <= size <= MAX_ARTEFACT_BYTES:
            raise AgentError("request", "artefacts: %s has no hash or size that can be" % path)
        entries.append(FileEntry(path, sha256, size))
    if len({entry.path for entry in entries}) != len(entries):
        raise AgentError("request", "artefacts: one is listed twice")
    return tuple(entries)


def same_artefacts(manifest: Manifest, asked: Optional[Tuple[FileEntry, ...]]) -> bool:
    """Tell whether a generation has the artefacts that are asked for, and no others; None asks for nothing."""
    return asked is None or sorted(asked) == sorted(manifest.artefacts)
