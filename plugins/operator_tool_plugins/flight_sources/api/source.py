"""The flights service, asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from operator_tool.api import (
    ConfigError,
    Flight,
    FlightError,
    FlightFormatError,
    FlightNotFoundError,
    FlightRefusedError,
    RunContext,
)

from .._escaping import escaped
from .._json_node import Node
from .._payload import FieldNames, parse_flight
from .._strict_json import parse_json
from . import ApiSettings
from .address import check_base_url, check_path, check_token, flight_url, origin
from .http_get import Answer, HttpLimits, http_get
from .retrying import Retries, http_date_s

_CLOCK_SKEW_S = 300.0
_HOW_TO_SET = "Name a file of mode 0600 that holds the token as api.api_key_file, or set OPERATOR_TOOL_API_API_KEY."
_OTHER_SPELLING = (
    "The place is one in what the service sent. Where it only has other names for the same, map them with the settings"
    " api.*_field; else tell whoever runs the service."
)


class ApiFlightSource:
    """Asks a flights service for a flight. ``wait`` sleeps and ``now`` is the wall's clock; tests give their own."""

    def __init__(
        self,
        settings: ApiSettings,
        context: RunContext,
        *,
        wait: Callable[[float], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        check_token(settings.api_key)
        self._names = _field_names(settings)
        self._base = check_base_url(settings.base_url, with_token=settings.api_key is not None)
        check_path("path", settings.path)
        if settings.waypoints_path is not None:
            check_path("waypoints_path", settings.waypoints_path)
        self._settings = settings
        self._context = context
        self._wait = wait or self._wait_for_real
        self._now = now
        self._service = f"the flights service at {origin(self._base)}"
        self._limits = HttpLimits(
            connect_s=settings.connect_timeout_s,
            silence_s=settings.read_timeout_s,
            request_s=settings.request_timeout_s,
            body_bytes=settings.max_bytes,
        )

    def resolve(self, reference: str) -> Flight:
        """Return the flight with the id ``reference``. Raises a ``FlightError`` of the class that the failure has."""
        settings = self._settings
        retries = Retries(wait_budget_s=settings.wait_budget_s, wait=self._wait, now=self._now)
        try:
            document = self._get_json(settings.path, reference, "flight", retries)
            apart = settings.waypoints_path
            waypoints = None if apart is None else self._get_json(apart, reference, "waypoints of flight", retries)
            flight = parse_flight(
                document,
                source=f"api:{origin(self._base)}",
                format_name="flights service",
                names=self._names,
                waypoints=waypoints,
            )
        except FlightError as error:
            is_bare = isinstance(error, FlightFormatError) and error.hint == error.default_hint
            hint = _OTHER_SPELLING if is_bare else error.hint
            raise type(error)(f"{self._service}: {error.message}", hint=hint, retryable=error.retryable) from None
        if flight.id != escaped(reference):
            told = f"Asked for flight '{escaped(reference)}', the service sent one with the id '{flight.id}'."
            flight = msgspec.structs.replace(flight, notes=(told, *flight.notes))
        return flight

    def _get_json(self, path: str, flight_id: str, what: str, retries: Retries) -> Node:
        url = flight_url(self._base, path, flight_id)
        answer = retries.ask(lambda: self._get(url))
        if not 200 <= answer.status < 300:
            raise self._judge(answer, f"{what} '{escaped(flight_id)}'", urlsplit(url).path)
        if _is_html(answer):
            raise FlightFormatError(
                "the answer: expected JSON, got HTML, as from a login page",
                hint="Check api.base_url and api.path: they must lead to the service itself, not to its website.",
            )
        return parse_json(answer.body)

    def _get(self, url: str) -> Answer:
        settings = self._settings
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": self._context.user_agent,
        }
        if settings.api_key is not None:
            headers["Authorization"] = f"Bearer {settings.api_key.reveal()}"
        return http_get(
            url,
            headers=headers,
            ca_file=settings.ca_file,
            limits=self._limits,
            deadline=self._context.deadline,
            cancelled=self._context.cancelled,
        )

    def _judge(self, answer: Answer, wanted: str, path: str) -> FlightError:
        if answer.status in (401, 403):
            return FlightRefusedError(self._refusal(answer.status), hint=self._refusal_hint(answer))
        if answer.status in (404, 410):
            return FlightNotFoundError(
                f"no {wanted} at {path} (answered {answer.status})",
                hint="Check the flight's id, and that api.base_url and api.path lead to where the service has flights.",
            )
        if 300 <= answer.status < 400:
            return FlightError(
                f"answered {answer.status}, a redirect to {_redirect_target(answer)}; redirects are not followed",
                hint="If that is the service's right address, set api.base_url to it.",
                retryable=False,
            )
        return FlightError(
            f"answered {answer.status} when asked for {wanted}",
            hint="Check api.base_url, api.path and the flight's id.",
            retryable=False,
        )

    def _refusal(self, status: int) -> str:
        if self._settings.api_key is None:
            return f"wants a token, and none is set (answered {status})"
        return f"refused the token (answered {status})"

    def _refusal_hint(self, answer: Answer) -> str | None:
        service_now_s = http_date_s(answer.headers.get("date", ""))
        ahead_s = 0.0 if service_now_s is None else self._now() - service_now_s
        if answer.status == 401 and abs(ahead_s) > _CLOCK_SKEW_S:
            way = "ahead of" if ahead_s > 0 else "behind"
            return f"Check this workstation's clock: it is {abs(ahead_s) / 60:,.0f} minutes {way} the service's."
        return _HOW_TO_SET if self._settings.api_key is None else None

    def _wait_for_real(self, seconds: float) -> None:
        deadline = self._context.deadline
        if deadline.remaining_s() < seconds:
            raise FlightError(f"the run's deadline comes before the wait of {seconds:g} s ends")
        if self._context.cancelled.wait(seconds):
            raise FlightError("the run was given up while the flight was being asked for")


def _field_names(settings: ApiSettings) -> FieldNames:
    for key, dotted in msgspec.structs.asdict(settings).items():
        if key.endswith("_field") and not all(dotted.split(".")):
            raise ConfigError(f"api.{key} is '{escaped(dotted)}', expected a name, or names with single dots between")
    return FieldNames(
        id=settings.id_field,
        name=settings.name_field,
        waypoints=settings.waypoints_field,
        ordinal=settings.ordinal_field,
        lat=settings.lat_field,
        lon=settings.lon_field,
        alt_m=settings.alt_field,
        alt_frame=settings.alt_frame_field,
        objective=settings.objective_field,
        source=settings.source_field,
    )


def _is_html(answer: Answer) -> bool:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in ("text/html", "application/xhtml+xml") or answer.body.lstrip()[:1] == b"<"


def _redirect_target(answer: Answer) -> str:
    """Return scheme and host of the redirect, without a path or query, which may hold what is secret."""
    try:
        target = urlsplit(answer.headers.get("location", ""))
    except ValueError:
        return "an address that is none"
    if not target.netloc:
        return "another path of the same host"
    return escaped(f"{target.scheme}://{target.netloc.rpartition('@')[2]}")
