"""Flight source ``api``: any flights service that answers ``GET {base_url}{path}`` with a flight as JSON."""

from __future__ import annotations

from typing import Annotated

from operator_tool.api import FlightSource, Meta, PluginSettings, RunContext, Secret, hookimpl

_Seconds = Annotated[float, Meta(gt=0, le=600)]


class ApiSettings(PluginSettings, frozen=True, kw_only=True):
    """The settings of the flight source ``api``."""

    base_url: Annotated[
        str,
        Meta(min_length=1, description="The service's address, such as https://flights.example or with a path."),
    ]
    path: Annotated[str, Meta(description="Where a flight is, after base_url; {id} stands for the flight's id.")] = (
        "/flights/{id}"
    )
    waypoints_path: Annotated[
        str | None, Meta(description="Where its waypoints are, when the service gives them apart.")
    ] = None
    api_key: Annotated[Secret | None, Meta(description="The token, sent as 'Authorization: Bearer'.")] = None
    ca_file: Annotated[
        str | None, Meta(description="A PEM file of the authorities to trust instead of the public ones.")
    ] = None
    connect_timeout_s: Annotated[_Seconds, Meta(description="The longest wait for a connection.")] = 10.0
    read_timeout_s: Annotated[_Seconds, Meta(description="The longest silence while the answer comes.")] = 20.0
    request_timeout_s: Annotated[_Seconds, Meta(description="The longest time that one request may take.")] = 60.0
    wait_budget_s: Annotated[
        float, Meta(ge=0, le=3600, description="How long in all the service may ask to wait when it answers 429.")
    ] = 60.0
    max_bytes: Annotated[int, Meta(ge=1, le=256 * 1024 * 1024, description="The longest answer, decoded.")] = (
        8 * 1024 * 1024
    )
    id_field: Annotated[str, Meta(description="The payload's name for the flight's id; dots step inwards.")] = "id"
    name_field: Annotated[str, Meta(description="Its name for the flight's name.")] = "name"
    waypoints_field: Annotated[str, Meta(description="Its name for the list of waypoints.")] = "waypoints"
    ordinal_field: Annotated[str, Meta(description="Its name for a waypoint's number, from 0.")] = "ordinal"
    lat_field: Annotated[str, Meta(description="Its name for the latitude, degrees, WGS 84.")] = "lat"
    lon_field: Annotated[str, Meta(description="Its name for the longitude.")] = "lon"
    alt_field: Annotated[str, Meta(description="Its name for the altitude in metres.")] = "alt_m"
    alt_frame_field: Annotated[str, Meta(description="Its name for what the altitude is measured from.")] = "alt_frame"
    objective_field: Annotated[str, Meta(description="Its name for what is to be done there.")] = "objective"
    source_field: Annotated[str, Meta(description="Its name for where the waypoint comes from.")] = "source"


@hookimpl.plugin_settings
def plugin_settings() -> type[PluginSettings]:
    """Return the class of this source's settings."""
    return ApiSettings


@hookimpl.make_flight_source
def make_flight_source(settings: PluginSettings, context: RunContext) -> FlightSource:
    """Return the flight source. Raises ``ConfigError`` for an address or a token that can't be used safely."""
    from .source import ApiFlightSource

    assert isinstance(settings, ApiSettings)
    return ApiFlightSource(settings, context)
