"""A session over an SSH link."""

from __future__ import annotations

from operator_tool.api import ProgramSession, RunContext

from .link import Link
from .program import start


class SshSession(ProgramSession):
    """Runs each program in a channel of its own."""

    def __init__(self, link: Link, context: RunContext) -> None:
        super().__init__(
            link.identity,
            context,
            start=lambda argv, stall_s: start(link, argv, stall_s=stall_s),
            close_link=link.close,
        )
        self._link = link
