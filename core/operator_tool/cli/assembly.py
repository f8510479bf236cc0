"""From options to a run: places, settings, the selected plugins, and the request."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from operator_tool import __version__
from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.context import RunContext
from operator_tool.api.deadline import Deadline
from operator_tool.api.errors import UsageError
from operator_tool.api.events import Notice
from operator_tool.build_cache.parts import Parts
from operator_tool.places import Places
from operator_tool.plugin_host.calls import let_close
from operator_tool.plugin_host.discovery import Blocking, Discovery
from operator_tool.plugin_host.entry import Role
from operator_tool.plugin_host.host import PluginHost
from operator_tool.redaction import REDACTOR
from operator_tool.sectors import chosen_sectors, load_sectors
from operator_tool.settings import SettingsSources

from . import logs, own_process
from .companion_choice import chosen_companions, refuse_one_place_twice, short_settings
from .flight_choice import FILE_SOURCE, chosen_flight, chosen_ground, flight_sources, request_of
from .options import RunOptions, ToolOptions
from .recording import listeners_of, recording_settings
from .run_companions import connecting_parts, is_for_several, let_go

if TYPE_CHECKING:
    from operator_tool.build_cache.orchestrator import Orchestrator


@dataclass(frozen=True)
class Tool:
    """What every command starts from: the places and what is installed."""

    places: Places
    discovery: Discovery
    sources: SettingsSources


@dataclass(frozen=True)
class Run:
    """A run that is ready to start."""

    orchestrator: Orchestrator
    request: BuildCacheRequest
    plan_samples: int
    """How many tiles of each zoom an estimate is told from."""
    places: Places
    run_id: str
    simulated: str = ""
    """What stands in for the first companion; empty where it is a real one, or there is none."""
    simulations: Mapping[str, str] = field(default_factory=dict)
    """The same of each companion by its name."""


def open_tool(options: ToolOptions, more_settings: Sequence[str] = ()) -> Tool:
    """Return the tool's places, settings and installed plugins. Raises ``ConfigError`` or ``PluginError``."""
    blocking = Blocking.parse(no_plugins=options.no_plugins, block=options.block)
    # What a plugin changes of the environment is no setting of another, and no plugin finds another's there.
    environment = dict(os.environ)
    places = Places.find(data_dir=options.data_dir, config_file=options.config, env=environment)
    logs.configure(verbose=options.verbose, log_dir=places.log_dir)
    discovery = Discovery(blocking)
    sources = SettingsSources.read(
        config_file=places.config_file,
        explicit=places.config_named,
        env=environment,
        options=[*more_settings, *options.option],
        profiles=options.profile,
    )
    sources.check_all_used(
        {entry.name for entry in discovery.entries},
        {entry.name for entry in discovery.entries if entry.role in (Role.COMPANION_TRANSPORT, Role.PROVISIONER)},
    )
    own_process.keep_from_plugins()
    return Tool(places, discovery, sources)


@contextmanager
def open_run(options: RunOptions, *, companion: bool, writes: bool = True) -> Iterator[Run]:
    """Give a run with its plugins loaded and made; the providers are closed at the end."""
    flight_source, reference = chosen_flight(options)
    ground = chosen_ground(options)
    if not options.provider:
        known = ", ".join(Discovery().names(Role.TILE_PROVIDER))
        raise UsageError("no --provider was given", hint=f"Installed are {known}.")
    tool = open_tool(options, _short_settings(options))
    chosen = chosen_companions(options, tool.sources) if companion else ()
    run_id = uuid.uuid4().hex[:16]
    deadline = Deadline.after(options.deadline) if options.deadline else Deadline.never()

    def context_for(plugin: str) -> RunContext:
        return RunContext(
            run_id=run_id,
            state_dir=tool.places.plugin_state_dir(plugin),
            user_agent=f"operator-tool/{__version__}",
            quiet=options.quiet,
            cancelled=context.cancelled,
            deadline=deadline,
            emit=host.emit,
            redact=REDACTOR.text,
            redacted_lines=REDACTOR.lines,
            trust_dir=tool.places.trust_dir,
        )

    host = PluginHost(tool.discovery, tool.sources, context_for)
    context = RunContext(run_id=run_id, state_dir=tool.places.data_dir, deadline=deadline, emit=host.emit)
    with ExitStack() as stack:
        stack.callback(host.stop_listeners)
        host.start_listeners(listeners_of(options, tool.sources))
        companions = []
        for one in chosen:
            parts = connecting_parts(host, one, context_for, named=is_for_several(options))
            stack.callback(let_go, parts)
            companions.append(parts)
        refuse_one_place_twice({one.name: f"{one.transport.address} {one.provisioner.site}" for one in companions})
        source = host.flight_source(flight_source, flight_sources(options, tool.sources))
        file_source = host.flight_source(FILE_SOURCE) if options.area else None
        request = request_of(options, reference, ground, tool.sources, file_source)
        providers = host.tile_providers(options.provider)
        for name, provider in providers:
            what = f"tile provider {name!r}"
            stack.callback(let_close, provider, provider.close, what, limit_s=tool.sources.core().plugin_call_s)
        stack.callback(context.cancelled.set)
        for notice in (*tool.sources.notices, *host.take_notices()):
            host.emit(Notice(text=notice))
        places = tool.places
        # A link that is being opened opens meanwhile.
        from operator_tool.build_cache.orchestrator import Orchestrator

        orchestrator = Orchestrator(
            Parts(flight_source=source, providers=providers, companions=tuple(companions)),
            context,
            stores_dir=places.make(places.stores_dir) if writes else places.stores_dir,
            locks_dir=places.make(places.locks_dir) if writes else places.locks_dir,
            plugins=host.records,
            sectors=chosen_sectors(load_sectors(places), options.sector),
            reconnect_s=tool.sources.core().reconnect_s,
            answer_s=tool.sources.core().plugin_answer_s,
        )
        simulated = companions[0].simulation if companions else ""
        simulations = {one.name: one.simulation for one in companions}
        samples = tool.sources.core().plan_samples
        yield Run(orchestrator, request, samples, tool.places, run_id, simulated, simulations)


def _short_settings(options: RunOptions) -> list[str]:
    """Return the settings that the short options stand for, as ``-o`` would give them."""
    first = options.provider[0]
    short = {f"{first}.url": options.satellite_provider_url, f"{first}.api_key": options.api_key}
    return [
        *(f"{name}={value}" for name, value in short.items() if value is not None),
        *short_settings(options),
        *recording_settings(options),
    ]
