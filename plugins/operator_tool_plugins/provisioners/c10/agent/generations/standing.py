"""Where ``current`` leads and what the agent noted of it, put back where somebody else has changed them meanwhile."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from ..layout import Layout, is_plain_file, make_folder, read_small, remove, sync_folder, write_whole
from .state import NAME

_LINK = ".new-current"


class Standing(NamedTuple):
    """The link's target, and the bytes of the record; None where there is none."""

    target: Optional[str]
    record: Optional[bytes]


def standing(layout: Layout) -> Standing:
    """Return how things stand now."""
    record = os.path.join(layout.state, NAME)
    return Standing(_target(layout), read_small(record) if is_plain_file(record) else None)


def put_back(layout: Layout, before: Standing) -> None:
    """Have both stand as they stood; durably, and each whole or not at all."""
    if _target(layout) != before.target:
        _put_back_link(layout, before.target)
    now = standing(layout).record
    if now != before.record:
        record = os.path.join(layout.state, NAME)
        if os.path.lexists(record) and (before.record is None or now is None):
            remove(record)
        if before.record is not None:
            make_folder(layout.state)
            write_whole(record, before.record)


def _put_back_link(layout: Layout, target: Optional[str]) -> None:
    link = os.path.join(layout.root, _LINK)
    if os.path.lexists(link):
        remove(link)
    if os.path.lexists(layout.current_link) and (target is None or not os.path.islink(layout.current_link)):
        # A link can't be renamed over a folder, which only a stranger can have made there.
        remove(layout.current_link)
    if target is not None:
        os.symlink(target, link)
        os.replace(link, layout.current_link)
    sync_folder(layout.root)


def _target(layout: Layout) -> Optional[str]:
    try:
        return os.readlink(layout.current_link)
    except OSError:
        return None
