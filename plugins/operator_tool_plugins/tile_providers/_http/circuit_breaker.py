"""Stops asking a server that has nothing to say any more."""

from __future__ import annotations

import threading
from types import TracebackType

from operator_tool.api import DownloadError, TryAgainError

_HTML_IN_A_ROW = 5


class CircuitBreaker:
    """Counts what went wrong in a row; any thread. Asking on would take hours to say the same a million times.

    Around one request it is a context manager. A wait that the server asked for is not counted: it is alive.
    """

    def __init__(self, host: str, *, failures_in_a_row: int) -> None:
        self._host = host
        self._most_failures = failures_in_a_row
        self._lock = threading.Lock()
        self._failures = 0
        self._html = 0

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, TryAgainError):
            if error.pause_s is None:
                with self._lock:
                    self._failures += 1
                    failures = self._failures
                if failures >= self._most_failures:
                    raise DownloadError(f"{error.message}; so it went {failures} times in a row") from error
        else:
            with self._lock:
                self._failures = 0

    def saw_html(self, html: bool) -> None:
        """Count an answer that is a web page; raise ``DownloadError`` when all of the last ones were."""
        with self._lock:
            self._html = self._html + 1 if html else 0
            pages = self._html
        if pages >= _HTML_IN_A_ROW:
            raise DownloadError(
                f"{self._host} answers HTML instead of pictures (a quota or a captcha page?), {pages} times in a row",
                hint="Open the provider's page in a browser and see what it says.",
            )
