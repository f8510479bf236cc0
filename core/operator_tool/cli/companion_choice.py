"""Which companions a command is for, and the plugins that reach and build each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from operator_tool.api.context import RunContext
from operator_tool.api.errors import UsageError
from operator_tool.api.events import Event
from operator_tool.api.roles import CompanionTransport
from operator_tool.plugin_host.host import PluginHost
from operator_tool.settings import KnownCompanion, SettingsSources

from .asking import with_asking
from .options import CompanionOptions
from .simulation import announced_simulation

DEFAULT_TRANSPORT = "ssh"
DEFAULT_PROVISIONER = "c10"


class MadeTransport(NamedTuple):
    """What reaches one companion; nothing is connected yet."""

    transport: CompanionTransport
    context: RunContext
    simulation: str
    """What stands in for the companion; empty where it is a real one."""


@dataclass(frozen=True)
class ChosenCompanion:
    """One companion that a command is for."""

    name: str
    """Its name in the inventory; empty where it was named by its address."""
    transport: str
    provisioner: str
    sources: SettingsSources
    """Its own settings before those that all companions share."""
    transport_asked: bool = False
    """The command line named the transport."""

    def context(self, context: RunContext, *, named: bool) -> RunContext:
        """Return the run as this companion's plugins see it; its events name it where there are several.

        Its plugins may ask the operator for a secret where there is a terminal.
        """
        context = dataclasses.replace(context, companion=self.name)
        if named:
            context = dataclasses.replace(context, emit=_naming(self.name, context.emit))
        return with_asking(context, self.name if named else "")

    def make_transport(
        self, host: PluginHost, context_for: Callable[[str], RunContext], *, named: bool
    ) -> MadeTransport:
        """Load and make what reaches this companion. Raises ``ConfigError`` where that is a simulation unasked for."""
        context = self.context(context_for(self.transport), named=named)
        made = host.companion_transport(self.transport, sources=self.sources, context=context)
        simulation = announced_simulation(
            made, name=self.transport, companion=self.name, asked=self.transport_asked, context=context
        )
        return MadeTransport(made, context, simulation)


def chosen_companions(options: CompanionOptions, sources: SettingsSources) -> tuple[ChosenCompanion, ...]:
    """Return the companions that the options name, in that order; without any, the one of the transport's settings.

    Raises :class:`UsageError` for a name that the inventory hasn't, and for options that don't go together.
    """
    if not (options.companion or options.all_companions):
        return (_chosen(options, KnownCompanion("", None, None), sources),)
    _refuse_both(options)
    if options.all_companions:
        known = sources.companions()
        if not known:
            raise UsageError(
                "--all-companions was given, and the configuration file has no companion",
                hint="Write a table [companions.NAME] for each of them.",
            )
    else:
        known = tuple(sources.companion(name) for name in dict.fromkeys(options.companion))
    return tuple(_chosen(options, one, sources.for_companion(one.name)) for one in known)


def short_settings(options: CompanionOptions) -> list[str]:
    """Return the settings that ``--companion-host`` and its like stand for, as ``-o`` would give them."""
    transport = options.transport or DEFAULT_TRANSPORT
    short = {"host": options.companion_host, "port": options.companion_port, "user": options.companion_user}
    return [f"{transport}.{key}={value}" for key, value in short.items() if value is not None]


def refuse_one_place_twice(places: Mapping[str, str]) -> None:
    """Raise :class:`UsageError` where two companions, by their names, are one and the same."""
    seen: dict[str, str] = {}
    for name, place in places.items():
        if (other := seen.setdefault(place, name)) != name:
            raise UsageError(
                f"the companions {other} and {name} are one and the same: {place}",
                hint="Name one of them. A setting by -o or by a variable of the environment is for all companions.",
            )


def _chosen(options: CompanionOptions, known: KnownCompanion, sources: SettingsSources) -> ChosenCompanion:
    return ChosenCompanion(
        name=known.name,
        transport=options.transport or known.transport or DEFAULT_TRANSPORT,
        provisioner=options.provisioner or known.provisioner or DEFAULT_PROVISIONER,
        sources=sources,
        transport_asked=options.transport is not None,
    )


def _refuse_both(options: CompanionOptions) -> None:
    if options.companion and options.all_companions:
        raise UsageError("--companion and --all-companions were both given", hint="Give one of the two.")
    given = {
        "--companion-host": options.companion_host,
        "--companion-port": options.companion_port,
        "--companion-user": options.companion_user,
    }
    for option, value in given.items():
        if value is not None:
            chooser = "--all-companions" if options.all_companions else "--companion"
            raise UsageError(
                f"{chooser} and {option} were both given: a companion is named either by the configuration or by its "
                "address",
                hint=f"Leave {option} out, or {chooser}.",
            )


def _naming(name: str, emit: Callable[[Event], None]) -> Callable[[Event], None]:
    def emit_named(event: Event) -> None:
        emit(event if event.companion else msgspec.structs.replace(event, companion=name))

    return emit_named
