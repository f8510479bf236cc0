"""The settings that every provider has that asks a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from operator_tool.api import MAX_ZOOM, Meta, PluginSettings, Secret

from .._projection import PROJECTION_DESCRIPTION, ProjectionSetting

Bounds = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""
_Lon = Annotated[float, Meta(ge=-180, le=180)]
_Lat = Annotated[float, Meta(ge=-90, le=90)]
_Zoom = Annotated[int, Meta(ge=0, le=MAX_ZOOM)]


class WebSettings(PluginSettings, frozen=True, kw_only=True):
    """What a server is asked with, how politely, and what is known of its answers."""

    api_key: Annotated[Secret | None, Meta(description="The key that the server asks for, if any.")] = None
    api_key_header: Annotated[
        str,
        Meta(
            description="The header that carries the key when the URL has no {api_key}: its name, a colon, and what"
            " stands before the key."
        ),
    ] = "Authorization: Bearer"
    public_url: Annotated[
        bool,
        Meta(
            description="Says that no part of the address is secret where a part of it looks like a token: it stands in"
            " logs, reports and the store."
        ),
    ] = False
    ca_file: Annotated[
        Path | None,
        Meta(description="A PEM file of the certificate authorities to trust instead of the system's, for https."),
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Further headers; none of them secret.")] = msgspec.field(
        default_factory=dict
    )
    # A browser opens six connections to a host, and public tile servers are run for browsers: six look like one
    # person at a map. Who runs the server may ask for more.
    max_connections: Annotated[
        int, Meta(ge=1, le=256, description="How many tiles are asked for at once; fewer when the server slows down.")
    ] = 6
    max_rate: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="How many requests are started a second at most.")
    ] = None
    max_pause_s: Annotated[
        float,
        Meta(ge=0, le=3600, description="How long the server may have the download pause before it is given up."),
    ] = 120.0
    redirect_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Other hosts that this server may send the tool to; they get no key and no headers."),
    ] = ()
    proxy: Annotated[
        str, Meta(description="A proxy's address, such as http://proxy:3128; none is taken from the environment.")
    ] = ""
    no_tile_headers: Annotated[
        dict[str, str],
        Meta(description="Headers, each with its value, that say that the picture is only a placeholder."),
    ] = msgspec.field(default_factory=lambda: {"X-VE-Tile-Info": "no-tile"})
    no_tile_sha256: Annotated[
        tuple[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")], ...],
        Meta(description="SHA-256, in hex, of pictures that are only placeholders."),
    ] = ()
    bulk_download: Annotated[
        bool | None,
        Meta(description="Whether the server's terms allow to download an area; false refuses it before it begins."),
    ] = None
    attribution: Annotated[str, Meta(description="Whose imagery it is, for the report and the cache.")] = ""
    dataset: Annotated[
        str,
        Meta(description="Names the data behind the address; made from it when empty. Change it for other imagery."),
    ] = ""


class ExtentSettings(WebSettings, frozen=True, kw_only=True):
    """What overrules the extent and the projection that a server announces."""

    bounds: Annotated[
        tuple[_Lon, _Lat, _Lon, _Lat] | None,
        Meta(
            description="The ground that there are tiles of, as west,south,east,north in degrees, where what is"
            " announced is wrong; -180,-90,180,90 is all of it."
        ),
    ] = None
    min_zoom: Annotated[
        _Zoom | None, Meta(description="The coarsest zoom that there is, where none or a wrong one is announced.")
    ] = None
    max_zoom: Annotated[
        _Zoom | None, Meta(description="The finest zoom that there is, where none or a wrong one is announced.")
    ] = None
    projection: Annotated[ProjectionSetting, Meta(description=PROJECTION_DESCRIPTION)] = "auto"


class TileServerSettings(ExtentSettings, frozen=True, kw_only=True):
    """The settings of a provider that asks for each tile by an address of its own."""

    absent_status: Annotated[
        tuple[Annotated[int, Meta(ge=300, le=599)], ...],
        Meta(
            description="HTTP statuses by which the server says that it has no such tile, besides 204, 404 and 410;"
            " such as 403."
        ),
    ] = ()
