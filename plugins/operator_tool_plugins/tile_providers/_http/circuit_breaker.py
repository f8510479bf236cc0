"""Stops asking a server that has nothing to say any more."""

from __future__ import annotations

from operator_tool.api import DownloadError

_HTML_IN_A_ROW = 5


class CircuitBreaker:
    """Counts what went wrong in a row: asking on would take hours to say the same a million times.

    A wait that the server asked for is no failure: it is alive.
    """

    def __init__(self, host: str, *, connections: int) -> None:
        self._host = host
        self._silent_after = max(6, 2 * connections)
        self._absent_after = max(24, 4 * connections)
        self._broken_after = max(100, 16 * connections)
        self._answered = False
        self._failures = 0
        self._html = 0

    def answered(self) -> None:
        """Note a request that was answered well."""
        self._answered = True
        self._failures = 0

    def failed(self, problem: str, *, silent: bool) -> bool:
        """Note a request that was not; ``silent`` where the server was not even heard.

        True for a server that has answered before and has not been heard for a while: a link or a server comes back,
        so it is to be waited for, and no tile to be blamed. Raises ``DownloadError`` for one that never answered at
        all, and for one that answers nothing but errors.
        """
        self._failures += 1
        if self._failures >= (self._broken_after if self._answered else self._absent_after) and not (
            self._answered and silent
        ):
            raise DownloadError(f"{problem}; so it went {self._failures} times in a row")
        return silent and self._answered and self._failures >= self._silent_after

    def saw_html(self, html: bool) -> None:
        """Note an answer, a web page or not; raise ``DownloadError`` when all of the last ones were web pages."""
        self._html = self._html + 1 if html else 0
        if self._html >= _HTML_IN_A_ROW:
            raise DownloadError(
                f"{self._host} answers HTML instead of pictures (a quota or a captcha page?), {self._html} times in"
                " a row",
                hint="Open the provider's page in a browser and see what it says.",
            )
