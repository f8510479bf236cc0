"""The settings of the provider ``wmts``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from operator_tool.api import Meta

from .._http.settings import TileServerSettings


class WmtsSettings(TileServerSettings, frozen=True, kw_only=True):
    """The settings of the provider ``wmts``."""

    url: Annotated[
        str,
        Meta(
            description="The address of the service, or of its capabilities document; {api_key} in it stands for the"
            " key."
        ),
    ]
    layer: Annotated[str | None, Meta(description="The layer's identifier; the only one when not set.")] = None
    style: Annotated[
        str | None, Meta(description="The style's identifier; the layer's default, or its only one, when not set.")
    ] = None
    matrix_set: Annotated[
        str | None,
        Meta(description="The identifier of the tile matrix set; the only one in Web Mercator when not set."),
    ] = None
    format: Annotated[
        str | None,
        Meta(description="The pictures' format, such as image/jpeg or jpeg; the layer's only one when not set."),
    ] = None
    dimensions: Annotated[
        dict[str, str],
        Meta(description="Values of the layer's dimensions, such as TIME; the layer's defaults where not set."),
    ] = msgspec.field(default_factory=dict)
