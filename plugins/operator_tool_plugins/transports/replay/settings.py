"""The settings of the transport ``replay``."""

from __future__ import annotations

from typing import Annotated, Literal

from operator_tool.api import Meta, PluginSettings


class ReplaySettings(PluginSettings, frozen=True, kw_only=True):
    """Which recording is played, and how."""

    file: Annotated[str, Meta(min_length=1, description="The recording, as --record wrote it.")]
    pace: Annotated[
        Literal["fast", "recorded"],
        Meta(description="fast: a line comes as soon as it may; recorded: no sooner than it came then."),
    ] = "fast"
    companion: Annotated[
        str,
        Meta(
            description="Which companion of a recording of several, by its name or address; the one of the run's own "
            "name if not given."
        ),
    ] = ""
    patience_s: Annotated[
        float,
        Meta(
            gt=0,
            le=60,
            description="How long a line waits for standard input that had gone further in the recording, in seconds.",
        ),
    ] = 2.0
