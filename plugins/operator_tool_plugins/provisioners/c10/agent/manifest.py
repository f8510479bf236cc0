"""The manifest of a generation, as far as the agent itself relies on it."""

from __future__ import annotations

import json
import os
from typing import NamedTuple, Optional

from .faults import AgentError
from .layout import MANIFEST, Generation, read_small


class Manifest(NamedTuple):
    """The fields of a manifest that the agent itself relies on."""

    content_key: str
    seq: int
    companion_id: str
    run_id: str
    tiles: int
    bytes: int
    tiles_digest: str


def read_manifest(folder: str) -> Manifest:
    """Return what the manifest in ``folder`` says; raises ``verify`` when it can't be read as one."""
    try:
        return parse_manifest(read_small(os.path.join(folder, MANIFEST)))
    except OSError as error:
        raise AgentError("verify", "the manifest can't be read: %s" % error) from None


def parse_manifest(data: bytes) -> Manifest:
    """Return the fields of a manifest's bytes; raises ``verify`` when one is missing or of another type."""
    try:
        fields = json.loads(data.decode("utf-8"))
        values = [fields[name] for name in Manifest._fields]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AgentError("verify", "the manifest can't be read: %s" % error) from None
    for name, value in zip(Manifest._fields, values):  # noqa: B905 - strict= came with Python 3.10
        if type(value) is not (int if name in ("seq", "tiles", "bytes") else str):
            raise AgentError("verify", "the manifest's %s is %s" % (name, type(value).__name__))
    return Manifest(*values)


def belongs(generation: Generation, manifest: Manifest) -> Optional[str]:
    """Return why the manifest can't be this generation's, None when it is."""
    if manifest.content_key[:12] != generation.key_prefix or manifest.seq != generation.seq:
        return "the manifest is another generation's"
    return None
