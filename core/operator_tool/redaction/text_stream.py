"""A text stream that lets no secret out, in place of one that strangers' code may write to."""

from __future__ import annotations

import codecs
import io
import threading
from typing import Any, TextIO

from .redactor import REDACTOR, Redactor


class RedactingText(io.TextIOBase):
    """Writes to another stream, redacted: whole lines as they end, the begin of one when the stream is flushed.

    Of a line that was begun, what may be the begin of a secret is kept until it goes on. Any thread may write.
    """

    def __init__(self, target: TextIO, redactor: Redactor = REDACTOR) -> None:
        super().__init__()
        self._target = target
        self._redactor = redactor
        self._lines = redactor.stream()
        self._begun = ""
        self._lock = threading.RLock()
        self._bytes = _Bytes(self)

    def write(self, text: str, /) -> int:
        """Take a text, and write what of it may be written now."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            if not self._begun and not self._redactor.knows_any:
                self._target.write(text)
                return len(text)
            *ended, self._begun = (self._begun + text).split("\n")
            for line in ended:
                self._write_lines(self._lines.feed(line))
        return len(text)

    def flush(self) -> None:
        """Write what was begun, too, but for what may be the begin of a secret."""
        with self._lock:
            self._write_lines(self._lines.close())
            kept = self._redactor.known.begun_at_end_of(self._begun)
            now, self._begun = self._begun[: len(self._begun) - kept], self._begun[len(self._begun) - kept :]
            if now:
                self._target.write(self._redactor.line(now))
            self._target.flush()

    def finish(self) -> None:
        """Write whatever is left: nothing will follow."""
        with self._lock:
            self._write_lines(self._lines.close())
            left, self._begun = self._begun, ""
            if left:
                self._target.write(self._redactor.line(left))
            self._target.flush()

    def _write_lines(self, lines: list[str]) -> None:
        if lines:
            self._target.write("".join(f"{line}\n" for line in lines))

    def close(self) -> None:
        """Stay open: it is the process's."""

    @property
    def buffer(self) -> io.BufferedIOBase:
        """The same for bytes."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only on purpose
        return self._target.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # read-only on purpose
        return self._target.errors

    @property
    def name(self) -> str:
        return getattr(self._target, "name", "<redacted>")

    def reconfigure(self, **options: Any) -> None:
        """Pass on to the stream that is written to."""
        with self._lock:
            self._target.reconfigure(**options)  # type: ignore[attr-defined]  # of a TextIOWrapper

    def fileno(self) -> int:
        """Return the descriptor of the stream that is written to, which redacts nothing."""
        return self._target.fileno()

    def isatty(self) -> bool:
        """Tell whether that is a terminal."""
        return self._target.isatty()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True


class _Bytes(io.BufferedIOBase):
    """Takes bytes for a text stream."""

    def __init__(self, text: RedactingText) -> None:
        super().__init__()
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: Any, /) -> int:
        """Take bytes; a character that is not whole waits for the rest of it."""
        raw = bytes(data)
        self._text.write(self._decoder.decode(raw))
        return len(raw)

    def flush(self) -> None:
        """Flush the text."""
        self._text.flush()

    def close(self) -> None:
        """Stay open."""

    def fileno(self) -> int:
        """Return the text stream's descriptor."""
        return self._text.fileno()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True
