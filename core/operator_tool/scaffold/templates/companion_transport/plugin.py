"""Companion transport {{name}}: programs are started by a command of yours, such as ``docker exec -i companion``."""

import shlex
from collections.abc import Sequence
from typing import Annotated

from operator_tool import api

requires_contract = ">={{contract}},<2"

NAME = "{{name}}"
"""What an operator selects it by, as in pyproject.toml."""


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    """How a program is started on the companion."""

    command: Annotated[
        tuple[str, ...],
        api.Meta(
            description="What stands before a program and its arguments to start it there, such as "
            "`docker,exec,-i,companion`; empty: it starts here. It is shown to people, so no secret goes into it."
        ),
    ] = ()
    shell: Annotated[
        bool,
        api.Meta(description="The command gives its arguments to a shell, as `adb shell` does: each is quoted for it."),
    ] = False
    connect_timeout_s: Annotated[
        float, api.Meta(description="The longest wait for its first answer.", gt=0, le=300)
    ] = 15.0


class Transport:
    """Reaches the companion behind the command."""

    def __init__(self, settings: Settings, context: api.RunContext) -> None:
        self._settings, self._context = settings, context

    @property
    def address(self) -> str:
        """Names the companion's lock, and the companion in the report."""
        return f"{NAME}:{shlex.join(self._settings.command) or 'here'}"

    def connect(self) -> api.CompanionSession:
        """Open a session, and see that a program can be started in it."""
        session = api.ProgramSession(
            api.CompanionIdentity(address=self.address),
            self._context,
            start=self._start,
            close_link=lambda: None,
        )
        limits = api.RunLimits(silence_s=self._settings.connect_timeout_s, run_s=self._settings.connect_timeout_s)
        with session.run(["true"], limits=limits) as run:
            list(run)
            if run.exit_status != 0:
                seen = run.stderr_tail.strip() or f"exit status {run.exit_status}"
                raise api.CompanionError(
                    f"no program can be started with {NAME}.command: {seen}",
                    hint="Try the command by hand, with `true` behind it.",
                )
        return session

    def _start(self, argv: Sequence[str], _stalled_s: float) -> api.Program:
        """Start a program; what it says and takes goes through the command's own pipes."""
        arguments = [api.shell_line(argv)] if self._settings.shell and self._settings.command else argv
        return api.start_process([*self._settings.command, *arguments])


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    """Return the class of the settings."""
    return Settings


@api.hookimpl.make_companion_transport
def make_companion_transport(settings: Settings, context: api.RunContext) -> Transport:
    """Return the transport; nothing is started yet."""
    return Transport(settings, context)
