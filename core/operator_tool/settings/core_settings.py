"""The core's own settings, the table ``[operator-tool]``."""

from __future__ import annotations

from typing import Annotated

from operator_tool.api import Meta, PluginSettings

CORE_SECTION = "operator-tool"


class CoreSettings(PluginSettings, frozen=True, kw_only=True):
    """What is not any plugin's setting; in the environment ``OPERATOR_TOOL_LISTENERS``, without a plugin's name."""

    listeners: Annotated[
        tuple[str, ...], Meta(description="The listeners that are told of each run's events, in this order.")
    ] = ("progress",)
    plan_samples: Annotated[
        int, Meta(ge=0, le=100, description="How many real tiles of each zoom `plan` fetches to estimate from.")
    ] = 3
    reconnect_s: Annotated[
        float, Meta(ge=0, le=3600, description="How long a link to a companion that broke is tried again, in seconds.")
    ] = 180.0
    plugin_call_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="How long the import of a plugin, or one hook of it, may take, in seconds."),
    ] = 60.0
    plugin_answer_s: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="How long a flight source may take to resolve a flight, and a provider to describe itself, in "
            "seconds.",
        ),
    ] = 600.0
