"""``operator-tool cameras list``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from operator_tool.cameras import KnownCamera


@click.command("list")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(*, config: Path | None, as_json: bool) -> int:
    """List the cameras: the name that --camera takes, sensor, focal length and picture. Own ones come first.

    One of your own is a table [cameras.NAME] of the configuration file.
    """
    import os

    import msgspec

    from operator_tool.cameras import all_cameras
    from operator_tool.places import Places
    from operator_tool.settings import SettingsSources

    from .store_options import show

    places = Places.find(data_dir=None, config_file=config, env=os.environ)
    sources = SettingsSources.read(
        config_file=places.config_file, explicit=places.config_named, env=os.environ, options=(), profiles=()
    )
    known = all_cameras(sources.cameras())
    document = [{"name": one.name, "own": one.is_own, "camera": msgspec.to_builtins(one.camera)} for one in known]
    show({"cameras": document}, _lines(known), as_json=as_json)
    return 0


def _lines(known: Sequence[KnownCamera]) -> Iterator[str]:
    names = max(len(one.name) for one in known)
    titles = max(len(one.camera.name) for one in known)
    for name, camera, is_own in known:
        sensor = f"{camera.sensor_width_mm:g} x {camera.sensor_height_mm:g} mm"
        picture = f"{camera.image_width_px} x {camera.image_height_px} px"
        row = f"{name:{names}}  {camera.name:{titles}}  {sensor:17}  {camera.focal_length_mm:>6g} mm  {picture}"
        yield row + ("  (your own)" if is_own else "")
