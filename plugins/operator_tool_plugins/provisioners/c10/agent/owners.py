"""Who else may write where the cache lies: what is verified there must not be another account's to change."""

from __future__ import annotations

import os
import stat
from typing import Dict, List

from .layout import Layout

_ACCESS_LIST = "system.posix_acl_access"


def why_others_write(layout: Layout, *, as_owner: bool) -> List[str]:
    """Return each way in which another account may write to the cache root or put another one in its place.

    ``as_owner``: it must be the agent's own or root's. Root may look after the cache of an account, and not build it.
    """
    root = nearest_folder(layout.root)
    places = [root] if root == layout.root else []
    places += [path for path in (layout.generations, layout.stagings, layout.state) if os.path.isdir(path)]
    found = [_why(path, as_owner) for path in places]
    above = root if root != layout.root else os.path.dirname(root)
    while True:
        found.append(_why_above(above))
        if above == os.path.dirname(above):
            return [why for why in found if why]
        above = os.path.dirname(above)


def why_folder_is_open(path: str) -> str:
    """Return why others may put files into a folder; empty where they can't."""
    return _why(path, False)


def nearest_folder(path: str) -> str:
    """Return a folder, or the nearest one above it that is there."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _why(path: str, as_owner: bool) -> str:
    found = _found(path)
    open_to = _open_to(path, found)
    if open_to:
        return "%s may write to %s (mode %04o): chmod go-w it" % (open_to, path, stat.S_IMODE(found.st_mode))
    mine = os.geteuid()
    if found.st_uid not in (0, mine) and (mine or as_owner):
        return "%s belongs to user id %d, and this login is user id %d: build with that account, or chown it" % (
            path,
            found.st_uid,
            mine,
        )
    return ""


def _why_above(path: str) -> str:
    found = _found(path)
    open_to = "" if found.st_mode & stat.S_ISVTX else _open_to(path, found)
    if not open_to:
        return ""
    text = "%s may write to %s (mode %04o), and so replace the cache root below it: chmod go-w it, or choose another"
    return (text + " c10.cache_root") % (open_to, path, stat.S_IMODE(found.st_mode))


def _found(path: str) -> os.stat_result:
    return os.stat(path)


def _open_to(path: str, found: os.stat_result) -> str:
    """Return who beside root and the agent's own user may write to a folder; empty where no other may."""
    if found.st_mode & stat.S_IWOTH:
        return "every account"
    if found.st_mode & stat.S_IWGRP:
        try:
            os.getxattr(path, _ACCESS_LIST)
        except OSError:
            pass
        else:
            return "an account of its access list"
        if not _is_private(found.st_gid):
            return "the group %d" % found.st_gid
    return ""


def _is_private(group: int, known: Dict[int, bool] = {}) -> bool:  # noqa: B006 - asked once in a process
    """Tell whether no account but root and the agent's own is in a group, as in one that an account has to itself."""
    if group not in known:
        known[group] = _has_no_others(group)
    return known[group]


def _has_no_others(group: int) -> bool:
    # They take their time to import, and most folders are not open to a group.
    import grp
    import pwd

    mine = os.geteuid()
    try:
        members = set(grp.getgrgid(group).gr_mem)
        ours = {pwd.getpwuid(user).pw_name for user in {0, mine}}
    except KeyError:
        return group == os.getegid()
    others = [one.pw_uid for one in pwd.getpwall() if one.pw_gid == group and one.pw_uid not in (0, mine)]
    return not others and members <= ours
