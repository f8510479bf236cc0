"""Whether the account that navigates by the cache can get at it, where the companion's own file names that account."""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from .faults import AgentError
from .layout import DATABASE, Layout
from .own_config import OwnFile, read_own

KEY = "consumer"
_ACL = "system.posix_acl_access"
_ACL_VERSION = 2
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _NAMED_GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_READ, _ENTER = 4, 1
_MAX_ID = 2**32 - 2


class Reader(NamedTuple):
    """The account of whoever navigates."""

    name: str
    uid: int
    groups: FrozenSet[int]


def why_no_consumer_reads(layout: Layout) -> List[str]:
    """Return what keeps the named account from the current cache, or from where the next will lie.

    Empty where no account is named. A parent folder that it can't enter counts as well.
    """
    try:
        reader = _reader_of(layout)
    except AgentError as error:
        return [error.message]
    if reader is None:
        return []
    for path, right in _way_to_the_cache(layout):
        if not _may(reader, path, right):
            what, cure = ("enter", "o+x") if right == _ENTER else ("read", "o+r")
            return [
                "%s can't %s %s (mode %04o), and so not use the cache: chmod %s %s, or have the cache root elsewhere"
                % (reader.name, what, path, stat.S_IMODE(os.stat(path).st_mode), cure, path)
            ]
    return []


def _reader_of(layout: Layout) -> Optional[Reader]:
    """Return the account that the companion's own file names as the consumer's, None where it names none."""
    own = read_own(layout, KEY)
    named = own.fields.get(KEY)
    if named is None:
        return None
    if isinstance(named, str) and named and "\0" not in named:
        return _by_name(own, named)
    if type(named) is int and 0 <= named <= _MAX_ID:
        return _by_number(named)
    raise own.unreliable(KEY, "consumer must be an account's name or number")


def _by_name(own: OwnFile, name: str) -> Reader:
    # They take their time to import, and most companions name nobody.
    import pwd

    try:
        found = pwd.getpwnam(name)
    except (KeyError, UnicodeError):
        raise own.unreliable(
            KEY, "there is no account %s, which it names as the consumer" % ascii(name)[:100]
        ) from None
    return Reader(name, found.pw_uid, frozenset(os.getgrouplist(name, found.pw_gid)))


def _by_number(uid: int) -> Reader:
    import pwd

    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Reader("user id %d" % uid, uid, frozenset())
    return Reader(found.pw_name, uid, frozenset(os.getgrouplist(found.pw_name, found.pw_gid)))


def _way_to_the_cache(layout: Layout) -> Iterator[Tuple[str, int]]:
    """Yield what there is of the folders to the current generation, and its database, with the right that is needed."""
    current = layout.current()
    path = "/"
    for name in (current.path if current is not None else layout.generations).split("/"):
        path = os.path.join(path, name)
        if not os.path.isdir(path):
            return
        yield path, _ENTER
    database = os.path.join(path, DATABASE)
    if os.path.isfile(database):
        yield database, _READ


def _may(reader: Reader, path: str, right: int) -> bool:
    """Tell whether the account has a right, by owner, group and permissions, or by the access control list."""
    found = os.stat(path)
    if reader.uid in (0, found.st_uid):
        return reader.uid == 0 or bool(found.st_mode >> 6 & right)
    entries = _access_list(path)
    if entries is None:
        return bool(found.st_mode >> (3 if found.st_gid in reader.groups else 0) & right)
    mask = next((entry.rights for entry in entries if entry.tag == _MASK), 7)
    named = [entry.rights for entry in entries if entry.tag == _USER and entry.number == reader.uid]
    if named:
        return bool(named[0] & mask & right)
    groups = [
        entry.rights
        for entry in entries
        if (entry.tag == _GROUP and found.st_gid in reader.groups)
        or (entry.tag == _NAMED_GROUP and entry.number in reader.groups)
    ]
    if groups:
        return any(rights & mask & right for rights in groups)
    return any(entry.rights & right for entry in entries if entry.tag == _OTHER)


class _Entry(NamedTuple):
    tag: int
    rights: int
    number: int


def _access_list(path: str) -> Optional[List[_Entry]]:
    """Return the entries of a folder's access control list, None where it has none but its permissions."""
    try:
        data = os.getxattr(path, _ACL)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS):
            return None
        raise
    if len(data) < _HEAD.size or _HEAD.unpack_from(data)[0] != _ACL_VERSION:
        return None
    return [_Entry(*_ENTRY.unpack_from(data, at)) for at in range(_HEAD.size, len(data) - _ENTRY.size + 1, _ENTRY.size)]
