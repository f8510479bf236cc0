"""Whether a cache can be relied on where it is to lie: who may write there, what outlives a power-off, what it holds.

``hello`` tells it as reasons, before a byte is sent. Each verb that writes looks again at what may have changed.
"""

from __future__ import annotations

import os
import sys
from typing import List, NamedTuple

from .call import Call
from .faults import AgentError
from .identity import look_at_identity
from .in_memory import why_in_memory
from .layout import Layout, is_folder
from .mounts import Mounts, mount_number, read_mounts
from .owners import nearest_folder, why_folder_is_open, why_others_write
from .trial import Unfit, try_volume
from .volume import why_not_mounted

_ELSEWHERE = "choose another c10.cache_root"
_WITHOUT_LINKS = frozenset(("vfat", "msdos", "exfat"))
"""Told by its name where nothing may be written to try it."""


class Ground(NamedTuple):
    """What was found."""

    reasons: List[str]
    volume: str
    """The file system and where it is mounted; empty where that can't be told."""
    in_memory: str
    """Why the cache is gone with the power; empty where it isn't, or where that can't be told."""


def look_at_ground(call: Call, layout: Layout, key: str) -> Ground:
    """Look, and for a build also try; with ``only_look`` nothing is written."""
    request = call.request
    only_look = request.flag("only_look")
    mounts = read_mounts()
    reasons = not_writable(layout.root)
    unmounted = why_not_mounted(layout, request.text("mount_point", ""), gated=call.gated)
    reasons += [unmounted] if unmounted else []
    # Root may look after an account's cache; what it would build there the account could not go on with.
    building = not only_look and bool(key or call.verb == "status")
    reasons += why_others_write(layout, as_owner=building)
    reasons += why_strange(layout)
    agent_folder = os.path.dirname(os.path.realpath(sys.argv[0]))
    open_agent = why_folder_is_open(agent_folder) if os.path.isfile(sys.argv[0]) else ""
    reasons += ["the agent's own folder: " + open_agent] if open_agent else []
    in_memory = why_lost(layout, mounts) if mounts else ""
    if in_memory and not request.flag("allow_volatile_root"):
        reasons.append(
            "%s: it is lost when the companion is switched off; choose a c10.cache_root on a disk, or allow it with"
            " c10.allow_volatile_root=true" % in_memory
        )
    place = nearest_folder(layout.root)
    mount = mounts.of(place) if mounts else None
    volume = mount.told() if mount else ""
    if not reasons and mount is not None and mount.type in _WITHOUT_LINKS:
        reasons.append(_told(Unfit("hold symbolic links", "its file system has none", False), place, volume))
    if not reasons and building and request.text("companion_id", "") in ("", look_at_identity(layout).id):
        call.outlet.moved("trying the volume")
        unfit = try_volume(place)
        reasons += [_told(unfit, place, volume)] if unfit else []
    return Ground(reasons, volume, in_memory)


def check_ground(call: Call, layout: Layout) -> None:
    """Raise where the volume went away since the greeting, or where others may write by now."""
    unmounted = why_not_mounted(layout, call.request.text("mount_point", ""), gated=call.gated)
    if unmounted:
        raise AgentError("not_mounted", unmounted)
    reasons = why_others_write(layout, as_owner=False)
    if reasons:
        raise AgentError("not_ready", "; ".join(reasons))


def not_writable(root: str) -> List[str]:
    """Return why nothing can be written at ``root``, judged from what is there without writing."""
    if os.path.lexists(root) and not os.path.isdir(root):
        return ["the cache root %s is not a folder" % root]
    place = root
    while not os.path.isdir(place) and place != os.path.dirname(place):
        if os.path.lexists(place):
            return ["the cache root %s can't be made: %s is not a folder" % (root, place)]
        place = os.path.dirname(place)
    what = "the cache root" if place == root else "the cache root %s can't be made:" % root
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return ["%s %s is on a volume that is mounted read-only" % (what, place)]
    if not os.access(place, os.W_OK | os.X_OK):
        return ["%s %s is not writable for user id %d" % (what, place, os.geteuid())]
    return []


def why_lost(layout: Layout, mounts: Mounts) -> str:
    """Return what of a cache lies in memory; empty where all of it is there after the next start."""
    for path in (layout.root, layout.generations, layout.state):
        if path == layout.root or os.path.lexists(path):
            beneath = why_in_memory(os.path.realpath(nearest_folder(path)), mounts)
            if beneath:
                what = "the cache root %s" % path if path == layout.root else path
                return "%s lies in memory (%s)" % (what, beneath)
    return ""


def why_strange(layout: Layout) -> List[str]:
    """Return what lies in the place of one of the root's folders, or on another volume than it."""
    reasons = []
    number = mount_number(layout.root)
    for path in (layout.generations, layout.stagings, layout.state, layout.quarantine):
        if os.path.lexists(path) and not is_folder(path):
            reasons.append("%s is not a folder: move away what lies there, or %s" % (path, _ELSEWHERE))
        elif path != layout.state and number is not None and mount_number(path) not in (None, number):
            reasons.append(
                "%s is a volume of its own, and nothing can be renamed to it: unmount it, or %s" % (path, _ELSEWHERE)
            )
    if os.path.lexists(layout.current_link) and not os.path.islink(layout.current_link):
        reasons.append("%s is not a link: move it away, or %s" % (layout.current_link, _ELSEWHERE))
    return reasons


def _told(unfit: Unfit, place: str, volume: str) -> str:
    at = "the volume at %s%s" % (place, " (%s)" % volume if volume else "")
    if unfit.what == "":
        return "nothing can be written to %s: %s" % (at, unfit.why)
    cure = "check the disk" if unfit.disk else "format it as ext4 or f2fs"
    return "%s can't %s, which a build needs: %s; %s, or %s" % (at, unfit.what, unfit.why, cure, _ELSEWHERE)
