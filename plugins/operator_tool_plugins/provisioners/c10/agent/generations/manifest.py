"""The manifest of a generation, as far as the agent itself relies on it.

It comes twice: as the order, before anything is built, and as the final manifest, which is the order and the files that
the companion made of it. Each is read once; the bytes that were checked are the bytes that are parsed and kept.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..faults import AgentError
from ..layout import ARTEFACTS, DATABASE, MANIFEST, SIGNATURE, STAGES, Generation, read_small
from ..strict_json import parse_object
from .files import MAX_FILES, FileEntry, is_path_below

FORMAT = 2
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_TEXTS = ("content_key", "companion_id", "run_id", "tiles_digest", "nonce")
_NUMBERS = ("format", "seq", "tiles", "bytes")


class Manifest(NamedTuple):
    """The fields of a manifest that the agent itself relies on."""

    format: int
    content_key: str
    seq: int
    companion_id: str
    run_id: str
    tiles: int
    bytes: int
    tiles_digest: str
    nonce: str
    metadata: Dict[str, str]
    """The rows of MBTiles' table of that name."""
    artefacts: Tuple[FileEntry, ...]
    stages: Tuple[Tuple[str, str], ...]
    """The companion's own stages that are to run, in order: name and digest."""
    files: Tuple[FileEntry, ...]
    """What the companion made; empty in an order."""

    @property
    def all_files(self) -> Tuple[FileEntry, ...]:
        """Every file of the generation but the manifest and its signature."""
        return self.artefacts + self.files

    def listing(self, signed: Optional[bool]) -> Dict[str, Optional[int]]:
        """Return what must lie in the generation's folder, with its sizes where they are known.

        ``signed`` is whether a signature must lie there; None lets it be as it is.
        """
        wanted: Dict[str, Optional[int]] = {entry.path: entry.bytes for entry in self.all_files}
        wanted[MANIFEST] = None
        if signed:
            wanted[SIGNATURE] = None
        return wanted


def read_manifest(folder: str) -> Manifest:
    """Return what the manifest in ``folder`` says; raises ``verify`` when it can't be read as one."""
    return parse_manifest(read_manifest_bytes(folder))


def read_manifest_bytes(folder: str) -> bytes:
    """Return the manifest's bytes; raises ``verify`` when they can't be read."""
    try:
        return read_small(os.path.join(folder, MANIFEST))
    except OSError as error:
        raise AgentError("verify", "the manifest can't be read: %s" % error) from None


def parse_manifest(data: bytes) -> Manifest:
    """Return the fields of a manifest's bytes; raises ``verify`` when one is missing or of another type."""
    try:
        fields = parse_object(data)
        values = {name: fields[name] for name in _TEXTS + _NUMBERS}
        metadata, stages = fields["metadata"], fields["stages"]
        artefacts, files = fields["artefacts"], fields.get("files", [])
    except (ValueError, KeyError) as error:
        raise AgentError("verify", "the manifest can't be read: %s: %s" % (type(error).__name__, error)) from None
    for name, value in values.items():
        if type(value) is not (int if name in _NUMBERS else str):
            raise AgentError("verify", "the manifest's %s is %s" % (name, type(value).__name__))
    if values["format"] != FORMAT:
        raise AgentError("verify", "the manifest has format %s, this agent knows %d" % (values["format"], FORMAT))
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise AgentError("verify", "the manifest's metadata are not an object of texts")
    return Manifest(
        metadata=metadata,
        artefacts=_entries(artefacts, "artefacts", (ARTEFACTS + "/",)),
        stages=_stages(stages),
        files=_entries(files, "files", (DATABASE, STAGES + "/")),
        **values,
    )


def belongs(generation: Generation, manifest: Manifest) -> Optional[str]:
    """Return why the manifest can't be this generation's, None when it is."""
    if manifest.content_key[:12] != generation.key_prefix or manifest.seq != generation.seq:
        return "the manifest is another generation's"
    if not any(entry.path == DATABASE for entry in manifest.files):
        return "the manifest is an order, and no generation's"
    return None


def check_completes(final: bytes, order: bytes, files: List[FileEntry]) -> Manifest:
    """Return the final manifest's fields; raises ``request`` where it isn't the order with exactly these files."""
    manifest = parse_manifest(final)
    ordered, completed = parse_object(order), parse_object(final)
    completed.pop("files", None)
    ordered.pop("files", None)
    if ordered != completed:
        raise AgentError("request", "the final manifest is not what was ordered")
    if sorted(manifest.files) != sorted(files):
        raise AgentError("request", "the final manifest's files are not those that were made")
    return manifest


def _entries(said: object, name: str, places: Tuple[str, ...]) -> Tuple[FileEntry, ...]:
    if not isinstance(said, list) or len(said) > MAX_FILES:
        raise AgentError("verify", "the manifest's %s are not a list of files" % name)
    entries = []
    for item in said:
        if not isinstance(item, dict):
            raise AgentError("verify", "the manifest's %s are not a list of files" % name)
        path, sha256, size = item.get("path"), item.get("sha256"), item.get("bytes")
        if not isinstance(path, str) or not is_path_below(path) or not _lies_in(path, places):
            raise AgentError("verify", "the manifest's %s: %s is no name of one" % (name, ascii(path)[:200]))
        if not isinstance(sha256, str) or not _SHA256.match(sha256) or type(size) is not int or size < 0:
            raise AgentError("verify", "the manifest's %s: %s has no hash or size" % (name, path))
        entries.append(FileEntry(path, sha256, size))
    if len({entry.path for entry in entries}) != len(entries):
        raise AgentError("verify", "the manifest's %s name a file twice" % name)
    return tuple(entries)


def _lies_in(path: str, places: Tuple[str, ...]) -> bool:
    return any(path.startswith(place) if place.endswith("/") else path == place for place in places)


def _stages(said: object) -> Tuple[Tuple[str, str], ...]:
    if not isinstance(said, list) or len(said) > MAX_FILES:
        raise AgentError("verify", "the manifest's stages are not a list")
    stages = []
    for item in said:
        name, digest = (item.get("name"), item.get("digest")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(digest, str):
            raise AgentError("verify", "the manifest's stages are not a list of names and digests")
        stages.append((name, digest))
    return tuple(stages)
