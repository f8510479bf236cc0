"""From options to a run: places, settings, the selected plugins, and the request."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operator_tool import __version__
from operator_tool.api.build import BuildCacheRequest
from operator_tool.api.context import RunContext
from operator_tool.api.deadline import Deadline
from operator_tool.api.errors import UsageError
from operator_tool.api.events import Notice
from operator_tool.api.order import AreaKind, AreaRequest
from operator_tool.api.roles import TileProvider
from operator_tool.build_cache.parts import Parts
from operator_tool.build_cache.sharpness import MAX_GSD_M
from operator_tool.places import Places
from operator_tool.plugin_host.discovery import Blocking, Discovery, Role
from operator_tool.plugin_host.host import PluginHost
from operator_tool.sectors import chosen_sectors, load_sectors
from operator_tool.settings import SettingsSources

from . import logs
from .companion_choice import chosen_companions, refuse_one_place_twice, short_settings
from .options import RunOptions, ToolOptions
from .run_companions import connecting_parts, is_for_several, let_go

if TYPE_CHECKING:
    from operator_tool.build_cache.orchestrator import Orchestrator

_log = logging.getLogger(__name__)
DEFAULT_CORRIDOR_M = 500.0
DEFAULT_ZOOMS = (15, 16, 17, 18)


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


def open_tool(options: ToolOptions, more_settings: Sequence[str] = ()) -> Tool:
    """Return the tool's places, settings and installed plugins. Raises ``ConfigError`` or ``PluginError``."""
    blocking = Blocking.parse(no_plugins=options.no_plugins, block=options.block)
    places = Places.find(data_dir=options.data_dir, config_file=options.config, env=os.environ)
    logs.configure(verbose=options.verbose, log_dir=places.log_dir)
    discovery = Discovery(blocking)
    sources = SettingsSources.read(
        config_file=places.config_file,
        explicit=places.config_named,
        env=os.environ,
        options=[*more_settings, *options.option],
        profiles=options.profile,
    )
    sources.check_all_used(
        {entry.name for entry in discovery.entries},
        {entry.name for entry in discovery.entries if entry.role in (Role.COMPANION_TRANSPORT, Role.PROVISIONER)},
    )
    return Tool(places, discovery, sources)


@contextmanager
def open_run(options: RunOptions, *, companion: bool, writes: bool = True) -> Iterator[Run]:
    """Give a run with its plugins loaded and made; the providers are closed at the end."""
    flight_source, reference = _flight(options)
    area = _area(options)
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
            trust_dir=tool.places.trust_dir,
        )

    host = PluginHost(tool.discovery, tool.sources, context_for)
    context = RunContext(run_id=run_id, state_dir=tool.places.data_dir, deadline=deadline, emit=host.emit)
    with ExitStack() as stack:
        stack.callback(host.stop_listeners)
        host.start_listeners(tool.sources.core().listeners)
        companions = []
        for one in chosen:
            parts = connecting_parts(host, one, context_for, named=is_for_several(options))
            stack.callback(let_go, parts)
            companions.append(parts)
        refuse_one_place_twice({one.name: f"{one.transport.address} {one.provisioner.site}" for one in companions})
        source = host.flight_source(flight_source)
        providers = host.tile_providers(options.provider)
        for name, provider in providers:
            stack.callback(_close, name, provider)
        stack.callback(context.cancelled.set)
        for variable in tool.sources.secret_variables:
            os.environ.pop(variable, None)  # no child process needs them
        for notice in tool.sources.notices:
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
        )
        yield Run(
            orchestrator, _request(options, reference, area), tool.sources.core().plan_samples, tool.places, run_id
        )


def _close(name: str, provider: TileProvider) -> None:
    """Let a provider free what it holds; that it can't changes nothing about the outcome."""
    try:
        provider.close()
    except Exception as error:  # noqa: BLE001 - the run is over, and its report must be seen
        _log.warning("tile provider %r failed to close: %s: %s", name, type(error).__name__, error)


def _flight(options: RunOptions) -> tuple[str, str]:
    """Return the flight source's name and the reference for it."""
    if (options.flight_id is None) == (options.flight_file is None):
        seen = "both were given" if options.flight_id is not None else "none was given"
        raise UsageError(f"a flight is named by --flight-id or by --flight-file: {seen}", hint="Give exactly one.")
    if options.flight_id is not None:
        return options.flight_source or "api", options.flight_id
    assert options.flight_file is not None
    return options.flight_source or "file", options.flight_file


def _area(options: RunOptions) -> AreaRequest:
    if options.box is not None and options.corridor is not None:
        raise UsageError("the area is a corridor or a box: both were given", hint="Give --corridor or --box.")
    if options.box is not None:
        return AreaRequest(kind=AreaKind.BOX, metres=options.box)
    return AreaRequest(
        kind=AreaKind.CORRIDOR, metres=DEFAULT_CORRIDOR_M if options.corridor is None else options.corridor
    )


def _request(options: RunOptions, reference: str, area: AreaRequest) -> BuildCacheRequest:
    return BuildCacheRequest(
        flight=reference,
        area=area,
        zooms=options.zoom or DEFAULT_ZOOMS,
        max_age_s=options.max_age,
        # Who names the zooms has chosen how sharp the imagery is to be, unless a sector says otherwise.
        max_gsd_m=MAX_GSD_M if options.max_gsd is None and options.zoom is None else options.max_gsd,
        max_tiles=options.max_tiles,
        allow_gaps=options.allow_gaps,
        dry_run=options.dry_run,
        lock_timeout_s=options.lock_timeout,
    )


def _short_settings(options: RunOptions) -> list[str]:
    """Return the settings that the short options stand for, as ``-o`` would give them."""
    first = options.provider[0]
    short = {f"{first}.url": options.satellite_provider_url, f"{first}.api_key": options.api_key}
    return [*(f"{name}={value}" for name, value in short.items() if value is not None), *short_settings(options)]
