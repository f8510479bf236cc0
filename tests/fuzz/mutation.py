"""Changes to a valid mission, by its form: JSON keeps its grammar, XML its tags, an archive its list of members."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

SPLICES = (
    b"NaN", b"-Infinity", b"1e999", b"null", b"[]", b"{}", b"-", b"9" * 400, b'"', b"\\ud800", b"\n", b"\t", b"0",
    b"\xff", b"\x00", b"\xef\xbb\xbf", b"<", b">", b"&#0;", b"&amp;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b",", b";",
    b"#", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"<?xml version='1.0' encoding='utf-16'?>", b"180", b"-181", b"91",
    b"541",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 16, 82, 65_535, 65_536, 2**31, 10**99, 1e308, -1e308, 5e-324, 0.5, -0.0, 90,
    -90.000001, 180, -180, 181, -181, 540, 541, "", "NaN", "Plan", "survey", "\x1b[31m\u202e", "x" * 300, [], {}, [[]],
    [None] * 7, [0, 0, 0], [48.0, 11.0], [[48.0, 11.0]] * 4, [[11.0, 48.0], [11.1, 48.0], [11.0, 48.0]],
    {"type": "Point"},
)  # fmt: skip
MAX_BYTES = 65_536
"""What is larger is changed no further: doubling has no end."""
_TAGS = re.compile(rb"<[^<>]*>|[^<>]+")
_DEEPEST = 80


def mutated(data: bytes, chance: Random) -> bytes:
    """Return the data with one to four changes; half of the time such as a program with a fault could have made."""
    for _ in range(chance.randint(1, 4)):
        if len(data) > MAX_BYTES:
            break
        change = _change_of(data) if chance.random() < 0.7 else _bytes
        data = change(data, chance)
    return data


def _change_of(data: bytes) -> Callable[[bytes, Random], bytes]:
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if data.startswith(b"PK"):
        return _archive
    if start in (b"{", b"["):
        return _document
    return _tags if start == b"<" else _table


def _bytes(data: bytes, chance: Random) -> bytes:
    changed = bytearray(data)
    start = chance.randrange(len(changed) + 1)
    end = start + chance.choice((0, 0, 1, 1, 5, 40))
    changed[start:end] = chance.choice((b"", changed[start:end] * 2, chance.randbytes(1), chance.choice(SPLICES)))
    return bytes(changed)


def _document(data: bytes, chance: Random) -> bytes:
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, chance)
    holders = _holders(root)
    if not holders:
        return json.dumps(chance.choice(VALUES)).encode()
    holder = chance.choice(holders)
    key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    kind = chance.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other = chance.choice(holders)
        holder[key] = json.loads(json.dumps(other))
    elif kind == 2 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * chance.choice((1, 2, 40))
    elif kind == 3 and isinstance(holder, dict):
        names = [name for other in holders if isinstance(other, dict) for name in other]
        holder[chance.choice([*names, "x"])] = holder.pop(key)
    elif kind == 4 and isinstance(holder[key], int | float) and abs(holder[key]) < 10**15:
        holder[key] = chance.choice(
            (-holder[key], holder[key] * 2, holder[key] + 0.5, holder[key] + 1, str(holder[key]))
        )
    else:
        holder[key] = chance.choice(VALUES)
    return json.dumps(root, skipkeys=True).encode()


def _holders(root: Any) -> list[Any]:
    """Return every object and list that is not empty."""
    found: list[Any] = []
    waiting = [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list) and value and depth < _DEEPEST:
            found.append(value)
            waiting += [(child, depth + 1) for child in (value.values() if isinstance(value, dict) else value)]
    return found


def _tags(data: bytes, chance: Random) -> bytes:
    parts = _TAGS.findall(data)
    if not parts:
        return _bytes(data, chance)
    place = chance.randrange(len(parts))
    kind = chance.randrange(5)
    if kind == 0:
        del parts[place]
    elif kind == 1:
        end = chance.randrange(place, min(place + 12, len(parts))) + 1
        parts[place:place] = parts[place:end] * chance.choice((1, 1, 30))
    elif kind == 2:
        parts[place] = chance.choice(parts)
    elif kind == 3:
        parts[place] = _bytes(parts[place], chance)
    else:
        words = re.split(rb"([\s,\"'<>=/]+)", parts[place])
        words[chance.randrange(len(words))] = str(chance.choice(VALUES)).encode()[:200]
        parts[place] = b"".join(words)
    return b"".join(parts)


def _table(data: bytes, chance: Random) -> bytes:
    lines = data.split(b"\n")
    place = chance.randrange(len(lines))
    kind = chance.randrange(4)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines[place:place] = [lines[place]] * chance.choice((1, 2, 60))
    else:
        fields = re.split(rb"([\t,; ]+)", lines[place])
        field = str(chance.choice(VALUES)).encode()[:200] if kind == 2 else chance.choice(fields)
        fields[chance.randrange(len(fields))] = field
        lines[place] = b"".join(fields)
    return b"\n".join(lines)


def _archive(data: bytes, chance: Random) -> bytes:
    """Change a member, its name or how it is kept, and pack it all again."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < 1_000_000]
    except Exception:  # noqa: BLE001 - whatever zipfile makes of a broken archive, its bytes can be changed still
        return _bytes(data, chance)
    if not members:
        return _bytes(data, chance)
    place = chance.randrange(len(members))
    name, content = members[place]
    kind = chance.randrange(6)
    if kind == 0:
        names = ("doc.kml", "wpmz/template.kml", "wpmz/waylines.wpml", "../a.kml", "a/", "x" * 300 + ".kml", "\x1b.kml")
        members[place] = (chance.choice(names), content)
    elif kind == 1 and len(members) > 1:
        del members[place]
    else:
        members[place] = (name, mutated(content, chance))
    packed = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(packed, "w") as archive:  # a name may stand twice
        for member, body in members:
            info = zipfile.ZipInfo(member or "x")
            info.compress_type = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            archive.writestr(info, body)
    return packed.getvalue()
