"""The calls in what ``strace -f -y -xx -o FILE`` writes, each where it ended, with the place where it began."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_BEGUN = re.compile(r"(\w+)\((.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_RESULT = re.compile(r"(.*)\) += (-?\w+)(?:<((?:\\x[0-9a-f]{2})*)>)?(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_NEVER = re.compile(r"\) += \?")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?\Z')
_DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)(?:<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?)?\Z")
_TOKEN = re.compile(r'"[^"]*"|=>|[][(){}<>,]')
_OPEN, _CLOSE = "([{<", ")]}>"


class Call(msgspec.Struct, frozen=True):
    """One call that returned."""

    thread: int
    name: str
    arguments: tuple[str, ...]
    result: int
    path: str
    """Of the descriptor that it returned."""
    began: int
    """How many calls of all threads had returned when it began."""


class Begun(msgspec.Struct, frozen=True):
    """A call that began; it is told again when it returns."""

    thread: int
    name: str
    arguments: tuple[str, ...]


class Descriptor(msgspec.Struct, frozen=True):
    """A file descriptor, and what it stood for at the call."""

    number: int
    path: str
    is_deleted: bool


def calls_of(lines: Iterable[str], about: Sequence[str]) -> Iterator[Begun | Call]:
    """Yield each call twice: where it began, and, if it did, where it returned.

    Lines that have none of the words ``about`` in them, as ``hexed`` spells them, are passed over.
    """
    open_calls: dict[int, tuple[str, str, int]] = {}
    returned = 0
    for line in lines:
        matched = _LINE.match(line.rstrip("\n"))
        if matched is None:
            raise ValueError(f"strace wrote a line that is none of a thread: {line[:200]!r}")
        thread, text = int(matched[1]), matched[2]
        if resumed := _RESUMED.match(text):
            if thread not in open_calls:
                continue
            name, begun, began = open_calls.pop(thread)
            rest = begun + resumed[2]
        else:
            if text.startswith(("---", "+++")) or not any(word in text for word in about):
                continue
            if (first := _BEGUN.match(text)) is None:
                raise ValueError(f"strace wrote a line that is no call: {line[:200]!r}")
            name, rest, began = first[1], first[2], returned
            if rest.endswith(_UNFINISHED):
                begun = rest.removesuffix(_UNFINISHED)
                open_calls[thread] = (name, begun, began)
                yield Begun(thread, name, arguments_of(begun))
                continue
            yield Begun(thread, name, arguments_of(rest))
        if _NEVER.search(rest):
            continue
        done = _RESULT.match(rest)
        if done is None:
            raise ValueError(f"strace wrote a call without its result: {line[:200]!r}")
        returned += 1
        result = -1 if done[2].startswith("-") else int(done[2], 0)
        yield Call(thread, name, arguments_of(done[1]), result, _unhexed(done[3] or "").decode(), began)


def arguments_of(text: str) -> tuple[str, ...]:
    """Return the arguments of a call, as they stand there."""
    found, depth, start, end = [], 0, 0, len(text)
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            if depth == 0:
                end = token.start()
                break
            depth -= 1
        elif sign == "," and depth == 0:
            found.append(text[start : token.start()].strip())
            start = token.end()
    return (*found, text[start:end].strip())


def hexed(word: bytes) -> str:
    """Return a word as ``-xx`` has it printed."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def string_of(argument: str) -> bytes:
    """Return the bytes of a quoted argument."""
    matched = _STRING.match(argument)
    if matched is None or matched[2]:
        raise ValueError(f"no whole string: {argument[:200]}")
    return _unhexed(matched[1])


def descriptor_of(argument: str) -> Descriptor:
    """Return what an argument says of a file descriptor."""
    matched = _DESCRIPTOR.match(argument)
    if matched is None:
        raise ValueError(f"no descriptor: {argument[:200]}")
    number = -100 if matched[1] == "AT_FDCWD" else int(matched[1])
    return Descriptor(number, _unhexed(matched[2] or "").decode(), bool(matched[3]))


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
