"""``operator-tool verify-ready``: is this companion ready to fly this flight?"""

from __future__ import annotations

from typing import Any

import click

from .options import (
    RunOptions,
    flight_options,
    gaps_option,
    provisioner_option,
    tool_options,
    which_companion_options,
)


@click.command("verify-ready")
@flight_options
@gaps_option
@which_companion_options
@provisioner_option
@tool_options
def command(**given: Any) -> int:
    """Say whether a companion is ready to fly a flight: every check, one line each. Builds and changes nothing.

    Give the options that the cache was built with: they decide which cache is this flight's. Exit code 0 only when the
    companion's current cache is this very one, every byte of it verified, with no more gaps than --allow-gaps permits
    here; 31 when it isn't, 30 when the companion was not reached, 23 when its cache is damaged.
    """
    from operator_tool.api.errors import OperatorToolError

    from .companion_outcome import show_failure
    from .readiness import ask_each, show_readiness

    options = RunOptions(**given)
    try:
        found = ask_each(options)
    except OperatorToolError as error:
        if not options.as_json:
            raise
        return show_failure(error)
    return show_readiness(found, as_json=options.as_json)
