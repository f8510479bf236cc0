"""Flight source {{name}}: the flights of an HTTP service that answers in JSON.

The service's names are mapped below, in ``_Mission`` and ``_Point``; what does not fit is told with its place.
"""

import asyncio
from typing import Annotated, NamedTuple
from urllib.parse import quote

import httpx
import msgspec
from operator_tool import api

requires_contract = ">={{contract}},<2"

NAME = "{{name}}"
"""What an operator selects it by, as in pyproject.toml."""

_TRIES = 2
_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_MOST_BYTES = 16 * 1024 * 1024
_GIVEN_UP = "the run was given up while the flight service was asked"


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """Where the service is, and who asks."""

    url: Annotated[
        str,
        api.Meta(
            description="The service's address, up to a flight's id; https, or http on this machine.",
            pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])(:|/|$))",
        ),
    ]
    api_key: Annotated[api.Secret, api.Meta(description="The bearer token.")]
    timeout_s: Annotated[float, api.Meta(description="How long a whole answer may take.", gt=0, le=300)] = 20.0


class _Point(msgspec.Struct, frozen=True):
    """One place of the route, as the service spells it."""

    lat_deg: Annotated[float, msgspec.Meta(ge=-90, le=90)] = msgspec.field(name="latitude")
    lon_deg: Annotated[float, msgspec.Meta(ge=-180, le=180)] = msgspec.field(name="longitude")
    alt_m: float | None = msgspec.field(name="height", default=None)


class _Mission(msgspec.Struct, frozen=True):
    """A flight, as the service spells it; what else it sends is let be."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    points: tuple[_Point, ...]
    name: str = msgspec.field(name="title", default="")


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def may_pass(self) -> bool:
        """A server's trouble, or too many requests."""
        return self.status == 429 or self.status >= 500


class Flights:
    """Asks the service for a flight."""

    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._settings, self._context = settings, context

    def resolve(self, reference: str) -> api.Flight:
        """Return the flight with the id ``reference``."""
        answer = self._asked(f"{self._settings.url.rstrip('/')}/{quote(reference, safe='', errors='replace')}")
        if answer.status in (401, 403):
            raise api.FlightRefusedError(
                f"the flight service refused the api key (answered {answer.status})",
                hint=f"Check {NAME}.api_key.",
            )
        if answer.status in (404, 410):
            raise api.FlightNotFoundError(f"the flight service knows no flight '{api.escape_controls(reference)}'")
        if answer.status != 200:
            raise api.FlightError(
                f"the flight service answered {answer.status}", hint=f"Check {NAME}.url.", retryable=answer.may_pass
            )
        try:
            mission = msgspec.json.decode(answer.body, type=_Mission)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise api.FlightFormatError(f"what the flight service sent is no flight: {error}") from None
        return _flight(mission)

    def _asked(self, url: str) -> _Answer:
        """Ask, and once more for what may pass."""
        for tries_left in reversed(range(_TRIES)):
            pause_s = _PAUSE_S
            try:
                answer = asyncio.run(self._get(url))
            except httpx.InvalidURL:
                raise api.FlightNotFoundError("no flight has such an id") from None
            except httpx.TransportError as error:
                if not tries_left:
                    raise api.FlightError(f"no answer of the flight service: {type(error).__name__}") from None
            else:
                asked_s = api.retry_after_s(answer.headers.get("Retry-After"))
                pause_s = pause_s if asked_s is None else asked_s
                if not tries_left or not answer.may_pass or pause_s > _LONGEST_PAUSE_S:
                    return answer
            if self._context.cancelled.wait(self._context.deadline.remaining_s(pause_s)):
                raise api.FlightError(_GIVEN_UP)
        raise AssertionError("the last try returns or raises")

    async def _get(self, url: str) -> _Answer:
        """Ask once; looks round while it waits, so that a run that is given up ends at once."""
        until = api.Deadline.after(self._context.deadline.remaining_s(self._settings.timeout_s))
        asking = asyncio.ensure_future(self._read(url))
        try:
            while not asking.done():
                if self._context.cancelled.is_set():
                    raise api.FlightError(_GIVEN_UP)
                if until.passed:
                    raise httpx.ReadTimeout("no whole answer in time")
                await asyncio.wait({asking}, timeout=until.remaining_s(0.1))
            return await asking
        finally:
            asking.cancel()
            await asyncio.wait({asking})

    async def _read(self, url: str) -> _Answer:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._settings.api_key.reveal()}",
            "User-Agent": self._context.user_agent,
        }
        body = bytearray()
        async with (
            httpx.AsyncClient(headers=headers, timeout=self._settings.timeout_s) as client,
            client.stream("GET", url) as answer,
        ):
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise api.FlightFormatError(f"the flight service sent more than {_MOST_BYTES:,} bytes")
            return _Answer(answer.status_code, answer.headers, bytes(body))


def _flight(mission: _Mission) -> api.Flight:
    """Return what the service sent as operator-tool's flight."""
    if not mission.points:
        raise api.NoRouteError("the flight has no point")
    return api.Flight(
        id=api.escape_controls(mission.id),
        name=api.escape_controls(mission.name or mission.id),
        source=NAME,
        format=f"flight service {NAME}",
        waypoints=tuple(
            api.Waypoint(
                ordinal=ordinal,
                lat_deg=point.lat_deg,
                lon_deg=point.lon_deg,
                alt_m=point.alt_m,
                alt_frame=api.AltitudeFrame.TAKEOFF,
                source=f"points[{ordinal}]",
            )
            for ordinal, point in enumerate(mission.points)
        ),
    )


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    """Return the class of the settings."""
    return Settings


@api.hookimpl.make_flight_source
def make_flight_source(settings: Settings, context: api.RunContext) -> Flights:
    """Return the flight source; nothing is asked yet."""
    return Flights(settings, context)
