"""The redactor: it knows every secret of this process, and lets none of them out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from operator_tool.api import Secret

from .decoding import hides_one
from .forms import MIN_SECRET_LENGTH, base64_forms, pieces_of, plain_forms

COVER = "***"
_LINES_REMEMBERED = 16
LINE_WITHHELD = "[line withheld: it held a secret]"

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_=-]*")


class Known:
    """What is to be looked for; never changed once it is made, so that it is read without a lock."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = frozenset(secrets)
        pieces = {piece for secret in self.secrets for piece in pieces_of(secret)}
        self.needles = tuple(sorted(pieces | {piece[::-1] for piece in pieces}))
        base64 = {form for piece in pieces for form in base64_forms(piece)}
        plain = {form for piece in pieces for form in plain_forms(piece)}
        self.forms = tuple((form, form in base64) for form in sorted(plain | base64, key=len))
        self.reach = 2 * max((len(form) for form, _ in self.forms), default=0)
        """How many characters of earlier lines a secret may begin in."""

    def covered(self, line: str) -> str:
        spans = [span for form, in_base64 in self.forms if form in line for span in _spans(line, form, in_base64)]
        if not spans:
            return line
        spans.sort()
        shown, begin, end = [], *spans[0]
        shown.append(line[:begin])
        for next_begin, next_end in spans[1:]:
            # Overlapping and touching spans are one, so that no rest of a longer secret stays between two covers.
            if next_begin > end:
                shown += [COVER, line[end:next_begin]]
            end = max(end, next_end)
        return "".join([*shown, COVER, line[end:]])

    def line(self, line: str) -> str:
        shown = self.covered(line)
        return LINE_WITHHELD if hides_one(shown, self.needles) else shown

    def is_in(self, text: str) -> bool:
        return any(form in text for form, _ in self.forms) or hides_one(text, self.needles)

    def is_split_over(self, lines: list[str]) -> bool:
        """Tell whether a secret is in the lines when they are joined: as they are, unindented, or as wrapped words."""
        words = [line.strip() for line in lines]
        return any(map(self.is_in, {"".join(lines), "".join(words), " ".join(words)}))

    def may_begin_at_end_of(self, line: str) -> bool:
        tail = line.rstrip()[-self.reach :]
        return any(form.startswith(tail[at:]) for form, _ in self.forms for at in _places(tail, form[:4]))

    def begun_at_end_of(self, text: str) -> int:
        """Return how many characters at the text's end may be the begin of a secret, down to a single one."""
        longest = 0
        for form, _ in self.forms:
            tail = text[-len(form) :]
            at = next((at for at in _places(tail, form[0]) if form.startswith(tail[at:])), len(tail))
            longest = max(longest, len(tail) - at)
        return longest

    def withhold_split(self, lines: list[str], begin: int) -> None:
        """Among redacted lines, withhold those over which a secret is split that ends at line ``begin`` or later."""
        for last in range(max(begin, 1), len(lines)):
            first, length = last, 0
            while first > 0 and length < self.reach and lines[first - 1] != LINE_WITHHELD:
                first -= 1
                length += len(lines[first])
            if first == last or not self.is_split_over([lines[first][-self.reach :], *lines[first + 1 : last + 1]]):
                continue
            while first + 1 < last and self.is_split_over(lines[first + 1 : last + 1]):
                first += 1
            lines[first : last + 1] = [LINE_WITHHELD] * (last + 1 - first)


def _places(text: str, wanted: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _spans(line: str, form: str, in_base64: bool) -> Iterator[tuple[int, int]]:
    for at in _places(line, form):
        begin, end = at, at + len(form)
        if in_base64:
            # The characters on either side hold bits of the secret's first and last bytes.
            reversed_run = _BASE64_RUN.match(line[:begin][::-1])
            run = _BASE64_RUN.match(line, end)
            begin -= reversed_run.end() if reversed_run else 0
            end = run.end() if run else end
        yield begin, end


class Redactor:
    """Covers or withholds the secrets that were added, in every form of theirs; any thread may call it.

    Known forms are covered by ``***``. Where a secret comes to light only by decoding, the whole line is withheld.
    A secret stays known for ever: after a token is rotated, the old one is still nobody's business.
    """

    def __init__(self) -> None:
        self._known = Known(())
        self._adding = threading.Lock()

    def add(self, secret: Secret) -> None:
        """Make a secret known; raises ``ValueError`` for one that is too short to be told from ordinary text."""
        text = secret.reveal()
        if len(text) < MIN_SECRET_LENGTH:
            raise ValueError(f"a secret has at least {MIN_SECRET_LENGTH} characters")
        with self._adding:
            if text not in self._known.secrets:
                self._known = Known({*self._known.secrets, text})

    @property
    def knows_any(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._known.secrets)

    def line(self, text: str) -> str:
        """Return one line, fit to be shown; of a text with newlines in it each line is judged alone."""
        known = self._known
        if not known.secrets:
            return text
        if "\n" in text:
            return "\n".join(map(known.line, text.split("\n")))
        return known.line(text)

    def text(self, text: str) -> str:
        """Return a text of many lines, fit to be shown; lines over which a secret is split are all withheld."""
        known = self._known
        if not known.secrets:
            return text
        if "\n" not in text:
            return known.line(text)
        lines = list(map(known.line, text.split("\n")))
        known.withhold_split(lines, 1)
        return "\n".join(lines)

    def value(self, obj: Any) -> Any:
        """Return JSON-like builtins (``msgspec.to_builtins`` makes them) with every string and key redacted."""
        if not self._known.secrets and not isinstance(obj, Secret):
            return obj
        match obj:
            case str():
                return self.text(obj)
            case None | bool() | int() | float():
                return obj
            case dict():
                return {self.value(key): self.value(item) for key, item in obj.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(item) for item in obj]
            case _:
                return self.text(str(obj))

    def stream(self) -> RedactedStream:
        """Return a reader of one stream of lines that also finds secrets split over lines of it."""
        return RedactedStream(self)

    def lines(self) -> Callable[[str | None], list[str]]:
        """Return the same as a function: of each line, and of None at the end."""
        stream = self.stream()
        return lambda line: stream.close() if line is None else stream.feed(line)

    @property
    def known(self) -> Known:
        """What is looked for at this moment; it doesn't print."""
        return self._known


class RedactedStream:
    """The lines of one stream as they come: :meth:`feed` each, show what is returned, and :meth:`close` at the end.

    A line goes out at once unless a secret may begin at its end; then it waits for the next one. For one thread.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._shown: list[str] = []
        self._held: list[str] = []

    def feed(self, line: str) -> list[str]:
        """Take one line without its newline; return the redacted lines that may be shown now, often just this one."""
        known = self._redactor.known
        if not known.secrets:
            return [*self.close(), line]
        lines = [*self._shown, *self._held, known.line(line)]
        known.withhold_split(lines, len(lines) - 1)
        self._shown, self._held = lines[: len(self._shown)], lines[len(self._shown) :]
        if (
            self._held[-1] != LINE_WITHHELD
            and known.may_begin_at_end_of(self._held[-1])
            and len(self._held) < _LINES_REMEMBERED
        ):
            return []
        return self.close()

    def close(self) -> list[str]:
        """Return the lines that still wait."""
        ready, self._held = self._held, []
        self._shown = [*self._shown, *ready][-_LINES_REMEMBERED:]
        return ready


REDACTOR = Redactor()
"""The process's one redactor."""
