"""``operator-tool set-sector``: say of an area how fresh its imagery must be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import completing
from .bounding_box import BoundingBox, Bounds
from .store_options import find_places, show

if TYPE_CHECKING:
    from operator_tool.places import Places
    from operator_tool.sectors import Sector

_KINDS = ("active_conflict", "stable_rear")  # operator_tool.sectors.SectorKind; a test holds them equal


@click.command("set-sector")
@click.argument("name", required=False, shell_complete=completing.set_sectors)
@click.option("--kind", type=click.Choice(_KINDS), help="Refuse imagery older than 6 months, or mark older than 12.")
@click.option("--bbox", type=BoundingBox(), metavar="W,S,E,N", help="The area: a box, in degrees; across 180° W > E.")
@click.option("--geojson", type=click.Path(path_type=Path), metavar="FILE", help="The area: the polygons of a file.")
@click.option("--remove", is_flag=True, help="Forget this sector.")
@click.option("--list", "as_list", is_flag=True, help="Show the sectors that are set.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the sectors are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(
    *,
    name: str | None,
    kind: str | None,
    bbox: Bounds | None,
    geojson: Path | None,
    remove: bool,
    as_list: bool,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Say of an area how fresh its imagery must be; every build looks at it.

    In an active_conflict imagery older than 6 months is refused; in a stable_rear imagery older than 12 months is kept
    and marked as downgraded. A sector of the same name is replaced.
    """
    from operator_tool.sectors import load_sectors

    places = find_places(data_dir)
    area = [option for option, given in (("--bbox", bbox), ("--geojson", geojson)) if given is not None]
    if as_list:
        if name is not None or kind is not None or area or remove:
            raise click.UsageError("--list shows all sectors, and takes nothing else")
        sectors = load_sectors(places)
    elif name is None:
        raise click.UsageError("a sector has a NAME; --list shows those that are set")
    elif remove:
        if kind is not None or area:
            raise click.UsageError("--remove takes the NAME alone")
        sectors = _removed(places, name)
    else:
        if kind is None or len(area) != 1:
            raise click.UsageError("a sector has a --kind, and an area: either --bbox or --geojson")
        sectors = _set(places, _sector(name, kind, bbox, geojson))
    _show(sectors, as_json=as_json)
    return 0


def _sector(name: str, kind: str, bbox: Bounds | None, geojson: Path | None) -> Sector:
    from datetime import UTC, datetime

    from operator_tool.api.errors import UsageError
    from operator_tool.sectors import Sector, SectorKind
    from operator_tool.sectors.checks import check_name
    from operator_tool.sectors.geojson import bounds_of, read_polygons

    check_name(name, UsageError)
    polygons = read_polygons(geojson) if geojson is not None else ()
    return Sector(
        name=name,
        kind=SectorKind(kind),
        bounds_deg=bbox or bounds_of(polygons),
        polygons_deg=polygons,
        since=datetime.now(UTC).date(),
    )


def _set(places: Places, sector: Sector) -> tuple[Sector, ...]:
    from operator_tool.sectors import change_sectors

    return change_sectors(places, lambda before: [*(one for one in before if one.name != sector.name), sector])


def _removed(places: Places, name: str) -> tuple[Sector, ...]:
    from operator_tool.api.errors import UsageError
    from operator_tool.sectors import change_sectors

    def without(before: tuple[Sector, ...]) -> list[Sector]:
        after = [one for one in before if one.name != name]
        if len(after) == len(before):
            known = ", ".join(one.name for one in before) or "none"
            raise UsageError(f"there is no sector {name!r}", hint=f"Set are: {known}.")
        return after

    return change_sectors(places, without)


def _show(sectors: Sequence[Sector], *, as_json: bool) -> None:
    import msgspec

    lines = []
    for one in sectors:
        west, south, east, north = one.bounds_deg
        area = f"{len(one.polygons_deg)} polygons" if one.polygons_deg else "box"
        since = f", since {one.since}" if one.since is not None else ""
        lines.append(f"{one.name}: {one.kind}, {area} {west:g},{south:g},{east:g},{north:g}{since}")
    show({"sectors": msgspec.to_builtins(sectors)}, lines or ["no sectors are set"], as_json=as_json)
