"""The options that commands share, and the one value that they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

from . import completing

_Function = TypeVar("_Function", bound=Callable[..., Any])
FLIGHT_FORMATS = (
    "flight-json",
    "qgc-plan",
    "qgc-mission",
    "wpl",
    "kml",
    "kmz",
    "dji-wpml",
    "gpx",
    "geojson",
    "litchi-csv",
)
"""What the flight source ``file`` reads, which is not imported for a help text; a test holds them equal."""
_HIGHEST_ZOOM = 22  # operator_tool.api.MAX_ZOOM, which is not imported for a help text; a test holds them equal


class Zooms(click.ParamType[tuple[int, ...]]):
    """``15-18``, ``17`` or ``15,17-18``: the zooms, ascending."""

    name = "zooms"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the zooms. Fails as a usage error."""
        if isinstance(value, tuple):
            return value
        zooms: set[int] = set()
        for part in str(value).split(","):
            first, dash, last = part.strip().partition("-")
            if not (first.isdecimal() and (last.isdecimal() if dash else True)):
                self.fail(f"{value!r}: expected zooms such as 15-18, 17 or 15,17-18", param, ctx)
            low, high = int(first[:4]), int((last or first)[:4])
            if low > high or high > _HIGHEST_ZOOM:
                self.fail(f"{value!r}: zooms go from 0 to {_HIGHEST_ZOOM}, the lower one first", param, ctx)
            zooms.update(range(low, high + 1))
        return tuple(sorted(zooms))


class Age(click.ParamType[float]):
    """``7d``, ``36h``, ``90m`` or a number of seconds: a length of time, in seconds."""

    name = "age"
    _SECONDS: ClassVar[dict[str, float]] = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds. Fails as a usage error."""
        if isinstance(value, float):
            return value
        matched = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw]?)", str(value).strip())
        if matched is None:
            self.fail(f"{value!r}: expected an age such as 7d, 36h or 90m", param, ctx)
        return float(matched[1]) * self._SECONDS[matched[2]]


@dataclass(frozen=True, kw_only=True)
class ToolOptions:
    """What every command takes."""

    config: Path | None = None
    data_dir: Path | None = None
    profile: tuple[str, ...] = ()
    option: tuple[str, ...] = ()
    no_plugins: bool = False
    block: tuple[str, ...] = ()
    as_json: bool = False
    verbose: bool = False


@dataclass(frozen=True, kw_only=True)
class CompanionOptions(ToolOptions):
    """What a command takes that reaches companions: which they are, and how."""

    companion: tuple[str, ...] = ()
    all_companions: bool = False
    transport: str | None = None
    companion_host: str | None = None
    companion_port: int | None = None
    companion_user: str | None = None
    provisioner: str | None = None
    deadline: float | None = None
    quiet: bool = False
    lock_timeout: float = 0.0
    record: Path | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(CompanionOptions):
    """What a command takes that works on a flight."""

    flight_id: str | None
    flight_file: str | None
    flight_source: str | None
    provider: tuple[str, ...]
    satellite_provider_url: str | None
    api_key: str | None
    zoom: tuple[int, ...] | None
    corridor: float | None
    box: float | None
    max_tiles: int
    flight_format: str | None = None
    accept_implausible: bool = False
    area: tuple[str, ...] = ()
    home: bool = True
    fence: bool = True
    camera: str | None = None
    height: float | None = None
    coarser: int | None = None
    max_gsd: float | None = None
    tile_size: int | None = None
    sector: str | None = None
    max_age: float | None = None
    allow_gaps: int = 0
    report: Path | None = None
    replace: bool = False
    replace_after: float = 1800.0
    dry_run: bool = False


def tool_options(function: _Function) -> _Function:
    """Add what every command takes."""
    return _add(
        function,
        click.option("--config", type=click.Path(path_type=Path), help="The configuration file."),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Where stores, locks and logs lie."),
        click.option(
            "--profile",
            multiple=True,
            metavar="NAME",
            shell_complete=completing.section("profiles"),
            help="A profile of the configuration file.",
        ),
        click.option(
            "-o",
            "--option",
            multiple=True,
            metavar="PLUGIN.KEY=VALUE",
            shell_complete=completing.settings,
            help="A plugin's setting.",
        ),
        click.option("--no-plugins", is_flag=True, help="Use the built-in plugins only."),
        click.option(
            "--block",
            multiple=True,
            metavar="ROLE:NAME",
            shell_complete=completing.plugins_with_roles,
            help="Shut one plugin out.",
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output."),
        click.option("-v", "--verbose", is_flag=True, help="Log everything, the companion's lines too."),
    )


def flight_options(function: _Function) -> _Function:
    """Add what names the flight, the ground that it needs, and the providers."""
    return _add(
        function,
        click.option("--flight-id", metavar="ID", help="A flight of the flights service."),
        click.option(
            "--flight-file",
            metavar="PATH",
            shell_complete=completing.files,
            help="A mission file: QGC .plan, WPL, KML, KMZ, DJI WPML, GPX, GeoJSON, Litchi CSV, flight JSON.",
        ),
        click.option(
            "--flight-format",
            type=click.Choice(FLIGHT_FORMATS),
            metavar="NAME",
            help="What the file is read as.  [by its content]",
        ),
        click.option(
            "--flight-source",
            metavar="NAME",
            shell_complete=completing.plugins("flight_source"),
            help="The plugin that resolves the flight.",
        ),
        click.option("--accept-implausible", is_flag=True, help="Go on with a flight that can hardly be meant."),
        click.option("--bbox", hidden=True, expose_value=False, callback=_refuse_bbox),
        click.option(
            "--provider",
            multiple=True,
            metavar="NAME",
            shell_complete=completing.plugins("tile_provider"),
            help="A tile provider; repeat it for a chain.",
        ),
        click.option("--satellite-provider-url", metavar="URL", help="Short for -o PROVIDER.url=URL."),
        click.option("--api-key", metavar="KEY", help="For a quick try: the process list shows it."),
        click.option("--corridor", type=float, metavar="METRES", help="Ground to either side of the route. [500]"),
        click.option("--box", type=float, metavar="METRES", help="The route's box and so much around it instead."),
        click.option(
            "--area",
            multiple=True,
            metavar="FILE",
            shell_complete=completing.files,
            help="Ground besides: the polygons of a file; repeat it.",
        ),
        click.option("--home/--no-home", default=True, help="With the ways from home and back, or without.  [with]"),
        click.option("--fence/--no-fence", default=True, help="Within the inclusion fences, or beyond too.  [within]"),
        click.option("--zoom", type=Zooms(), help="Zooms, such as 15-19.  [from the camera; 15-18 without one]"),
        click.option(
            "--camera",
            metavar="NAME",
            shell_complete=completing.cameras,
            help="The camera to navigate by.  [the flight's own, if it says so]",
        ),
        click.option(
            "--height",
            type=click.FloatRange(0, min_open=True),
            metavar="METRES",
            help="The camera's height above the ground.  [from the flight's altitudes]",
        ),
        click.option(
            "--coarser",
            type=click.IntRange(0, 8),
            metavar="N",
            help="How many zooms coarser than the camera's pixels.  [2]",
        ),
        click.option(
            "--max-gsd",
            type=click.FloatRange(0, min_open=True),
            metavar="METRES",
            help="Refuse imagery with larger pixels at the finest zoom.  [0.5, unless --zoom or a camera says]",
        ),
        click.option(
            "--tile-size",
            type=click.IntRange(64, 2048),
            metavar="PIXELS",
            help="Ask only the providers with tiles of this size, where they differ.",
        ),
        click.option(
            "--sector",
            metavar="NAME",
            shell_complete=completing.sectors,
            help="How fresh imagery must be: active_conflict, stable_rear, or a set-sector.",
        ),
        click.option(
            "--max-tiles", type=click.IntRange(1), default=1_000_000, show_default=True, help="Refuse a plan of more."
        ),
        waiting_options,
    )


def download_options(function: _Function) -> _Function:
    """Add what a command takes that gets tiles and reports."""
    return _add(
        function,
        gaps_option,
        max_age_option,
        click.option("--report", type=click.Path(path_type=Path), metavar="PATH", help="Write the report here."),
    )


def max_age_option(function: _Function) -> _Function:
    """Add from which age on held tiles are asked for again."""
    return _add(
        function,
        click.option(
            "--max-age", type=Age(), metavar="AGE", help="Ask again about tiles that were fetched longer ago: 7d, 36h."
        ),
    )


def gaps_option(function: _Function) -> _Function:
    """Add how many tiles a cache may lack."""
    return _add(
        function,
        click.option(
            "--allow-gaps", type=click.IntRange(0), default=0, show_default=True, help="How many tiles may lack."
        ),
    )


def companion_options(function: _Function) -> _Function:
    """Add what names the companions, and how they are built."""
    return _add(
        function,
        which_companion_options,
        provisioner_option,
        click.option("--dry-run", is_flag=True, help="Plan and ask the companion; write nothing."),
        click.option("--replace", is_flag=True, help="Replace a young cache of another flight or operator."),
        click.option(
            "--replace-after",
            type=Age(),
            default="30m",
            show_default=True,
            metavar="AGE",
            help="From this age on another's cache needs no --replace.",
        ),
        lock_timeout_option,
    )


def which_companion_options(function: _Function) -> _Function:
    """Add what names the companions, and how they are reached."""
    return _add(
        function,
        click.option(
            "--companion",
            multiple=True,
            metavar="NAME",
            shell_complete=completing.section("companions"),
            help="One of the configuration; repeat for several.",
        ),
        click.option("--all-companions", is_flag=True, help="All companions of the configuration."),
        click.option(
            "--transport",
            metavar="NAME",
            shell_complete=completing.plugins("companion_transport"),
            help="How the companion is reached.  [default: ssh]",
        ),
        click.option("--companion-host", metavar="HOST", help="Short for -o TRANSPORT.host=HOST."),
        click.option("--companion-port", type=click.IntRange(1, 65535), help="Short for -o TRANSPORT.port=PORT."),
        click.option("--companion-user", metavar="USER", help="Short for -o TRANSPORT.user=USER."),
        click.option(
            "--record",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Record what passes; --transport replay plays it again.",
        ),
    )


def provisioner_option(function: _Function) -> _Function:
    """Add who builds on the companion."""
    return _add(
        function,
        click.option(
            "--provisioner",
            metavar="NAME",
            shell_complete=completing.plugins("provisioner"),
            help="Who builds there.  [default: c10]",
        ),
    )


def lock_timeout_option(function: _Function) -> _Function:
    """Add how long to wait for whoever holds the companion."""
    return _add(
        function,
        click.option(
            "--lock-timeout", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait for a running build."
        ),
    )


def waiting_options(function: _Function) -> _Function:
    """Add how long a command may take, and how much it says meanwhile."""
    return _add(
        function,
        click.option(
            "--deadline",
            type=click.FloatRange(0, min_open=True),
            metavar="SECONDS",
            help="Give the run up after so long.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress; the report and errors only."),
    )


def _add(function: _Function, *options: Callable[[_Function], _Function]) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function


def _refuse_bbox(_ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if value is not None:
        raise click.UsageError(
            "there is no --bbox: the area comes from the flight; --box METRES takes its bounding box"
        )
