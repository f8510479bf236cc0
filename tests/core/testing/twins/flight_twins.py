"""Flight sources that are sound but for one weakness each, and the checks of the kit that must catch it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from operator_tool.api import (
    Deadline,
    Flight,
    FlightError,
    FlightFormatError,
    FlightNotFoundError,
    FlightRefusedError,
    NoRouteError,
    RunContext,
    Waypoint,
    hookimpl,
)
from operator_tool_plugins.flight_sources.api import ApiSettings
from operator_tool_plugins.flight_sources.api.http_get import Answer
from operator_tool_plugins.flight_sources.api.source import ApiFlightSource

Resolve = Callable[[str], Flight]
Weaken = Callable[[ApiSettings, RunContext], Resolve]
_MOST_BYTES = 1_000_000
_counted = itertools.count()
_latest: dict[str, str] = {}


class FlightTwin:
    """A plugin with one weakness."""

    def __init__(self, weaken: Weaken, fails: str, limits: Mapping[str, float]) -> None:
        self.weaken = weaken
        self.fails = fails
        """The one check that it fails; empty for the sound one."""
        self.limits = limits
        """Attributes of the contract that are set lower, so that nobody waits for long."""

    @hookimpl
    def plugin_settings(self) -> type[ApiSettings]:
        """Return the settings of the sound one."""
        return ApiSettings

    @hookimpl
    def make_flight_source(self, settings: ApiSettings, context: RunContext) -> Weakened:
        """Return the source."""
        return Weakened(self.weaken(settings, context))


class Weakened:
    """A source with that weakness."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def resolve(self, reference: str) -> Any:
        """Resolve, more or less."""
        return self._resolve(reference)


TWINS: dict[str, FlightTwin] = {}


def twin(fails: str, **limits: float) -> Callable[[Weaken], FlightTwin]:
    """Make a plugin of a weakness, named as the function is."""

    def make(weaken: Weaken) -> FlightTwin:
        made = TWINS[getattr(weaken, "__name__", "")] = FlightTwin(weaken, fails, limits)
        return made

    return make


@twin("")
def sound(settings: ApiSettings, context: RunContext) -> Resolve:
    """Have no weakness at all."""
    return ApiFlightSource(settings, context).resolve


@twin("test_resolves_a_flight")
def counting_from_one(settings: ApiSettings, context: RunContext) -> Resolve:
    """Number the waypoints from 1."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        return _with_waypoints(flight, lambda point: {"ordinal": point.ordinal + 1})

    return resolve


@twin("test_keeps_the_route")
def rounding(settings: ApiSettings, context: RunContext) -> Resolve:
    """Round to six digits."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        return _with_waypoints(flight, lambda point: {"lat_deg": round(point.lat_deg, 6)})

    return resolve


@twin("test_writes_nothing_to_standard_output")
def talking(settings: ApiSettings, context: RunContext) -> Resolve:
    """Print what it asks for."""

    def resolve(reference: str) -> Flight:
        sys.stdout.write("resolving\n")
        return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_resolves_the_same_flight_twice")
def moody(settings: ApiSettings, context: RunContext) -> Resolve:
    """Say another thing each time."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        return msgspec.structs.replace(flight, notes=(f"resolved {next(_counted)} times",))

    return resolve


@twin("test_knows_what_it_does_not_have")
def ignorant(settings: ApiSettings, context: RunContext) -> Resolve:
    """Say of what is not there that the service fails."""

    def resolve(reference: str) -> Flight:
        if reference == "kit-no-such-flight":
            raise FlightError("no such flight")
        return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_refuses_odd_references")
def careless(settings: ApiSettings, context: RunContext) -> Resolve:
    """Trip over what no id is."""

    def resolve(reference: str) -> Flight:
        reference.encode()
        return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_refuses_a_flight_without_a_route")
def routeless(settings: ApiSettings, context: RunContext) -> Resolve:
    """Call a flight of nothing no flight."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except NoRouteError as error:
            raise FlightFormatError(error.message) from None

    return resolve


@twin("test_resolves_ten_thousand_waypoints", many_waypoints_s=0.01)
def slow(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take its time for long flights, of which the contract gives it less here."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        time.sleep(len(flight.waypoints) / 1e6)
        return flight

    return resolve


@twin("test_writes_nothing")
def writing(settings: ApiSettings, context: RunContext) -> Resolve:
    """Keep a copy."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        context.state_dir.mkdir(parents=True, exist_ok=True)
        (context.state_dir / "last.json").write_bytes(msgspec.json.encode(flight))
        return flight

    return resolve


@twin("test_leaves_nothing_open")
def littering(settings: ApiSettings, context: RunContext) -> Resolve:
    """Leave a thread."""

    def resolve(reference: str) -> Flight:
        flight = sound.weaken(settings, context)(reference)
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return flight

    return resolve


@twin("test_ends_when_the_run_is_given_up")
def lingering(settings: ApiSettings, context: RunContext) -> Resolve:
    """Do some more before it ends."""

    def resolve(reference: str) -> Flight:
        if context.cancelled.is_set():
            time.sleep(1.5)
        return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_serves_32_side_by_side")
def sharing(settings: ApiSettings, context: RunContext) -> Resolve:
    """Keep what it works on where all can see it."""

    def resolve(reference: str) -> Flight:
        _latest["reference"] = reference
        time.sleep(0.05)
        return sound.weaken(settings, context)(_latest["reference"])

    return resolve


@twin("test_says_no_secret")
def repeating(settings: ApiSettings, context: RunContext) -> Resolve:
    """Repeat the key that was refused."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightRefusedError:
            key = settings.api_key.reveal() if settings.api_key is not None else ""
            raise FlightRefusedError(f"the key {key} was refused") from None

    return resolve


@twin("test_tells_of_refused_credentials")
def misreading(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take a refusal for a flight that is not there."""
    return _translating(settings, context, FlightRefusedError, FlightNotFoundError)


@twin("test_tells_of_refused_credentials")
def insistent(settings: ApiSettings, context: RunContext) -> Resolve:
    """Ask once more after a refusal."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightRefusedError:
            return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_tells_of_an_unknown_flight")
def despairing(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take a flight that was there yesterday for a broken answer."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightNotFoundError as error:
            if reference.startswith("kit-flight"):
                raise FlightFormatError(error.message) from None
            raise

    return resolve


@twin("test_waits_as_the_service_asks")
def hasty(settings: ApiSettings, context: RunContext) -> Resolve:
    """Ask again at once."""
    return ApiFlightSource(settings, context, wait=lambda _seconds: None).resolve


@twin("test_does_not_wait_for_an_hour", budget_s=1.5)
def patient(settings: ApiSettings, context: RunContext) -> Resolve:
    """Wait for as long as it is told to."""
    return ApiFlightSource(msgspec.structs.replace(settings, wait_budget_s=1e9), context).resolve


@twin("test_asks_again_after_one_failure")
def faint(settings: ApiSettings, context: RunContext) -> Resolve:
    """Give up at the first failure."""

    def give_up(_seconds: float) -> None:
        raise FlightError("it failed")

    return ApiFlightSource(settings, context, wait=give_up).resolve


@twin("test_gives_up_on_a_service_that_keeps_failing")
def nagging(settings: ApiSettings, context: RunContext) -> Resolve:
    """Ask again and again."""

    def resolve(reference: str) -> Flight:
        for _ in range(8):
            try:
                return ApiFlightSource(settings, context, wait=_only_as_asked).resolve(reference)
            except FlightError as error:
                if "asked again: the same" not in error.message or "timeout" in error.message:
                    raise
                last = error
        raise last

    return resolve


@twin("test_tells_of_a_service_that_is_not_there")
def blaming(settings: ApiSettings, context: RunContext) -> Resolve:
    """Say of a service that is not there that it has no such flight."""

    def resolve(reference: str) -> Flight:
        address = urlsplit(settings.base_url)
        try:
            socket.create_connection((address.hostname or "", address.port or 80)).close()
        except ConnectionRefusedError:
            raise FlightNotFoundError("nothing is there") from None
        return sound.weaken(settings, context)(reference)

    return resolve


@twin("test_gives_up_on_a_silent_service", budget_s=1.5)
def deaf(settings: ApiSettings, context: RunContext) -> Resolve:
    """Wait for an answer without an end."""
    return ApiFlightSource(msgspec.structs.replace(settings, read_timeout_s=600.0), context).resolve


@twin("test_ends_by_the_deadline_of_the_run")
def timeless(settings: ApiSettings, context: RunContext) -> Resolve:
    """Know no deadline."""
    return ApiFlightSource(settings, dataclasses.replace(context, deadline=Deadline.never())).resolve


@twin("test_ends_when_given_up_while_it_waits")
def stubborn(settings: ApiSettings, context: RunContext) -> Resolve:
    """Go on although nobody waits."""

    def resolve(reference: str) -> Flight:
        was_given_up = context.cancelled.is_set()
        try:
            return sound.weaken(settings, context)(reference)
        except FlightError:
            time.sleep(1.5 if context.cancelled.is_set() and not was_given_up else 0.0)
            raise

    return resolve


@twin("test_refuses_what_is_no_flight")
def polite(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take a page to sign in for a service that fails."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightFormatError as error:
            if "text/html" in _asked(settings, reference).headers.get("content-type", ""):
                raise FlightError(error.message) from None
            raise

    return resolve


@twin("test_refuses_half_a_flight")
def mending(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take what can be read of a flight."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightFormatError:
            body = _asked(settings, reference).body
            if b'"waypoints"' in body and not body.rstrip().endswith(b"}"):
                return _somewhere(reference)
            raise

    return resolve


@twin("test_refuses_what_is_no_place")
def trusting(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take any number for a latitude."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightFormatError:
            body = _asked(settings, reference).body
            if b'"waypoints"' in body and body.endswith(b"}"):
                points = json.loads(body)["waypoints"]
                return _somewhere(
                    reference, *(Waypoint(ordinal=n, lat_deg=p["lat"], lon_deg=p["lon"]) for n, p in enumerate(points))
                )
            raise

    return resolve


@twin("test_refuses_an_answer_that_is_cut")
def content(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take an answer whose connection broke as far as it came."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightError as error:
            if error.exit_code == FlightError.exit_code and "without sending complete" in error.message:
                return _somewhere(reference)
            raise

    return resolve


@twin("test_stops_reading_an_endless_answer")
def bottomless(settings: ApiSettings, context: RunContext) -> Resolve:
    """Take as much as there is."""
    return ApiFlightSource(msgspec.structs.replace(settings, max_bytes=256 * 1024 * 1024), context).resolve


@twin("test_takes_its_credentials_to_no_other_host")
def following(settings: ApiSettings, context: RunContext) -> Resolve:
    """Go wherever it is sent, with its key."""

    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except FlightError as error:
            if "redirect" in error.message:
                with contextlib.suppress(OSError):
                    _asked(settings, reference)
            raise

    return resolve


def _only_as_asked(seconds: float) -> None:
    """Wait where the kit's service asks for a second, and skip the waits that the source makes up."""
    time.sleep(seconds if seconds == 1.0 else 0.0)


def _translating(
    settings: ApiSettings, context: RunContext, kind: type[FlightError], into: type[FlightError]
) -> Resolve:
    def resolve(reference: str) -> Flight:
        try:
            return sound.weaken(settings, context)(reference)
        except kind as error:
            raise into(error.message) from None

    return resolve


def _somewhere(flight_id: str, *waypoints: Waypoint) -> Flight:
    return Flight(id=flight_id, name="", source="", waypoints=waypoints or (Waypoint(ordinal=0, lat_deg=9, lon_deg=8),))


def _with_waypoints(flight: Flight, change: Callable[[Waypoint], dict[str, Any]]) -> Flight:
    points = tuple(msgspec.structs.replace(point, **change(point)) for point in flight.waypoints)
    return msgspec.structs.replace(flight, waypoints=points)


def _asked(settings: ApiSettings, reference: str) -> Answer:
    """Ask with Python's own client, which follows redirects and takes all headers along."""
    key = settings.api_key.reveal() if settings.api_key is not None else ""
    request = urllib.request.Request(
        f"{settings.base_url}/flights/{reference}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        body = answer.read(_MOST_BYTES)
    if len(body) == _MOST_BYTES:
        raise FlightFormatError("the answer is too long")
    return Answer(status=answer.status, headers=headers, body=body)
