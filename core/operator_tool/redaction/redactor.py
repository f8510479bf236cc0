"""The redactor: it knows every secret of this process, and lets none of them out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from operator_tool.api import Secret

from .decoding import hides_one
from .forms import MIN_SECRET_LENGTH, Form, forms_of, lowered, pieces_of

COVER = "***"
_LINES_REMEMBERED = 16
_FEWEST = 4
"""A line waits for the next one where so many characters at its end may begin a secret."""
LINE_WITHHELD = "[line withheld: it held a secret]"

_ELLIPSIS = re.compile(r"(?:\u2026|\.\.\.|\\u2026)")
_CLOSERS = " \t\r\n.\"'`)]}>,;:\\"
"""What closes a line after a text that was cut short."""
_MOST_CLOSERS = 16


class Known:
    """What is to be looked for; never changed once it is made, so that it is read without a lock."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.secrets = frozenset(secrets)
        pieces = {piece for secret in self.secrets for piece in pieces_of(secret)}
        self.needles = tuple(sorted({text.casefold() for piece in pieces for text in (piece, piece[::-1])}))
        forms = {form.text: form for piece in pieces for form in forms_of(piece)}
        self.forms: tuple[Form, ...] = tuple(sorted(forms.values(), key=lambda form: len(form.text)))
        self._joined = "\0".join(form.text for form in self.forms)
        """All forms, to tell at once that a few characters are in none of them."""
        self.reach = 2 * max((len(form.text) for form in self.forms), default=0)
        """How many characters of earlier lines a secret may begin in."""

    def covered(self, line: str) -> str:
        low = lowered(line)
        spans = [span for form in self.forms if form.text in low for span in _spans(low, form)]
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

    def cut_covered(self, line: str) -> str:
        """Cover in a redacted line the secrets that were cut short: at its end, or before an ellipsis."""
        for cut in (len(line), *(found.start() for found in reversed(list(_ELLIPSIS.finditer(line))))):
            # What closes the line may be the secret's own.
            for end in range(cut, max(len(line[:cut].rstrip(_CLOSERS)), cut - _MOST_CLOSERS) - 1, -1):
                low = lowered(line[max(end - self.reach, 0) : end])
                if len(low) < MIN_SECRET_LENGTH or low[-MIN_SECRET_LENGTH:] not in self._joined:
                    continue
                if kept := self._begun_at_end_of(low, least_of=lambda form: form.cut):
                    line = line[: end - kept] + COVER + line[end:]
                    break
        return line

    def is_in(self, text: str) -> bool:
        low = lowered(text)
        return any(form.text in low for form in self.forms) or hides_one(text, self.needles)

    def is_split_over(self, lines: list[str]) -> bool:
        """Tell whether a secret is in the lines when they are joined: as they are, unindented, or as wrapped words."""
        words = [line.strip() for line in lines]
        return any(map(self.is_in, {"".join(lines), "".join(words), " ".join(words)}))

    def may_begin_at_end_of(self, line: str) -> bool:
        tail = lowered(line.rstrip()[-self.reach :])
        return tail[-_FEWEST:] in self._joined and any(
            form.text.startswith(tail[at:]) for form in self.forms for at in _places(tail, form.text[:_FEWEST])
        )

    def begun_at_end_of(self, text: str) -> int:
        """Return how many characters at the text's end may be the begin of a secret, down to a single one."""
        return self._begun_at_end_of(lowered(text), least_of=lambda _: 1)

    def _begun_at_end_of(self, low: str, least_of: Callable[[Form], int]) -> int:
        longest = 0
        for form in self.forms:
            tail = low[-len(form.text) :]
            places = _places(tail, form.text[: least_of(form)])
            at = next((at for at in places if form.text.startswith(tail[at:])), len(tail))
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


def _spans(line: str, form: Form) -> Iterator[tuple[int, int]]:
    for at in _places(line, form.text):
        begin, end = at, at + len(form.text)
        if form.edge is not None:
            reversed_run = form.edge.match(line[:begin][::-1])
            run = form.edge.match(line, end)
            begin -= reversed_run.end() if reversed_run else 0
            end = run.end() if run else end
        yield begin, end


class Redactor:
    """Covers or withholds the secrets that were added, in every form of theirs; any thread may call it.

    Known forms are covered by ``***``, in capitals and small letters alike, and so is the begin of one where a line was
    cut short. Where a secret comes to light only by decoding, the whole line is withheld.
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
            return "\n".join(known.cut_covered(known.line(line)) for line in text.split("\n"))
        return known.cut_covered(known.line(text))

    def text(self, text: str) -> str:
        """Return a text of many lines, fit to be shown; lines over which a secret is split are all withheld."""
        known = self._known
        if not known.secrets:
            return text
        if "\n" not in text:
            return known.cut_covered(known.line(text))
        lines = list(map(known.line, text.split("\n")))
        known.withhold_split(lines, 1)
        return "\n".join(map(known.cut_covered, lines))

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
        # What is remembered stays as it was: the rest of what was cut may come yet.
        return list(map(self._redactor.known.cut_covered, ready))


REDACTOR = Redactor()
"""The process's one redactor."""
