"""When to ask again: once after a broken connection or a 5xx, and after a 429 as the service asks, within a budget."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from operator_tool.api import FlightError

from .http_get import Answer, BrokenConnectionError

_SECONDS = re.compile(r"[0-9]{1,12}")
_FIRST_BACKOFF_S = 1.0
_SHORTEST_WAIT_S = 1.0
_LONGEST_SHOWN = timedelta(days=365)


class Retries:
    """The patience of one resolve: one retry for each request, one budget of waits for all of them.

    ``wait`` sleeps; ``now`` is the clock of the wall, seconds since 1970.
    """

    def __init__(self, *, wait_budget_s: float, wait: Callable[[float], None], now: Callable[[], float]) -> None:
        self._budget_s = self._whole_budget_s = wait_budget_s
        self._backoff_s = _FIRST_BACKOFF_S
        self._wait = wait
        self._now = now

    def ask(self, get: Callable[[], Answer]) -> Answer:
        """Return the first answer that is neither 429 nor 5xx. Raises ``FlightError`` when patience ends."""
        failures: list[str] = []
        while True:
            try:
                answer = get()
            except BrokenConnectionError as error:
                failures.append(str(error))
            else:
                if answer.status == 429:
                    self._pause(answer.headers)
                    continue
                if answer.status < 500:
                    return answer
                failures.append(f"answered {answer.status}")
            if len(failures) == 2:
                again = "the same" if failures[0] == failures[1] else failures[1]
                raise FlightError(f"{failures[0]}; asked again: {again}")
            # Jitter, so that a fleet of workstations doesn't return in step.
            self._wait(random.uniform(0.5, 1.5))  # noqa: S311 - no secret depends on it

    def _pause(self, headers: Mapping[str, str]) -> None:
        asked_s = asked_wait_s(headers, self._now())
        if asked_s is None or asked_s < _SHORTEST_WAIT_S:
            asked_s, wait_s = None, self._backoff_s
            self._backoff_s *= 2
        else:
            wait_s = asked_s
        if wait_s > self._budget_s:
            raise FlightError(
                f"answered 429, too many requests, and {self._until(asked_s)}: "
                f"beyond the {self._whole_budget_s:g} s that are waited in all",
                hint="Run the same command again then, or use --flight-file with a saved mission.",
            )
        self._budget_s -= wait_s
        self._wait(wait_s)

    def _until(self, asked_s: float | None) -> str:
        if asked_s is None:
            return "goes on doing so"
        if asked_s > _LONGEST_SHOWN.total_seconds():
            return "asks to wait for more than a year"
        then = datetime.fromtimestamp(self._now(), UTC) + timedelta(seconds=asked_s)
        return f"asks to wait {asked_s:,.0f} s, until {then:%Y-%m-%d %H:%M:%S} UTC"


def asked_wait_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the wait that ``Retry-After`` asks for, or None where it says nothing that can be meant.

    A date is taken against the service's own ``Date``, so that this machine's clock may be wrong.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    then_s = http_date_s(text)
    if then_s is None:
        return None
    service_now_s = http_date_s(headers.get("date", ""))
    return max(0.0, then_s - (now_s if service_now_s is None else service_now_s))


def http_date_s(text: str) -> float | None:
    """Return an HTTP date as seconds since 1970, or None where it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
