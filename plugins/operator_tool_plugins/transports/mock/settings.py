"""The settings of ``[mock]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from operator_tool.api import Meta, PluginSettings


class MockSettings(PluginSettings, frozen=True, kw_only=True):
    """What the simulated companion is like, and where it lies."""

    script: Annotated[
        Path | None,
        Meta(
            description="The TOML file that says how link and machine behave and what goes wrong when; without one all"
            " goes well."
        ),
    ] = None
    seed: Annotated[
        int,
        Meta(ge=0, le=2**63 - 1, description="Decides what the script leaves to chance: jitter, and bytes of garbage."),
    ] = 0
    companion_dir: Annotated[
        Path | None,
        Meta(
            description="The simulated companion's folder: its programs run there, and its Python programs, so the"
            " agent, write nowhere else; programs that are no Python are not held back. A new or an empty one, or a"
            " mock's own. By default one in the data folder, another for each name of a companion."
        ),
    ] = None
