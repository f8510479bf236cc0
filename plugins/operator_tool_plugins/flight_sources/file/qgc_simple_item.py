"""A simple item of a QGroundControl mission: one MAVLink command, in any of the three layouts it was ever written in.

``params`` of 7; ``params`` of 4 beside a ``coordinate``; ``param1`` to ``param4`` beside a ``coordinate``.
"""

from __future__ import annotations

from operator_tool.api import AltitudeFrame

from .._json_node import Node
from .mavlink import MISSION_FRAME, MissionItem, loiter_radius_m
from .qgc_numbers import number_or_keep

_CALCULATED_ABOVE_TERRAIN = 3
ALTITUDE_MODES = {
    1: AltitudeFrame.TAKEOFF,
    2: AltitudeFrame.AMSL,
    _CALCULATED_ABOVE_TERRAIN: AltitudeFrame.TERRAIN,
    4: AltitudeFrame.TERRAIN,
}
"""QGroundControl's AltitudeMode. 3 is a height above ground that it turned into one above sea level, and 4 one that
the vehicle keeps by itself."""
_V1_PARAMS = ("param1", "param2", "param3", "param4")


def read_simple_item(item: Node) -> MissionItem:
    """Return the item. Raises ``FlightFormatError`` naming the place."""
    command = item.require("command", expected="a MAV_CMD number").integer()
    numbers, lat_place, lon_place = _numbers(item)
    frame = item.require("frame", expected="a MAV_FRAME number").integer()
    alt_m, alt_frame = _altitude(item, numbers[6], frame)
    return MissionItem(
        place=item.place,
        command=command,
        frame=frame,
        lat_deg=numbers[4],
        lon_deg=numbers[5],
        alt_m=alt_m,
        alt_frame=alt_frame,
        loiter_radius_m=loiter_radius_m(command, numbers[:4]),
        lat_place=lat_place,
        lon_place=lon_place,
        frame_place=f"{item.place}.frame",
    )


def _numbers(item: Node) -> tuple[list[float | None], str, str]:
    """Return the seven parameters, and where the latitude and the longitude among them stand."""
    if item.get("params") is None and "param1" in item.members():
        listed = [item.at(item.members().get(key), key) for key in _V1_PARAMS]
    else:
        listed = item.require("params", expected="a list of 7 numbers").items()
    numbers = [number_or_keep(param) for param in listed]
    if len(numbers) == 7:
        return numbers, listed[4].place, listed[5].place
    if len(numbers) != 4:
        raise item.require("params").error(f"{len(numbers)} numbers, expected 7")
    coordinate = item.require("coordinate", expected="[latitude, longitude, altitude] beside 4 params")
    position = coordinate.items()
    if len(position) not in (2, 3):
        raise coordinate.error(f"{len(position)} numbers, expected 3")
    lat_lon_alt = [number_or_keep(value) for value in position]
    return [*numbers, *lat_lon_alt, None][:7], position[0].place, position[1].place


def _altitude(item: Node, param_m: float | None, frame: int) -> tuple[float | None, AltitudeFrame | None]:
    """Return the altitude, and what it is measured from where that is not the frame's."""
    mode = item.get("AltitudeMode")
    typed = item.get("Altitude")
    if mode is not None and mode.value == _CALCULATED_ABOVE_TERRAIN:
        calculated = item.get("AMSLAltAboveTerrain")
        if param_m is None and calculated is not None:
            return calculated.number(), AltitudeFrame.AMSL
        if param_m is None and typed is not None:
            return typed.number(), AltitudeFrame.TERRAIN
        return param_m, None
    stated = ALTITUDE_MODES.get(mode.integer()) if mode is not None and frame == MISSION_FRAME else None
    if param_m is None and typed is not None:
        return typed.number(), stated
    return param_m, stated
