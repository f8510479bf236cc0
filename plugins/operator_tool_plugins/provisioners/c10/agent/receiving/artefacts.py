"""``artefacts``: the files that belong to a cache beside its tiles; what is lacking is sent, from where it broke off.

They lie in the staging folder as the manifest will name them. What is still on its way has a name that its hash makes,
and is hashed again from its beginning when it is continued.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Callable, Dict, List, NamedTuple, Tuple

from ..cache_root import prepare_root
from ..call import Call
from ..failpoints import failpoint
from ..faults import AgentError, free_space
from ..generations.files import FileEntry, hash_file
from ..generations.manifest import read_manifest
from ..ground import check_ground
from ..guard import BuildLock, patience_of
from ..idle import Idle
from ..layout import ARTEFACTS, PRIVATE_MODE, Layout, is_folder, is_plain_file, make_folder, remove, sync_folder
from ..wire import FRAME_ARTEFACT, FRAME_PING, FRAME_SEAL
from .artefact_list import asked_artefacts
from .part_file import PartFile, copied, part_name
from .staging import take_back

MAX_ARTEFACT_FRAME_BYTES = 512 * 1024
_SAY_EVERY_S = 1.0
_PLACE = struct.Struct(">I")


def check_staged(call: Call, staging: str, artefacts: Tuple[FileEntry, ...]) -> None:
    """Leave the staging folder with these artefacts and no others; raises ``verify`` where one is not what was sent."""
    folder = os.path.join(staging, ARTEFACTS)
    if not artefacts:
        if os.path.lexists(folder):
            remove(folder)
        return
    _tidy(folder, artefacts, ())
    if is_folder(folder):
        # What went must not come back after a power cut: nothing may lie there that the manifest doesn't know.
        sync_folder(folder)
    for entry in artefacts:
        path = os.path.join(staging, entry.path)
        call.outlet.moved("hashing %s" % entry.path)
        if not _is_whole(path, entry, call.vehicle.look):
            if os.path.lexists(path):
                remove(path)
            raise AgentError("verify", "%s is missing, or not what was sent: the next run sends it again" % entry.path)


def run(call: Call) -> Dict[str, object]:
    """Take in what is lacking of the listed files; what came before an early end is kept."""
    request = call.request
    layout = Layout(request.text("root"))
    key = request.content_key()
    wanted = asked_artefacts(request) or ()
    check_ground(call, layout)
    call.vehicle.begin(layout)
    note: Dict[str, object] = {
        "operator": request.text("operator", ""),
        "run_id": request.text("run_id"),
        "pid": os.getpid(),
    }
    prepare_root(layout)
    with BuildLock(layout).acquire(patience_of(call, 5.0), note):
        call.vehicle.look()
        staging = layout.staging(key)
        take_back(layout, key)
        make_folder(staging, PRIVATE_MODE)
        make_folder(os.path.join(staging, ARTEFACTS))
        return Receiver(call, layout, staging, wanted).receive()


class _Lacking(NamedTuple):
    place: int
    """In the request's list."""
    entry: FileEntry
    part: PartFile


class Receiver:
    """Takes in one file after the other, in the order of the list."""

    def __init__(self, call: Call, layout: Layout, staging: str, wanted: Tuple[FileEntry, ...]) -> None:
        self._call = call
        self._layout = layout
        self._staging = staging
        self._folder = os.path.join(staging, ARTEFACTS)
        self._wanted = wanted
        self._held = _held(layout)
        self._copied_bytes = self._received_bytes = 0
        self._said_s = time.monotonic()

    def receive(self) -> Dict[str, object]:
        """Work until the seal and return the report's fields."""
        hashes = {entry.sha256 for entry in self._wanted}
        _tidy(self._folder, self._wanted, tuple(map(part_name, hashes)))
        lacking = self._lacking()
        try:
            self._check_space(sum(item.entry.bytes - item.part.size for item in lacking))
            self._call.outlet.event("wants", files=[[item.place, item.part.size] for item in lacking])
            self._take_all(lacking)
        finally:
            for item in lacking:
                item.part.close()
        for entry in self._wanted:
            # Of two files with the same bytes, one was sent.
            if not _is_there(self._path(entry), entry) and not self._copy(entry):
                raise AgentError("protocol", "sealed without %s" % entry.path)
        _tidy(self._folder, self._wanted, ())
        sync_folder(self._folder)
        sync_folder(self._staging)
        return {
            "files": len(self._wanted),
            "bytes": sum(entry.bytes for entry in self._wanted),
            "received_bytes": self._received_bytes,
            "copied_bytes": self._copied_bytes,
        }

    def _lacking(self) -> List[_Lacking]:
        """Return what must be sent, having copied what lies here already."""
        lacking: Dict[str, _Lacking] = {}
        for place, entry in enumerate(self._wanted):
            self._call.outlet.moved("looking for %s" % entry.path)
            look = self._call.vehicle.look
            if entry.sha256 in lacking or _is_whole(self._path(entry), entry, look) or self._copy(entry):
                continue
            lacking[entry.sha256] = _Lacking(place, entry, PartFile(self._folder, entry, look))
        return list(lacking.values())

    def _copy(self, entry: FileEntry) -> bool:
        """Copy the file from where the same bytes lie; tell whether they were anywhere."""
        ours = (self._path(other) for other in self._wanted if other.sha256 == entry.sha256 and other != entry)
        for source in [*self._held.get(entry.sha256, ()), *ours]:
            if _is_there(source, entry) and copied(source, self._folder, entry, self._call.vehicle.look):
                self._copied_bytes += entry.bytes
                return True
        return False

    def _take_all(self, lacking: List[_Lacking]) -> None:
        """Take in frames until the seal."""
        self._call.dead_man.disarm()
        self._call.outlet.moved("taking in artefacts")
        todo = iter(lacking)
        item = next(todo, None)
        idle = Idle(self._layout, self._call.inlet)
        while True:
            frame = self._call.inlet.frame(idle.look)
            if frame is None:
                raise AgentError("eof", "standard input ended before the seal; what came is kept")
            kind, payload = frame
            if kind == FRAME_SEAL:
                break
            if kind == FRAME_PING:
                continue
            if kind != FRAME_ARTEFACT or not _PLACE.size < len(payload) <= MAX_ARTEFACT_FRAME_BYTES + _PLACE.size:
                raise AgentError("protocol", "a frame of type %d, %d bytes, is none of a file" % (kind, len(payload)))
            if item is None or _PLACE.unpack_from(payload)[0] != item.place:
                raise AgentError("protocol", "a piece of a file came out of turn")
            # Armed meanwhile: what came so far is kept for later.
            self._call.vehicle.look()
            item.part.add(payload[_PLACE.size :])
            self._received_bytes += len(payload) - _PLACE.size
            self._tell(item)
            if item.part.is_complete:
                failpoint("artefacts.before_finish")
                item.part.finish(os.path.basename(item.entry.path))
                failpoint("artefacts.after_file")
                item = next(todo, None)
        self._call.dead_man.arm()
        if item is not None:
            raise AgentError("protocol", "sealed in the midst of %s" % item.entry.path)

    def _tell(self, item: _Lacking) -> None:
        now_s = time.monotonic()
        if item.part.is_complete or now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            self._call.outlet.event("artefact", place=item.place, bytes=item.part.size)

    def _check_space(self, needed_bytes: int) -> None:
        space = free_space(self._folder)
        free_bytes, needed_bytes = space.get("free_bytes"), needed_bytes + self._keep_free_bytes()
        if isinstance(free_bytes, int) and free_bytes < needed_bytes:
            text = "only %d bytes are free, and the artefacts with what must stay free need %d" % (
                free_bytes,
                needed_bytes,
            )
            raise AgentError("disk", text, {**space, "needed_bytes": needed_bytes})

    def _keep_free_bytes(self) -> int:
        return self._call.request.number("keep_free_bytes", 0)

    def _path(self, entry: FileEntry) -> str:
        return os.path.join(self._staging, entry.path)


def _held(layout: Layout) -> Dict[str, List[str]]:
    """Return where the current generation's artefacts lie, by their hash."""
    current = layout.current()
    held: Dict[str, List[str]] = {}
    if current is not None:
        try:
            manifest = read_manifest(current.path)
        except AgentError:
            return held
        for entry in manifest.artefacts:
            held.setdefault(entry.sha256, []).append(os.path.join(current.path, entry.path))
    return held


def _tidy(folder: str, wanted: Tuple[FileEntry, ...], also: Tuple[str, ...]) -> None:
    """Remove what is neither wanted nor ``also`` to stay."""
    if not is_folder(folder):
        return
    keep = {os.path.basename(entry.path) for entry in wanted}.union(also)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name not in keep or not is_plain_file(path):
            remove(path)


def _is_there(path: str, entry: FileEntry) -> bool:
    return is_plain_file(path) and os.lstat(path).st_size == entry.bytes


def _is_whole(path: str, entry: FileEntry, look: Callable[[], None]) -> bool:
    return _is_there(path, entry) and hash_file(path, lambda _bytes: look()) == entry.sha256
